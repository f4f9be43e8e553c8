"""Images attested by a workflow's identity, verified by the real gh: certificates of the tests' own, no network."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from signed_toy import Toy
from workflow_identity import Authority

from mlgate.engine.replica import free_port
from mlgate.errors import ConfigError, InfraError
from mlgate.ledger import Ledger
from mlgate.packing.release import Release
from mlgate.project import git
from mlgate.provenance import attest, github
from mlgate.provenance.predicate import RELEASE_TYPE
from mlgate.report import Report
from mlgate.verbs import deploy

ORIGIN = "https://github.com/someone/models.git"


@pytest.fixture(scope="session")
def authority(needs: Callable[..., None]) -> Authority:
    needs("openssl")
    return Authority()


@pytest.fixture
def delivered(
    toy: Toy, authority: Authority, program: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Toy, Release, dict[str, Any]]:
    """A repository at GitHub, a release that deliver.yml built there, and what it says of it, not signed yet."""
    monkeypatch.setenv("MLGATE_GH", program("gh"))
    monkeypatch.setenv("MLGATE_TRUSTED_ROOT", str(authority.root(tmp_path / "root.jsonl")))
    monkeypatch.setenv("GH_CONFIG_DIR", str(tmp_path / "gh"))
    for name in ("GH_TOKEN", "GITHUB_TOKEN", "GH_HOST"):
        monkeypatch.delenv(name, raising=False)
    toy.params(verify="github")
    git(toy.folder, "remote", "add", "origin", ORIGIN)
    release = toy.release("one")
    github_says = {
        "GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "Someone/Models", "GITHUB_REF": "refs/heads/main",
        "GITHUB_WORKFLOW_REF": "Someone/Models/.github/workflows/deliver.yml@refs/heads/main", "GITHUB_RUN_ID": "1",
    }  # fmt: skip
    with monkeypatch.context() as runner:
        for name, value in github_says.items():
            runner.setenv(name, value)
        attest.attest(toy.project, release, Report(verb="package"), sign=False)
    return toy, release, json.loads((toy.folder / "reports" / "predicate.json").read_bytes())


def test_what_deliver_yml_attested_is_deployed(delivered: Any, authority: Authority) -> None:
    toy, release, said = delivered
    authority.attest(release.container, RELEASE_TYPE, said, release.source_commit)
    report = deploy.run(toy.project, "staging", release.hex)
    assert {check.id: check.evidence for check in report.checks if check.status in ("fail", "error")} == {}
    assert {"image-signer", "signed-repository", "signed-workflow", "signed-release"} <= {c.id for c in report.checks}
    assert Ledger(toy.project).read("staging") == release


@pytest.mark.parametrize(
    ("identity", "by"),
    [
        ({"repository": "other/models"}, "image-signer"),
        ({"workflow": ".github/workflows/pull-request.yml"}, "signed-workflow"),
        ({"ref": "refs/heads/feature"}, "signed-workflow"),
        ({"ref": "refs/pull/7/merge"}, "signed-workflow"),
        ({"commit": "b" * 40}, "signed-workflow"),
        ({"issuer": "https://gitlab.example"}, "image-signer"),
        (None, "image-signed"),
    ],
)
def test_case_14_a_right_signature_of_the_wrong_repository_workflow_or_branch_is_refused(
    delivered: Any, authority: Authority, identity: dict[str, str] | None, by: str
) -> None:
    toy, release, said = delivered
    if identity is not None:
        authority.attest(release.container, RELEASE_TYPE, said, **{"commit": release.source_commit, **identity})
    report = deploy.run(toy.project, "staging", release.hex)
    assert [check.id for check in report.checks if check.status in ("fail", "error")] == [by]
    assert Ledger(toy.project).head("staging") == ""


def test_a_certificate_of_an_authority_that_nobody_trusts_is_refused(delivered: Any) -> None:
    toy, release, said = delivered
    Authority().attest(release.container, RELEASE_TYPE, said, release.source_commit)
    report = deploy.run(toy.project, "staging", release.hex)
    assert [check.id for check in report.checks if check.status == "fail"] == ["image-signer"]


def test_a_workflow_s_word_that_a_gate_was_red_is_believed(delivered: Any, authority: Authority) -> None:
    toy, release, said = delivered
    red = {**said, "gates": [{"id": "floor", "status": "fail"}]}
    authority.attest(release.container, RELEASE_TYPE, red, release.source_commit)
    report = deploy.run(toy.project, "staging", release.hex)
    assert [check.id for check in report.checks if check.status == "fail"] == ["signed-verdict"]


def test_case_22_a_registry_that_gh_can_t_ask_is_no_verdict(delivered: Any) -> None:
    away = f"127.0.0.1:{free_port()}/toy@sha256:{'1' * 64}"
    with pytest.raises(InfraError, match="did not answer"):
        github.statements(away, "github.com/someone/models")


def test_without_a_remote_or_a_login_it_says_what_to_do(delivered: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    toy, release, _ = delivered
    monkeypatch.delenv("MLGATE_TRUSTED_ROOT")
    with pytest.raises(ConfigError, match="not logged in"):
        deploy.run(toy.project, "staging", release.hex)
    git(toy.folder, "remote", "remove", "origin")
    with pytest.raises(ConfigError, match="no remote"):
        deploy.run(toy.project, "staging", release.hex)
