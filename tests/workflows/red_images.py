"""Releases that may not come into an environment, and what the report of the action `deploy` must then say."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import containers
import pytest
from signed_toy import Toy, push

from mlgate.packing.release import Release
from mlgate.project import git
from mlgate.report import Check, Report, Subject
from mlgate.verbs import deploy, freeze

# What was done to a release that is good otherwise → check → what its evidence says.
RED: dict[str, dict[str, str]] = {
    "imageless": {"image-policy": "the release names no pushed image"},
    "tagged": {"deploy": "names no release that is whole"},  # no record names a tag, so `image-digest` is asked of none
    "elsewhere": {"image-repository": "toy-copy, and the project's is"},
    "lost": {"image-present": "is not whole in the registry any more"},
    "unsigned": {"image-signed": "no signed statement of a release"},
    "other-key": {"image-signer": "signed, but not by the key in trusted/cosign.pub"},
    "untrue": {
        "source-on-main": "main",
        "signature-age": "expired 0.0 days ago",
        "signed-repository": "it is of the model another, not toy",
        "signed-workflow": "on refs/heads/feature, not refs/heads/main",
        "signed-verdict": "fail",
        "signed-release": "data_digest",
    },
    "replayed": {"replay": "older"},
    "frozen": {"deploy": "staging is frozen: audit until Friday"},
}
# The same of releases that staging has, and production must not get.
PROMOTIONS: dict[str, dict[str, str]] = {
    "unproven": {
        "soak": "came with [0-9a-f]{12}, dated",
        "health": "http://127.0.0.1:9 answers with nothing",
        "watch": "^retrain: the inputs moved",
    },
}
REFUSALS = ("tagged", "frozen")  # by an error of the verb: nothing was left to be judged


def released(toy: Toy, name: str, folder: Path, other: Path, patch: pytest.MonkeyPatch) -> Release:
    """A release of the toy, on main and signed by our key, but for what its name says."""
    remote = folder / f"{name}.git"
    git(folder, "init", "-q", "--bare", str(remote))
    git(toy.folder, "remote", "add", "origin", str(remote))
    git(toy.folder, "push", "-q", "origin", "main")
    claims: dict[str, Any] = {}
    container = {"imageless": "", "elsewhere": f"{toy.repository}-copy"}.get(name)
    if name == "untrue":
        toy.params(signature_max_age="1h")
        git(toy.folder, "checkout", "-q", "-b", "feature")
        toy.commit("not reviewed")
        digest, signed = "sha256:" + "9" * 64, datetime.now(UTC) - timedelta(hours=2)
        claims = {"verdict": "fail", "data_digest": digest, "model": "another", "attested": signed}
    release = toy.release(name, push(toy.crane, f"{container}:v1", [{"seed": name}]) if container else container)
    with patch.context() as key:
        if name == "other-key":
            key.setenv("MLGATE_COSIGN_KEY", str(other / "cosign.key"))
        if name not in ("imageless", "unsigned"):
            toy.sign(release, **claims)
    if name == "lost":
        containers.quiet(toy.crane, "delete", "--insecure", release.container)
    if name == "tagged":
        record = toy.folder / ".mlgate" / "releases" / release.hex / "release.json"
        record.write_text(json.dumps(json.loads(record.read_text()) | {"container": f"{toy.repository}:latest"}))
    if name in ("replayed", "frozen"):
        toy.commit("second")
        git(toy.folder, "push", "-q", "origin", "main")
        newer = toy.release("newer")
        toy.sign(newer)
        _staged(toy, release if name == "frozen" else newer, patch)
    if name == "frozen":
        with patch.context() as remote:
            remote.setenv("MLGATE_REMOTE", "origin")
            assert freeze.run(toy.project, "staging", "audit until Friday").exit_code == 0
        return newer
    return release


def in_staging(toy: Toy, name: str, folder: Path, other: Path, patch: pytest.MonkeyPatch) -> None:
    """Staging has a release that could be promoted, but for what the name says."""
    release = released(toy, name, folder, other, patch)
    _staged(toy, release, patch)
    if name == "unproven":
        toy.params(soak="1d", urls='{staging: "http://127.0.0.1:9"}')
        moved = Check(id="data-drift/amount", title="amount", status="fail")
        said = Report(verb="monitor", subject=Subject(image_digest=release.image), checks=[moved])
        said.notes.append("retrain: the inputs moved")
        said.close().write(toy.folder / "reports" / "monitor.json")


def _staged(toy: Toy, release: Release, patch: pytest.MonkeyPatch) -> None:
    with patch.context() as remote:
        remote.setenv("MLGATE_REMOTE", "origin")
        assert deploy.run(toy.project, "staging", release.hex).exit_code == 0
