"""Signing by key: what cosign is asked, in which order, and where key and credentials are not seen.

`tests/workflows/test_deliver_image.py` runs it with the real cosign and a registry.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from actions_source import ACTIONS

from mlgate.provenance.predicate import RELEASE_TYPE, SBOM_TYPE

IMAGE = f"ghcr.io/ada/card-fraud@sha256:{'cd' * 32}"
KEY = {"COSIGN_PRIVATE_KEY": "-----BEGIN CANARY-----", "COSIGN_PASSWORD": "canary"}


@pytest.fixture
def cosign(tmp_path: Path) -> dict[str, str]:
    """A cosign that notes its words and fails as often as `fails` says; the PATH that leads to it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "fails").write_text("", encoding="utf-8")
    note = f'echo "$@" >>"{folder}/calls"; printf %s "$COSIGN_PRIVATE_KEY" >"{folder}/key"'
    script = f'#!/bin/sh\n{note}\ntest -s "{folder}/fails" && {{ : >"{folder}/fails"; exit 1; }}\nexit 0\n'
    (folder / "cosign").write_text(script, encoding="utf-8")
    (folder / "cosign").chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "RUNNER_TEMP": str(tmp_path)}


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    folder = tmp_path / "reports"
    folder.mkdir()
    for name in ("predicate.json", "sbom.cdx.json"):
        (folder / name).write_text("{}", encoding="utf-8")
    return folder


def calls(folder: Path) -> list[list[str]]:
    path = folder / "bin" / "calls"
    return [line.split() for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def test_image_bill_and_statement_are_signed_in_this_order_and_the_key_is_in_no_file_or_log(
    step, cosign, reports, tmp_path
) -> None:
    (tmp_path / "bin" / "fails").write_text("once", encoding="utf-8")
    done = step("sign-image/sign_image.py", tmp_path, CONTAINER=IMAGE, REGISTRY_TOKEN="canary", **KEY, **cosign)
    assert (done.code, done.outputs["status"]) == (0, "pass"), done.log
    first, again, bill, statement = calls(tmp_path)
    assert first == again, "a registry that fails once is asked once more"
    assert [words[0] for words in (again, bill, statement)] == ["sign", "attest", "attest"]
    assert bill[-4:] == [SBOM_TYPE, "--predicate", "reports/sbom.cdx.json", IMAGE]
    assert statement[-4:] == [RELEASE_TYPE, "--predicate", "reports/predicate.json", IMAGE]
    assert all("env://COSIGN_PRIVATE_KEY" in words for words in calls(tmp_path))
    assert not any("--allow-http-registry" in words for words in calls(tmp_path))
    assert (tmp_path / "bin" / "key").read_text() == KEY["COSIGN_PRIVATE_KEY"]
    assert "canary" not in done.log.lower() + done.summary.lower()


def test_a_key_in_a_key_service_is_named_and_needs_no_password(step, cosign, reports, tmp_path) -> None:
    env = cosign | {"COSIGN_PRIVATE_KEY": "awskms:///alias/mlgate"}
    done = step("sign-image/sign_image.py", tmp_path, CONTAINER=IMAGE, **env)
    assert done.code == 0, done.log
    assert all("awskms:///alias/mlgate" in words for words in calls(tmp_path))


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"CONTAINER": "ghcr.io/ada/card-fraud:latest"}, "is no image by digest"),
        ({"CONTAINER": "--key=x"}, "is no image by digest"),
        ({"COSIGN_PRIVATE_KEY": ""}, "gh secret set COSIGN_PRIVATE_KEY --env signing"),
        ({"COSIGN_PASSWORD": ""}, "gh secret set COSIGN_PASSWORD --env signing"),
        ({"REPORTS": "elsewhere"}, "elsewhere/predicate.json is missing"),
    ],
)
def test_what_can_t_be_signed_is_told_and_cosign_is_not_asked(step, cosign, reports, tmp_path, env, said) -> None:
    done = step("sign-image/sign_image.py", tmp_path, **({"CONTAINER": IMAGE} | KEY | cosign | env))
    assert (done.code, done.outputs["status"]) == (2, "error")
    assert said in done.log
    assert "Traceback" not in done.log
    assert calls(tmp_path) == []


def test_a_cosign_that_goes_on_failing_is_exit_3(step, cosign, reports, tmp_path) -> None:
    (tmp_path / "bin" / "cosign").write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    done = step("sign-image/sign_image.py", tmp_path, CONTAINER=IMAGE, **KEY, **cosign)
    assert (done.code, done.outputs["status"]) == (3, "error")


@pytest.mark.parametrize(("verify", "said"), [("key", "key"), ("none", "none")])
def test_a_deployment_is_told_whose_signature_is_asked_for(step, uv, tmp_path, verify: str, said: str) -> None:
    done = step("deploy/asked_signature.py", tmp_path, **uv("deploy", verify=verify))
    assert (done.code, done.outputs["verify"]) == (0, said)


def test_the_cosign_that_is_installed_is_the_one_that_tests_run_and_only_for_a_key() -> None:
    module = (ACTIONS.parent / "tools" / "go.mod").read_text(encoding="utf-8")
    (tested,) = re.findall(r"github.com/sigstore/cosign/v3 (v\S+)", module)
    pins = tomllib.loads((ACTIONS / "pins.toml").read_text(encoding="utf-8"))["action"]
    assert "sigstore/cosign-installer" in [row["name"] for row in pins]
    found = {
        path.parent.name: step
        for path in ACTIONS.glob("*/action.yml")
        for step in yaml.safe_load(path.read_text(encoding="utf-8"))["runs"]["steps"]
        if step.get("uses", "").startswith("sigstore/cosign-installer@")
    }
    assert {name: step["with"] for name, step in found.items()} == {
        name: {"cosign-release": tested} for name in ("deploy", "sign-image")
    }
    assert found["deploy"]["if"] == "${{ steps.asked.outputs.verify == 'key' }}"
