"""Releases whose image may not be deployed, and what the report of the step `deploy` must then say."""

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
from mlgate.verbs import deploy

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
}


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
    if name == "replayed":
        toy.commit("second")
        git(toy.folder, "push", "-q", "origin", "main")
        newer = toy.release("newer")
        toy.sign(newer)
        patch.setenv("MLGATE_REMOTE", "origin")
        assert deploy.run(toy.project, "staging", newer.hex).exit_code == 0
        patch.delenv("MLGATE_REMOTE")
    return release
