"""Every wrong key of params.yaml is found before anything runs, and named."""

import copy
from datetime import timedelta
from pathlib import Path

import pytest

from mlgate.duration import parse_duration
from mlgate.errors import ConfigError
from mlgate.no_secrets import KINDS
from mlgate.params import parse
from mlgate.yaml_file import read_yaml

TEMPLATE = Path(__file__).parents[3] / "template" / "params.yaml"


@pytest.fixture(scope="module")
def good():
    content = read_yaml(TEMPLATE)
    content["project"] |= {"name": "Card fraud", "slug": "card-fraud", "owner": "acme"}
    return content


def changed(content, path, value):
    content = copy.deepcopy(content)
    *folders, last = path.split(".")
    section = content
    for folder in folders:
        section = section[folder]
    if value is ...:
        del section[last]
    else:
        section[last] = value
    return content


def test_the_template_has_valid_defaults(good):
    assert parse(good).gates.metric == "average_precision"


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("gates.floor.threshhold", 0.5, "gates.floor.threshhold: unknown key"),
        ("gates.floor.threshold", "high", "gates.floor.threshold"),
        ("gates.floor.threshold", True, "gates.floor.threshold"),
        ("gates.floor.threshold", float("nan"), "gates.floor.threshold"),
        ("gates.champion.margin", 0.0, "gates.champion.margin"),
        ("gates.champion.margin", float("inf"), "gates.champion.margin"),
        ("gates.floor.confidence", 1.5, "gates.floor.confidence"),
        ("gates.metric", ..., "gates.metric: missing"),
        ("monitor", ..., "monitor: missing"),
        ("monitor.k", 9, "monitor.k is at most monitor.n"),
        ("monitor.window", "1 day", "monitor.window"),
        ("monitor.window", "0d", "monitor.window"),
        ("split.holdout", 1.5, "between 0 and 1"),
        ("split.holdout", "soon", "split.holdout"),
        ("serving.ports.staging", 80_000, "serving.ports.staging"),
        ("serving.ports", {"staging": 3000, "production": 3000}, "serving.ports"),
        ("project.slug", "Card Fraud", "project.slug"),
        ("project", "card fraud", "project"),
        ("extra", {}, "extra: unknown key"),
    ],
)
def test_a_wrong_key_is_named_with_what_it_should_be(good, path, value, words):
    with pytest.raises(ConfigError, match=words) as caught:
        parse(changed(good, path, value))
    assert caught.value.mend


@pytest.mark.parametrize("content", [None, [], "text", 3])
def test_params_that_are_no_mapping_are_refused(content):
    with pytest.raises(ConfigError, match="not a mapping"):
        parse(content)


def test_durations_are_whole_numbers_with_a_unit():
    assert parse_duration("90m") == timedelta(minutes=90)
    assert parse_duration("2w") == timedelta(days=14)
    for wrong in ("", "d", "1", "-1d", "1.5d", "1y", 7, None, "٣d"):
        with pytest.raises(ValueError, match="whole number"):
            parse_duration(wrong)


CANARIES = {
    "a password in an address": "postgresql://reader:c4nary-s3cret@warehouse/cards",
    "a private key": "-----BEGIN EC PRIVATE " + "KEY-----\nc4nary-s3cret",  # in two, as a hook refuses the whole
    "a GitHub token": "ghp_c4naryS3cretc4naryS3cret",
    "a GitLab token": "glpat-c4naryS3cretc4nary",
    "an AWS access key": "AKIAC4NARYS3CRETC4NA",
    "a Google API key": "AIzac4naryS3cretc4naryS3cretc4naryS3cre",
    "a Slack token": "xoxb-c4nary-s3cret",
    "a PyPI token": "pypi-" + "c4naryS3cret" * 5,
    "a storage account key": "AccountName=a;AccountKey=c4naryS3cretc4nary==",
    "a signed address": "https://a.example/b.csv?sig=c4naryS3cretc4nary",
    "a JSON web token": "eyJc4naryS3cret.eyJc4naryS3cret.x",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("path", ["data.source", "model.token", "unknown"])
def test_case_23_a_secret_is_refused_by_its_key_and_never_repeated(good, path, kind):
    value = {"options": ["harmless", CANARIES[kind]]} if path == "data.source" else CANARIES[kind]
    with pytest.raises(ConfigError) as refused:
        parse(changed(good, path, value))
    place = "data.source.options[1]" if path == "data.source" else path
    assert f"{place} holds {kind}" in str(refused.value)
    assert CANARIES[kind] not in f"{refused.value} {refused.value.mend}"


@pytest.mark.parametrize(
    "harmless",
    ["s3://bucket/cards.parquet", "https://a.example:8443/b.csv?page=2", "http://user@host/x", "sha256:" + "ab" * 32],
)
def test_an_address_without_a_secret_is_taken(good, harmless):
    content = changed(good, "data.source", {"uri": harmless})
    assert parse(content).data.source["uri"] == harmless
