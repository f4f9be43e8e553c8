"""What the delivery tests deploy: parameters and release records of a toy project."""

from __future__ import annotations

import contextlib
import hashlib
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
import psutil

from mlgate.engine.records import Launch
from mlgate.engine.replica import free_ports
from mlgate.engine.smoke import smoke
from mlgate.packing.release import Release, image_digest
from mlgate.project import Project
from mlgate.report import Check

PARAMS = """\
project: {{name: Toy, slug: toy, owner: someone}}
data: {{task: binary, target: y, id: id, time: when, cluster: null}}
quality: {{min_rows: 1}}
split: {{holdout: 0.5}}
model: {{}}
gates: {{metric: roc_auc, floor: {{threshold: 0.5}}, champion: {{margin: 0.1}}}}
monitor: {{window: 1d}}
serving: {{ports: {{staging: {staging}, production: {production}}}, max_rows: 100}}
"""


STAGING, PRODUCTION, OTHER = free_ports(3)  # other ones in each worker of pytest


def make_release(seed: str) -> Release:
    hexadecimal = hashlib.sha256(seed.encode()).hexdigest()
    return Release(
        model="toy",
        version=hexadecimal[:12],
        image=f"sha256:{hexadecimal}",
        source_commit="c" * 40,
        data_digest="sha256:" + "d" * 64,
        model_digest=f"sha256:{hexadecimal}",
        metrics={"roc_auc": {"value": 0.75, "low": 0.7, "high": 0.8}},
        holdout_digest="sha256:" + "e" * 64,
        holdout_rows=100,
        built="2026-01-01T00:00:00+00:00",
    )


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def toy_project(root: Path) -> Project:
    """A committed repository."""
    (root / "src" / "model").mkdir(parents=True)
    (root / "params.yaml").write_text(PARAMS.format(staging=STAGING, production=PRODUCTION))
    (root / ".gitignore").write_text(".mlgate/\nreports/\n")
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "-c", "user.name=someone", "-c", "user.email=someone@localhost", "commit", "-q", "-m", "first")
    return Project(root)


def commit_all(folder: Path, text: str) -> None:
    """A commit of everything that is there, be it nothing new."""
    git(folder, "add", "-A")
    git(folder, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", text)


def toy_launch(project: Project, seed: str, fault: str = "none") -> Launch:
    """How to start the toy service as a release of staging."""
    release, folder = make_release(seed), project.environment_state("staging")
    command = [sys.executable, str(Path(__file__).with_name("toy_service.py")), "{port}", release.version, fault]
    return Launch(image=release.image, version=release.version, command=command, folder=folder)


def toy_examination(folder: Path, seed: str) -> Callable[[str], list[Check]]:
    """The smoke test with golden rows that the toy service scores as x / 10."""
    golden = folder / "golden.json"
    golden.write_text('{"rows": [{"id": 1, "x": 1}, {"id": 2, "x": 7}], "scores": [0.1, 0.7]}')
    return lambda url: smoke(url, golden, make_release(seed).version, 500)


def processes_of(project: Project) -> list[int]:
    """Living processes that were started for this project's environments, whoever their parent is."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE and any(
                value.startswith(str(project.state)) for value in process.environ().values()
            ):
                found.append(process.pid)
    return found


def toy_release(
    project: Project, seed: str, fault: str = "none", artifacts: Mapping[str, str] | None = None
) -> Release:
    """A packaged release of the commit checked out, laid out as `mlgate package` does; its service is the toy."""
    stage = project.state / f"stage-{seed}"
    folder = stage / "src" / "artifacts"
    folder.mkdir(parents=True)
    (stage / "fault").write_text(fault)
    (folder / "golden.json").write_text('{"rows": [{"id": 1, "x": 1}, {"id": 2, "x": 7}], "scores": [0.1, 0.7]}')
    (folder / "model.json").write_text(f'{{"seed": "{seed}"}}')
    for name, content in (artifacts or {}).items():
        (folder / name).write_text(content)
    frame = pd.DataFrame({"row_hash": [1, 2], "score": [0.1, 0.2], "target": [0, 1], "cluster": [7, 8]})
    frame.to_parquet(folder / "holdout.parquet")
    image = image_digest(stage)
    release = make_release(seed).model_copy(update={"image": image, "source_commit": project.commit})
    (stage / "release.json").write_text(release.model_dump_json())
    (project.state / "releases").mkdir(exist_ok=True)
    stage.rename(project.state / "releases" / release.hex)
    return release


def launch_toy(bundle: Path, image: str, version: str, environment: str, folder: Path) -> Launch:
    """In the place of `launch_bento`: the toy service with the fault that the bundle names."""
    service, fault = Path(__file__).with_name("toy_service.py"), (bundle / "fault").read_text()
    command = [sys.executable, str(service), "{port}", version, fault]
    return Launch(image=image, version=version, command=command, folder=folder)
