"""`doctor --github`, with the real `gh`: what is missing at GitHub is said, set once, and then left alone."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from github_settings import Settings

from mlgate.github import api

ASKED = ("doctor", "--github")


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    found = Settings(tmp_path / "socket")
    yield found
    found.close()
    assert found.violations == [], "GitHub would refuse this, or never answer so"


@pytest.fixture
def project(project_copy, tmp_path: Path, run) -> Path:
    repository = project_copy(tmp_path)
    done = run(["git", "remote", "add", "origin", "git@github.localhost:acme/card-fraud.git"], repository)
    assert done.returncode == 0
    return repository


@pytest.fixture
def doctor(project: Path, settings: Settings, program, mlgate, tmp_path: Path):
    """`doctor("--apply")`: exit code, what was said, checks by id."""
    home = tmp_path / "gh"
    home.mkdir()
    (home / "config.yml").write_text(f"version: 1\nhttp_unix_socket: {tmp_path / 'socket'}\n")
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "gh").symlink_to(program("gh"))

    def _doctor(*words: str, **extra: str) -> tuple[int, str, dict[str, Any]]:
        login = {"GH_CONFIG_DIR": str(home), "GH_HOST": "github.localhost", "GH_TOKEN": "t", "GH_ENTERPRISE_TOKEN": "t"}
        path = os.pathsep.join([str(programs), os.environ["PATH"]])
        environ = login | {"PATH": path, "GITHUB_REPOSITORY": ""}
        done = mlgate(project, *ASKED, *words, **(environ | extra))
        said = done.stdout + done.stderr
        assert "Traceback" not in said
        print(said)
        report = json.loads((project / "reports" / "doctor.json").read_text())
        return done.returncode, said, {check["id"]: check for check in report["checks"]}

    return _doctor


def test_what_is_missing_is_said_and_nothing_is_changed(doctor, settings: Settings) -> None:
    code, said, checks = doctor()
    assert code == 1
    assert checks.pop("github/token")["status"] == "pass"
    assert {check["status"] for check in checks.values()} == {"fail"}
    assert "--apply" in said
    assert settings.writes == []


def test_apply_sets_all_says_so_and_changes_nothing_the_second_time(doctor, settings: Settings) -> None:
    code, said, checks = doctor("--apply", "--reviewer", "xx")
    assert code == 0, said
    assert {check["status"] for check in checks.values()} == {"pass"}
    assert {rule["name"] for rule in settings.rulesets} == {
        "mlgate: main is deployable", "mlgate: the ledger is never rewritten",
    }  # fmt: skip
    assert settings.environments["production"]["people"] == [{"type": "User", "id": 2}]
    assert settings.policies == {"staging": ["main"], "production": ["main"]}
    assert settings.workflow["default_workflow_permissions"] == "read"
    assert "thresholds-approved" in settings.labels
    assert "made the ruleset" in said
    before = len(settings.writes)
    code, said, _ = doctor("--apply", "--reviewer", "xx")
    assert (code, len(settings.writes)) == (0, before)
    assert "nothing to change" in said


def test_what_someone_loosened_at_github_is_found_and_set_back(doctor, settings: Settings) -> None:
    doctor("--apply", "--reviewer", "xx")
    rule = next(rule for rule in settings.rulesets if "deployable" in rule["name"])
    rule["rules"] = [one for one in rule["rules"] if one["type"] != "required_status_checks"]
    rule["enforcement"] = "disabled"
    settings.environments["production"]["people"] = []
    code, said, checks = doctor("--reviewer", "xx")
    assert code == 1
    assert "rules lacks required_status_checks" in checks["github/ruleset-main"]["evidence"]
    assert "enforcement is 'disabled'" in checks["github/ruleset-main"]["evidence"]
    assert checks["github/environment-production"]["evidence"] == "nobody has to approve a deployment"
    code, said, _ = doctor("--apply", "--reviewer", "xx")
    assert code == 0, said
    assert len(settings.rulesets) == 2


def test_where_a_key_signs_its_environment_is_made_and_its_secrets_are_asked_for(
    doctor, settings: Settings, project: Path
) -> None:
    params = project / "params.yaml"
    params.write_text(params.read_text().replace("\n  verify: none", "\n  verify: key", 1))
    code, _, checks = doctor("--apply", "--reviewer", "xx")
    assert code == 1
    assert settings.policies["signing"] == ["main"]
    assert settings.environments["signing"]["people"] == []
    found = checks.pop("github/signing-key")
    assert found["evidence"] == "the environment signing lacks COSIGN_PRIVATE_KEY, COSIGN_PASSWORD"
    assert "gh secret set COSIGN_PRIVATE_KEY --env signing" in found["mend"]
    assert {check["status"] for check in checks.values()} == {"pass"}
    settings.secrets = {"COSIGN_PRIVATE_KEY", "COSIGN_PASSWORD"}
    code, said, _ = doctor("--reviewer", "xx")
    assert code == 0, said


def test_case_21_a_login_without_rights_is_told_and_one_with_too_many_as_well(doctor, settings: Settings) -> None:
    settings.admin = False
    code, _, checks = doctor("--apply")
    assert code == 1
    assert "does not administer" in checks["github/token"]["evidence"]
    assert settings.writes == []
    settings.admin, settings.scopes = True, "repo, delete_repo, admin:org"
    _, _, checks = doctor()
    assert checks["github/token"]["status"] == "pass"
    assert "more than this needs: admin:org, delete_repo" in checks["github/token"]["evidence"]


def test_a_setting_that_the_plan_does_not_offer_is_told_and_the_others_are_set(doctor, settings: Settings) -> None:
    settings.refuse = {("PUT", "/environments/production"): (422, "Failed to create the environment protection rule")}
    code, _, checks = doctor("--apply", "--reviewer", "xx")
    assert code == 1
    assert checks["github/environment-production"]["status"] == "error"
    assert "paid plan" in checks["github/environment-production"]["mend"]
    assert [name for name, check in checks.items() if check["status"] != "pass"] == ["github/environment-production"]


def test_case_22_a_busy_github_is_asked_again_and_one_that_stays_down_is_exit_3(
    doctor, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.refuse, settings.times = {("GET", "/rulesets"): (502, "Bad Gateway")}, 1
    code, said, checks = doctor()
    assert checks["github/ruleset-main"]["status"] == "fail", "it was asked again, and answered"
    settings.refuse, settings.times = {("GET", "/repos"): (401, "Bad credentials")}, 10**6
    code, said, _ = doctor()
    assert code == 3
    assert "gh auth login" in said


def test_without_gh_or_without_a_remote_there_is_one_message(project: Path, mlgate, run, tmp_path: Path) -> None:
    tools = tmp_path / "only-git"
    tools.mkdir()
    (tools / "git").symlink_to(shutil.which("git"))
    done = mlgate(project, *ASKED, PATH=str(tools), GITHUB_REPOSITORY="")
    assert done.returncode == 3, done.stderr
    assert "gh is not installed" in done.stderr
    run(["git", "remote", "remove", "origin"], project)
    done = mlgate(project, *ASKED, GITHUB_REPOSITORY="")
    assert done.returncode == 2
    assert "gh repo create" in done.stderr


@pytest.mark.parametrize(
    "url",
    ["git@github.com:acme/card-fraud.git", "https://github.com/acme/card-fraud", "ssh://git@ghe.example.org/acme/card-fraud.git"],
)  # fmt: skip
def test_the_repository_is_read_from_the_remote(project: Path, run, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlgate.project import Project

    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    run(["git", "remote", "set-url", "origin", url], project)
    assert api.repository_of(Project(project), None) == "acme/card-fraud"
