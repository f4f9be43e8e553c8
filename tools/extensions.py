"""What extends Kubernetes: the sources of Argo CD, Argo Rollouts, Flux and Kyverno, pinned in `extensions/go.mod`.

The definitions of their kinds are files of those sources, so that is all that tests of manifests need. A controller is
built from its own source with its own locked dependencies, which takes minutes of two cores: `make bench
ARGS=controllers` does it. `python tools/extensions.py kyverno` builds what it names and prints a path a line.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from caches import building, sweep
from programs import EXTENSIONS, FLAGS, PROGRAMS, go

PINS = Path(__file__).resolve().parent / "extensions"
# A controller or tool, the module that it is of, and its package there.
PACKAGES = {
    "argocd": ("github.com/argoproj/argo-cd/v3", "./cmd"),
    "kustomize-controller": ("github.com/fluxcd/kustomize-controller", "."),
    "kyverno": ("github.com/kyverno/kyverno", "./cmd/cli/kubectl-kyverno"),
    "kyverno-admission": ("github.com/kyverno/kyverno", "./cmd/kyverno"),
    "rollouts-controller": ("github.com/argoproj/argo-rollouts", "./cmd/rollouts-controller"),
    "source-controller": ("github.com/fluxcd/source-controller", "."),
}
DEFINITIONS = {
    "github.com/argoproj/argo-cd/v3": ("application", "applicationset", "appproject"),
    "github.com/argoproj/argo-rollouts": (
        "rollout",
        "analysis-template",
        "cluster-analysis-template",
        "analysis-run",
        "experiment",
    ),
    "github.com/fluxcd/kustomize-controller": ("kustomize.toolkit.fluxcd.io_kustomizations",),
    "github.com/fluxcd/source-controller": tuple(
        f"source.toolkit.fluxcd.io_{kind}"
        for kind in (
            "gitrepositories",
            "buckets",
            "externalartifacts",
            "helmcharts",
            "helmrepositories",
            "ocirepositories",
        )
    ),
    "github.com/kyverno/kyverno": ("policies.kyverno.io_imagevalidatingpolicies",),
}
# Taken in another version than a module's own lock has: what Go's proxy gives out.
REPLACED = {"github.com/fluxcd/source-controller": "github.com/fluxcd/pkg/artifact"}
FOLDERS = ("config/crd/bases", "config/crds/policies.kyverno.io", "manifests/crds")


def version(module: str) -> str:
    found = re.search(rf"^\t{re.escape(module)} (\S+)$", (PINS / "go.mod").read_text(encoding="utf-8"), re.MULTILINE)
    assert found, f"tools/extensions/go.mod does not require {module}"
    return found[1]


def source(module: str) -> Path:
    """The unpacked source of a module, there while the caller is in `building()`; it is compared with go.sum."""
    command = [*go(), "mod", "download", "-json", f"{module}@{version(module)}"]
    with building() as caches:
        environ = {**os.environ, **caches, "GOFLAGS": FLAGS}
        done = subprocess.run(command, cwd=PINS, env=environ, check=True, stdout=subprocess.PIPE)
    return Path(json.loads(done.stdout)["Dir"])


def definitions() -> list[Path]:
    """The CustomResourceDefinitions of all kinds that a generated repository uses, or its controllers ask for."""
    kept = PROGRAMS / EXTENSIONS / _asked(PINS.parent)
    kept.mkdir(parents=True, exist_ok=True)
    os.utime(kept)
    with (kept / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (kept / "whole").exists():
            _fetch_definitions(kept)
            (kept / "whole").touch()
            sweep(kept.parent, wanted)
    return sorted(kept.glob("*.yaml"))


def _fetch_definitions(folder: Path) -> None:
    with building():
        for module, names in DEFINITIONS.items():
            unpacked = source(module)
            (where,) = [unpacked / name for name in FOLDERS if (unpacked / name).is_dir()]
            for name in names:
                (path,) = [path for path in where.glob("*.yaml") if path.stem.removesuffix("-crd") == name]
                shutil.copyfile(path, folder / f"{module.replace('/', '-')}-{path.name}")


def _asked(tools: Path) -> str:
    content = (tools / Path(__file__).name).read_bytes() + (tools / PINS.name / "go.mod").read_bytes()
    return f"definitions-{hashlib.sha256(content).hexdigest()[:12]}"


def wanted(tools: Path) -> set[str]:
    """The folders of all that a checkout with these tools builds or reads."""
    text = (tools / PINS.name / "go.mod").read_text(encoding="utf-8")
    return {_asked(tools), *re.findall(r"^\t\S+ (v\S+)", text, re.MULTILINE)}


def built(name: str) -> Path:
    """The path of a controller or tool; built the first time, in a copy of its source."""
    module, package = PACKAGES[name]
    path = PROGRAMS / EXTENSIONS / version(module) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    os.utime(path.parent)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            with tempfile.TemporaryDirectory(dir=path.parent, prefix=".build.") as work, building() as caches:
                _build(module, package, Path(work), caches)
                (Path(work) / "program").rename(path)
            sweep(PROGRAMS / EXTENSIONS, wanted)
    return path


def _build(module: str, package: str, work: Path, caches: dict[str, str]) -> None:
    tree = Path(shutil.copytree(source(module), work / "source"))
    for path in (tree, *tree.rglob("*")):
        path.chmod(0o755)  # Go's cache is read-only
    own = re.findall(r"(\S+) => \./(\S+)$", (tree / "go.mod").read_text(encoding="utf-8"), re.MULTILINE)
    for other, folder in own:  # modules of their own, which the package of this one leaves out
        shutil.copytree(source(other), tree / folder)
    if other := REPLACED.get(module):
        command = [*go(), "mod", "edit", "-replace", f"{other}={other}@{version(other)}"]
        subprocess.run(command, cwd=tree, check=True)
        with (tree / "go.sum").open("a", encoding="utf-8") as sums:
            sums.write((PINS / "go.sum").read_text(encoding="utf-8"))
    environ = {**os.environ, **caches, "GOFLAGS": f"-mod=readonly {FLAGS}"}
    command = [*go(), "build", "-trimpath", "-ldflags", "-s -w", "-o", str(work / "program"), package]
    subprocess.run(command, cwd=tree, env=environ, check=True, stdout=sys.stderr)


def main(argv: list[str]) -> int:
    unknown = [name for name in argv if name not in PACKAGES]
    if unknown or not argv:
        print(f"error: name programs out of {', '.join(PACKAGES)}", file=sys.stderr)
        return 2
    with building():
        for name in argv:
            print(built(name), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
