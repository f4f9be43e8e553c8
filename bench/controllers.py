"""What a generated repository gives to Kyverno, Flux, Argo CD and Argo Rollouts, run by those on the tests' cluster.

No benchmark of speed, but too dear for every change: the first time, their programs are built from source, for some
twenty minutes of two cores. Prints JSON: versions, and what each said. An assertion ends it where one did not do what
docs/kubernetes.md says.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "delivery"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "workflows"))
sys.path.insert(0, str(Path(__file__).parent / "extended"))

import admission
import argo
import canary
import flux
import following
from cluster import Cluster, ToyService, control_plane
from extensions import definitions, version
from programs import program


def main(argv: list[str] | None = None) -> int:
    """Run all, or those that are named."""
    parts: dict[str, tuple[str, Callable[[Path], dict[str, Any]]]] = {
        "kyverno": ("github.com/kyverno/kyverno", lambda work: on_a_cluster(admission.run, work)),
        "flux": (
            "github.com/fluxcd/kustomize-controller",
            lambda work: on_a_cluster(partial(following.run, flux), work),
        ),
        "argo": (argo.MODULE, lambda work: on_a_cluster(partial(following.run, argo), work)),
        "rollouts": ("github.com/argoproj/argo-rollouts", lambda work: on_a_cluster(canary.run, work)),
    }
    wanted = sys.argv[1:] if argv is None else argv
    missing = [name for name in ("prometheus", "redis-server") if not shutil.which(name)]
    if missing:
        print(
            f"error: {' and '.join(missing)}: not installed; next: apt-get install {' '.join(missing)}", file=sys.stderr
        )
        return 3
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="mlgate-extended-") as work:
        for name, (module, run) in parts.items():
            if not wanted or name in wanted:
                print(f"{name} {version(module)} …", file=sys.stderr)
                folder = Path(work, name)
                folder.mkdir()
                found[name] = {"version": version(module), **run(folder)}
    print(json.dumps(found, indent=2))
    return 0


def on_a_cluster(run: Callable[[Cluster, Path], dict[str, Any]], work: Path) -> dict[str, Any]:
    """Run it on a control plane of its own that knows all kinds."""
    with ToyService() as service, control_plane(str(program("cluster")), work / "cluster", service.port) as cluster:
        paths = [word for path in definitions() for word in ("-f", str(path))]
        cluster.kubectl("apply", "--server-side", *paths)
        cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", *paths)
        return run(cluster, work)


if __name__ == "__main__":
    sys.exit(main())
