"""A small repository whose releases have images in a registry, and keys to sign them with; no service is started."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import containers
import pandas as pd

from mlgate.files import digest
from mlgate.packing.release import Release, image_digest, version_of
from mlgate.project import Project, git
from mlgate.provenance import attest, cosign
from mlgate.provenance.predicate import Predicate
from mlgate.report import Check, Report, Subject

TEMPLATE = Path(__file__).parents[2] / "template"
PARAMS = """\
project: {{name: Toy, slug: toy, owner: someone}}
data: {{task: binary, target: y, id: id, time: when, cluster: null}}
quality: {{min_rows: 1}}
split: {{holdout: 0.5}}
model: {{}}
gates: {{metric: roc_auc, floor: {{threshold: 0.5}}, champion: {{margin: 0.1}}}}
monitor: {{window: 1d}}
serving: {{ports: {{staging: 3100, production: 3000}}}}
image: {{repository: {repository}}}
deploy: {{engine: none, key: trusted/cosign.pub{more}}}
"""
DPKG = (
    "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.36-9+deb12u{0}\nDescription: x\n y\n"
)


@dataclasses.dataclass
class Toy:
    """The repository in `folder`, its images in `repository`, its private key in `keys`."""

    folder: Path
    repository: str
    keys: Path
    crane: str
    built: datetime = dataclasses.field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    @property
    def project(self) -> Project:
        return Project(self.folder)

    def params(self, **deploy: str) -> None:
        """Write params.yaml, with more keys of `deploy`; what is not committed here is no matter to deploy."""
        more = "".join(f", {name}: {value}" for name, value in {"verify": "key", **deploy}.items())
        (self.folder / "params.yaml").write_text(PARAMS.format(repository=self.repository, more=more))

    def commit(self, text: str) -> str:
        (self.folder / "src" / "model" / "model.py").write_text(f"# {text}\n")
        git(self.folder, "add", "-A")
        git(self.folder, "commit", "-q", "-m", text)
        return self.project.commit

    def push(self, files: Mapping[str, str], tag: str = "latest") -> str:
        """An image of one layer with these files; its name by digest."""
        return push(self.crane, f"{self.repository}:{tag}", [files])

    def release(self, seed: str, container: str | None = None, verdict: str = "pass") -> Release:
        """A packaged release of the commit checked out, judged, with an image pushed."""
        stage = self.folder / ".mlgate" / f"stage-{seed}"
        artifacts = stage / "src" / "artifacts"
        artifacts.mkdir(parents=True)
        (artifacts / "model.skops").write_text(seed)
        card = _card(digest(artifacts / "model.skops"))
        (artifacts / "model.json").write_text(json.dumps(card))
        frame = pd.DataFrame({"row_hash": [1, 2], "score": [0.1, 0.2]})
        frame.to_parquet(artifacts / "holdout.parquet")
        self.built += timedelta(minutes=1)
        release = Release(
            model="toy",
            version=version_of(card["digest"]),
            image=image_digest(stage),
            container=self.push({"var/lib/dpkg/status": DPKG.format(7), "seed": seed})
            if container is None
            else container,
            source_commit=self.project.commit,
            data_digest=card["data_digest"],
            model_digest=card["digest"],
            metrics={"roc_auc": {"value": 0.75, "low": 0.7, "high": 0.8}},
            holdout_digest=card["holdout_digest"],
            holdout_rows=2,
            built=self.built,
        )
        (stage / "release.json").write_text(release.model_dump_json())
        (self.folder / ".mlgate" / "releases").mkdir(exist_ok=True)
        stage.rename(self.folder / ".mlgate" / "releases" / release.hex)
        checks = [Check(id="floor", title="", status=verdict), Check(id="champion", title="", status="skip")]
        judged = Report(verb="evaluate", subject=Subject(model_digest=card["digest"]), checks=checks).close()
        judged.write(self.folder / "reports" / "evaluate.json")
        return release

    def sign(self, release: Release, **claims: Any) -> Report:
        """Attest as `package --sign` does; with `claims`, a statement that says something else, as a thief may."""
        report = Report(verb="package")
        attest.attest(self.project, release, report, sign=not claims)
        if claims:
            path = self.folder / "reports" / "predicate.json"
            said = Predicate.model_validate_json(path.read_bytes()).model_copy(update=claims)
            path.write_text(said.model_dump_json())
            key, bill = str(self.keys / "cosign.key"), self.folder / "reports" / "sbom.cdx.json"
            cosign.sign(release.container, key, path, bill)
        return report


def push(crane: str, tag: str, layers: list[Mapping[str, str]]) -> str:
    """An image with a layer for each mapping of path to text."""
    words = []
    for files in layers:
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w:gz") as archive:
            for name, text in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(text.encode())
                archive.addfile(member, io.BytesIO(text.encode()))
        path = Path(os.environ["TMPDIR_OF_TEST"]) / f"{hashlib.sha256(stream.getvalue()).hexdigest()}.tar.gz"
        path.write_bytes(stream.getvalue())
        words += ["-f", str(path)]
    containers.quiet(crane, "append", "--insecure", *words, "-t", tag)
    return f"{tag.rpartition(':')[0]}@{containers.quiet(crane, 'digest', '--insecure', tag)}"


def make_keys(program: Callable[[str], str], folder: Path) -> Path:
    folder.mkdir()
    environ = {**os.environ, "COSIGN_PASSWORD": "of a test"}
    done = subprocess.run(
        [program("cosign"), "generate-key-pair"], cwd=folder, env=environ, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


def make_toy(folder: Path, repository: str, keys: Path, crane: str) -> Toy:
    """A first commit on main; uv's files are the template's own."""
    toy = Toy(folder, repository, keys, crane)
    (folder / "src" / "model").mkdir(parents=True)
    (folder / "trusted").mkdir()
    for name in ("pyproject.toml", "uv.lock"):
        shutil.copyfile(TEMPLATE / name, folder / name)
    shutil.copyfile(keys / "cosign.pub", folder / "trusted" / "cosign.pub")
    (folder / ".gitignore").write_text(".mlgate/\nreports/\n")
    toy.params()
    git(folder, "init", "-q", "-b", "main")
    toy.commit("first")
    return toy


def _card(model: str) -> dict[str, Any]:
    return {
        "model": "toy", "file": "model.skops", "format": "skops", "digest": model, "inputs": "sha256:" + "0" * 64,
        "estimator": "x", "task": "binary", "features": ["x"], "train_rows": 1, "train_digest": "d",
        "data_digest": "sha256:" + "d" * 64, "holdout_digest": "sha256:" + "e" * 64, "holdout_rows": 2,
    }  # fmt: skip
