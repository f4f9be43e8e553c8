"""From a digest back to data, code, metrics and people; a record that is none is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from toy_repository import commit_all, make_release

from mlgate.cli import main
from mlgate.errors import DataError
from mlgate.ledger import Ledger
from mlgate.packing.release import Release
from mlgate.project import Project
from mlgate.report import Check, Report

SCHEMA = Path(__file__).parents[3] / "docs" / "release.schema.json"
LOCK = "stages:\n  ingest:\n    outs:\n    - {path: data/raw.parquet, hash: md5, md5: abc123, size: 4096}\n"
DATA = "sha256:" + "d" * 64
CONTAINER = "registry.example/toy@sha256:" + "1" * 64


@pytest.fixture
def here(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Two releases from two commits of the same data: A was everywhere and came back, B only in staging."""
    monkeypatch.chdir(project.root)
    (project.root / "data").mkdir()
    (project.root / "data" / "snapshot.json").write_text(json.dumps({"digest": DATA, "rows": 12_345}))
    (project.root / "dvc.lock").write_text(LOCK)
    ledger = Ledger(project)
    a, b = release(project, "a", container=CONTAINER, model_version="7"), release(project, "b")
    first = ledger.write("staging", a, {}, "deploy(staging): toy a", {"Approved-By": "Ada"}).commit
    ledger.write("production", a, {}, "promote(production): toy a", {"Approved-By": "Bo"})
    ledger.write("staging", b, {}, "deploy(staging): toy b", {"Approved-By": "Ada"})
    ledger.restore("staging", first, "rollback(staging): toy a", {"Approved-By": "Cy"})
    return project


def release(project: Project, seed: str, **more: str) -> Release:
    commit_all(project.root, f"model {seed}")
    return make_release(seed).model_copy(update={"source_commit": project.commit, "data_digest": DATA, **more})


def traced(project: Project, wanted: str, code: int = 0) -> dict[str, list[Check]]:
    assert main(["lineage", wanted]) == code
    found: dict[str, list[Check]] = {}
    for check in Report.read(project.reports / "lineage.json").checks:
        found.setdefault(check.id, []).append(check)
    return found


def test_every_name_of_a_release_leads_to_its_whole_chain(here: Project) -> None:
    entries = Ledger(here).entries("production")
    a = entries[0].release
    assert a is not None
    names = [a.image, a.image[:17], a.hex[:8].upper(), a.version, CONTAINER, a.source_commit, entries[0].commit[:10]]
    chains = [traced(here, name) for name in names]
    assert all(chain == chains[0] for chain in chains)
    chain = chains[0]
    assert [check.evidence.count("by Ada") or check.evidence.count("by Cy") for check in chain["staging"]] == [1, 1]
    assert "until now" in chain["staging"][1].evidence
    assert re.search(r"until .* \(deploy\(staging\): toy b", chain["staging"][0].evidence)
    assert "by Bo, until now" in chain["production"][0].evidence
    assert "by a <a@b>" in chain["source"][0].evidence
    assert "model a" in chain["source"][0].evidence
    assert chain["data"][0].evidence == f"{DATA}, 12,345 rows, DVC md5 abc123, 4,096 bytes"
    assert "MLflow version 7" in chain["model"][0].evidence
    assert chain["container"][0].evidence == CONTAINER
    metric = chain["metric/roc_auc"][0]
    assert (metric.observed, metric.interval) == (0.75, (0.7, 0.8))
    assert Report.read(here.reports / "lineage.json").subject.image_digest == a.image


def test_data_lead_to_every_release_that_was_made_of_them(here: Project) -> None:
    chain = traced(here, DATA)
    versions = {make_release(seed).version for seed in "ab"}
    assert {name.partition("/")[0] for name in chain} == versions
    assert chain[f"{make_release('b').version}/container"][0].status == "skip"


@pytest.mark.parametrize("wanted", ["", "abc", "sha256:", "not-a-digest", "f" * 12, "../..", "0" * 200, "\n", "-x"])
def test_what_is_unknown_is_said_to_be(here: Project, wanted: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lineage", "--", wanted]) == 1
    assert re.search("is no digest|no environment ever named", capsys.readouterr().err)


def test_the_start_of_two_digests_names_both(here: Project, capsys: pytest.CaptureFixture[str]) -> None:
    ledger, prefix = Ledger(here), "abcdef"
    for tail in "12":
        digest = f"sha256:{prefix}{tail * 58}"
        ledger.write("staging", make_release(tail).model_copy(update={"image": digest}), {}, "deploy", {})
    assert main(["lineage", prefix]) == 1
    words = capsys.readouterr().err
    assert f"image {prefix}1" in words
    assert f"image {prefix}2" in words
    assert traced(here, f"{prefix}1")


def test_a_link_that_does_not_hold_is_red_and_one_that_is_elsewhere_is_skipped(here: Project) -> None:
    (here.root / "data" / "snapshot.json").write_text(json.dumps({"digest": "sha256:" + "0" * 64, "rows": 1}))
    forged = release(here, "forged")
    Ledger(here).write("staging", forged, {}, "deploy", {})
    assert "its commit sha256:0000" in traced(here, forged.image, 1)["data"][0].evidence
    far = make_release("far")
    Ledger(here).write("staging", far, {}, "deploy", {})
    chain = traced(here, far.image)
    assert (chain["source"][0].status, chain["data"][0].status) == ("skip", "skip")


def test_the_published_schema_of_a_release_is_the_models() -> None:
    assert json.loads(SCHEMA.read_text()) == Release.model_json_schema()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema_version": 2}, "has schema_version 2, and this mlgate reads 1: a newer one wrote it"),
        ({"schema_version": "x" * 500}, "has schema_version 'xxx"),
        ({"image": "latest"}, "is damaged: image:"),
        ({"container": "toy:latest"}, "is damaged: container:"),
        ({"note": "x"}, "is damaged: note:"),
    ],
)
def test_a_record_that_is_none_is_refused_with_a_sentence_and_rolled_back(
    here: Project, change: dict[str, object], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLGATE_ENGINE", "none")
    branch, b = Ledger(here).branch("staging"), make_release("b").version
    said = json.loads(branch.file(branch.head(), "release.json") or b"") | change
    branch.add({"release.json": json.dumps(said).encode()}, "by hand", branch.head())
    with pytest.raises(DataError, match=re.escape(words)) as caught:
        Ledger(here).read("staging")
    assert len(str(caught.value)) < 300
    assert "rollback" in caught.value.mend
    for verb in (
        ["history", "--env", "staging"],
        ["status"],
        ["lineage", DATA],
        ["rollback", "--env", "staging", "--to", b],
    ):
        assert main(verb) in (0, 1), verb
    assert Ledger(here).read("staging") is not None
