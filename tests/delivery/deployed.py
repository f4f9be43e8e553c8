"""A small repository with the template's own `deploy/`, and releases of it whose images are in some registry."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

from mlgate.ledger import Ledger, Written
from mlgate.manifests import manifests_for
from mlgate.packing.release import Release
from mlgate.project import Project

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "template" / "deploy"
PARAMS = """\
project: {name: Toy, slug: toy, owner: someone}
data: {task: binary, target: y, id: id, time: when, cluster: null}
quality: {min_rows: 1}
split: {holdout: 0.5}
model: {}
gates: {metric: roc_auc, floor: {threshold: 0.5}, champion: {margin: 0.1}}
monitor: {window: 1d}
serving: {ports: {staging: 3100, production: 3000}, max_rows: 100}
deploy: {engine: none}
"""


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(folder: Path, message: str) -> str:
    git(folder, "add", "-A")
    git(folder, "-c", "user.name=Ada", "-c", "user.email=ada@localhost", "commit", "-q", "--allow-empty", "-m", message)
    return git(folder, "rev-parse", "HEAD")


def make_project(root: Path, params: str = PARAMS) -> Project:
    """A committed repository with deploy/ as the template has it."""
    (root / "src" / "model").mkdir(parents=True)
    (root / "src" / "model" / "__init__.py").touch()
    (root / "params.yaml").write_text(params)
    (root / ".gitignore").write_text(".mlgate/\nreports/\n")
    shutil.copytree(DEPLOY, root / "deploy")
    git(root, "init", "-q", "-b", "main")
    commit(root, "first")
    return Project(root)


def make_release(project: Project, seed: str, repository: str = "registry.example/toy") -> Release:
    """A release of the commit checked out; nothing of it exists but the record."""
    hexadecimal = hashlib.sha256(seed.encode()).hexdigest()
    return Release(
        model="toy",
        version=hexadecimal[:12],
        image=f"sha256:{hexadecimal}",
        container=f"{repository}@sha256:{hexadecimal[::-1]}",
        source_commit=project.commit,
        data_digest="sha256:" + "d" * 64,
        model_digest=f"sha256:{hexadecimal}",
        holdout_digest="sha256:" + "e" * 64,
        holdout_rows=100,
        built="2026-01-01T00:00:00+00:00",
    )


def write(project: Project, environment: str, release: Release) -> Written:
    """Commit the release and its manifests to the ledger, as `deploy` and `promote` do."""
    ledger = Ledger(project)
    files, _ = manifests_for(project, environment, release, ledger.entries(environment))
    return ledger.write(environment, release, files, f"deploy({environment}): {release.version}", {})
