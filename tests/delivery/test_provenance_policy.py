"""What is asked of an image before it is deployed: green on a good one, red under its own id on each bad one."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from mlgate.errors import ConfigError, DataError, InfraError
from mlgate.files import digest
from mlgate.packing.release import read_card
from mlgate.proofs import provenance as kept
from mlgate.proofs.proof import prove
from mlgate.provenance import claims, github, policy
from mlgate.provenance.predicate import RELEASE_TYPE, Predicate
from mlgate.provenance.statement import Signer, from_envelope, from_statement, newest
from mlgate.provenance.verdicts import CHECKS

DOCS = Path(__file__).parents[2] / "docs"
CARD = {
    "model": "toy", "file": "model.skops", "format": "skops", "inputs": "sha256:" + "0" * 64, "estimator": "x",
    "task": "binary", "features": ["x"], "train_rows": 1, "train_digest": "d", "data_digest": "sha256:" + "d" * 64,
    "holdout_digest": "sha256:" + "e" * 64, "holdout_rows": 1,
}  # fmt: skip


@pytest.fixture
def models(tmp_path: Path):
    (tmp_path / "model.skops").write_bytes(b"a model")
    (tmp_path / "model.json").write_text(json.dumps({**CARD, "digest": digest(tmp_path / "model.skops")}))
    return SimpleNamespace(models=tmp_path)


@pytest.fixture
def proofs(models):
    return kept.proofs(models)


@pytest.fixture
def card(models):
    return read_card(models.models)


@pytest.mark.parametrize("name", CHECKS)
def test_each_check_of_an_image_is_green_on_a_good_one_and_red_on_each_bad_one(proofs, name):
    found = prove(name, proofs[name])
    assert found.status == "pass", found.evidence
    for label, bad in proofs[name].bad.items():
        assert bad().mend, f"{name}: {label} says not what to do"


def test_a_check_that_lets_everything_pass_is_found_out(models, monkeypatch):
    monkeypatch.setattr(claims, "judged", lambda said: claims.good("signed-verdict", "fine"))
    assert prove("signed-verdict", kept.proofs(models)["signed-verdict"]).status == "fail"


def test_the_published_schema_is_the_predicate_s():
    assert json.loads((DOCS / "release-predicate.schema.json").read_text()) == Predicate.model_json_schema()


def test_a_policy_of_none_says_loudly_that_nothing_was_verified():
    found = policy.needed("registry.example/models@sha256:" + "1" * 64, "none")
    assert (found.status, found.evidence.split(":")[0]) == ("skip", "NOT VERIFIED")


def test_a_rollback_takes_what_the_environment_had_though_it_is_older_and_its_signature_has_expired(card):
    release, said = kept._release(card), kept._attested(card)
    newer = policy.Former("x", "f" * 12, "b" * 40, "c" * 40, kept.BUILT, descends=True)
    had = policy.Former(release.container, release.version, "d" * 40, release.source_commit, kept.BUILT, descends=False)
    assert policy.not_replayed(release, [newer, had], "staging", rollback=True).status == "pass"
    assert policy.not_replayed(release, [newer, had], "staging", rollback=False).status == "fail"
    late = kept.NOW + timedelta(days=400)
    assert claims.fresh(said, timedelta(days=30), late, rollback=True).status == "skip"
    assert claims.fresh(said, timedelta(days=30), late, rollback=False).status == "fail"


def test_deploying_again_what_the_environment_names_is_no_replay(card):
    release = kept._release(card)
    now = policy.Former(release.container, release.version, "d" * 40, release.source_commit, kept.BUILT, descends=False)
    assert policy.not_replayed(release, [now], "staging", rollback=False).status == "pass"


def test_case_20_a_signer_s_clock_may_be_a_day_off(card):
    said = kept._attested(card)
    for hours, status in ((23, "pass"), (25, "fail")):
        now = said.moment - timedelta(hours=hours)
        assert claims.fresh(said, timedelta(days=30), now, rollback=False).status == status


def test_a_witness_s_time_counts_before_the_signer_s_own(card):
    said = kept._attested(card)
    witnessed = from_statement(statement(said), said.signer, datetime(2026, 1, 1, tzinfo=UTC))
    assert witnessed.moment == datetime(2026, 1, 1, tzinfo=UTC)


def test_the_newest_statement_counts_also_where_an_older_one_was_kinder(card):
    old = kept._attested(card)
    predicate = old.predicate.model_copy(update={"verdict": "fail", "attested": kept.NOW})
    red = from_statement({**statement(old), "predicate": json.loads(predicate.model_dump_json())}, old.signer)
    assert claims.judged(newest([red, old])).status == "fail"
    assert newest([]) is None


def statement(said):
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "predicateType": RELEASE_TYPE,
        "subject": [{"name": "toy", "digest": {"sha256": kept.DIGEST.removeprefix("sha256:")}}],
        "predicate": json.loads(said.predicate.model_dump_json()),
    }


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"predicateType": "https://slsa.dev/provenance/v1"}, "another type"),
        ({"_type": "x"}, "another type"),
        ({"subject": [{"digest": {}}]}, "none of a release"),
        ({"predicate": {}}, "damaged"),
        ({"predicate": None}, "damaged"),
    ],
)
def test_a_statement_of_something_else_is_refused(card, change, words):
    with pytest.raises(DataError, match=words):
        from_statement({**statement(kept._attested(card)), **change}, Signer("key", "k"))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"payload": "!", "payloadType": "application/vnd.in-toto+json"}'])
def test_an_envelope_that_can_t_be_read_is_refused(text):
    with pytest.raises(DataError, match="can't be read"):
        from_envelope(text, Signer("key", "k"))


# What `gh attestation verify --format json` prints, in its shape: gh itself needs GitHub, and was not run here.
def gh_says(said, **certificate):
    workflow = f"https://github.com/Someone/Models/{claims.WORKFLOW}@{claims.MAIN}"
    names = {
        "certificateIssuer": "CN=sigstore-intermediate,O=sigstore.dev",
        "subjectAlternativeName": workflow,
        "issuer": claims.ISSUER,
        "buildSignerURI": workflow,
        "buildSignerDigest": "a" * 40,
        "runnerEnvironment": "github-hosted",
        "sourceRepositoryURI": "https://github.com/Someone/Models",
        "sourceRepositoryDigest": "a" * 40,
        "sourceRepositoryRef": claims.MAIN,
        "runInvocationURI": "https://github.com/Someone/Models/actions/runs/1/attempts/1",
    }
    result = {
        "mediaType": "application/vnd.dev.sigstore.verificationresult+json;version=0.1",
        "statement": statement(said),
        "signature": {"certificate": {**names, **certificate}},
        "verifiedTimestamps": [{"type": "Tlog", "uri": "rekor", "timestamp": "2026-01-03T01:00:00+01:00"}],
    }
    return json.dumps([{"attestation": {"bundle": {}}, "verificationResult": result}])


def test_what_gh_verified_is_read_with_its_certificate(card):
    (found,) = github.read(0, gh_says(kept._attested(card)), "").attested
    assert found.signer.repository == kept.ORIGIN
    assert (found.signer.workflow, found.signer.ref, found.signer.commit) == (claims.WORKFLOW, claims.MAIN, "a" * 40)
    assert found.moment == datetime(2026, 1, 3, tzinfo=UTC)
    for check in (
        claims.signer(found, "ours"), claims.by_workflow(found), claims.from_repository(found, kept.ORIGIN, "toy")
    ):  # fmt: skip
        assert check.status == "pass", check.evidence


@pytest.mark.parametrize(
    ("certificate", "check"),
    [
        ({"sourceRepositoryURI": "https://github.com/other/models"}, "signed-repository"),
        ({"sourceRepositoryRef": "refs/heads/feature"}, "signed-workflow"),
        ({"sourceRepositoryRef": "refs/pull/1/merge"}, "signed-workflow"),
        ({"buildSignerURI": f"https://github.com/other/models/{claims.WORKFLOW}@{claims.MAIN}"}, "signed-workflow"),
        ({"buildSignerURI": f"https://github.com/Someone/Models/.github/x.yml@{claims.MAIN}"}, "signed-workflow"),
        ({"sourceRepositoryDigest": "b" * 40}, "signed-workflow"),
        ({"issuer": "https://accounts.example"}, "image-signer"),
    ],
)  # fmt: skip
def test_case_14_a_right_signature_of_the_wrong_workflow_branch_or_repository_is_refused(card, certificate, check):
    (found,) = github.read(0, gh_says(kept._attested(card), **certificate), "").attested
    checks = [
        claims.signer(found, "ours"), claims.from_repository(found, kept.ORIGIN, "toy"), claims.by_workflow(found)
    ]  # fmt: skip
    assert check in [found.id for found in checks if found.status == "fail"]


def test_gh_is_asked_for_our_predicate_of_our_repository_and_the_very_digest():
    words = github.arguments(f"{kept.REPOSITORY}@{kept.DIGEST}", "ghe.example/someone/models")
    assert words[:3] == ["attestation", "verify", f"oci://{kept.REPOSITORY}@{kept.DIGEST}"]
    assert words[words.index("--repo") + 1] == "someone/models"
    assert words[words.index("--predicate-type") + 1] == RELEASE_TYPE
    assert words[words.index("--hostname") + 1] == "ghe.example"


@pytest.mark.parametrize(
    ("code", "errors", "kind"),
    [
        (4, "To get started with GitHub CLI, please run: gh auth login", ConfigError),
        (1, "Error: HTTP 503: Service Unavailable", InfraError),
        (1, "dial tcp: lookup api.github.com: no such host", InfraError),
        (1, "HTTP 429: rate limit exceeded", InfraError),
    ],
)
def test_case_22_gh_that_can_t_ask_is_no_verdict(code, errors, kind):
    with pytest.raises(kind):
        github.read(code, "", errors)


def test_gh_that_finds_nothing_or_refuses_is_no_signature():
    assert github.read(1, "", "Error: HTTP 404: Not Found").strangers == 0
    assert github.read(1, "", "Error: verifying with issuer sigstore.dev").strangers == 1
    with pytest.raises(DataError, match="can't be read"):
        github.read(0, '[{"verificationResult": {}}]', "")
