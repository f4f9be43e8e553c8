"""`make demo`: bakes the default project into build/demo, installs it, and lets it tell its loop."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import patient
from baking import BUILD, STATE, bake, environment
from timed import keep

DEMO = BUILD / "demo"
MARKER = DEMO / ".made-by-make-demo"


def main(argv: list[str]) -> int:
    if not remove_former():
        return 3
    environ = environment(UV_PROJECT_ENVIRONMENT=str(STATE / "demo"))
    steps: dict[str, float] = {}

    started = time.monotonic()
    repository = bake(DEMO)
    MARKER.touch()
    done(steps, "bake", started, repository.relative_to(BUILD.parent))

    started = time.monotonic()
    if code := patient.run(["uv", "sync", "--locked", "--quiet"], repository, environ):
        print("error: the packages of uv.lock could not be installed; check the network, then run it again")
        return code
    done(steps, "install", started, "exactly what uv.lock names")

    started = time.monotonic()
    code = patient.run(["uv", "run", "--locked", "mlgate", "demo", *argv], repository, environ)
    steps["loop"] = time.monotonic() - started
    path = keep("demo", steps | {"total": sum(steps.values())})
    print(f"{sum(steps.values()):.0f} s in all, kept in {path.relative_to(BUILD.parent)}", flush=True)
    return code


def done(steps: dict[str, float], step: str, started: float, what: object) -> None:
    steps[step] = time.monotonic() - started
    print(f"{step:>9}  {what}  ({steps[step]:.1f} s)", flush=True)


def remove_former() -> bool:
    """Stop and remove the demo that ran here before; False, with the reason, if the folder is someone's own."""
    if not DEMO.exists():
        return True
    if not MARKER.exists():
        print(f"error: {DEMO} was not made by `make demo`; move it away, then run it again", file=sys.stderr)
        return False
    for state in DEMO.glob("*/.mlgate/environments/*/proxy.json"):
        if not stop(state.parents[3], state.parent.name):
            return False
    shutil.rmtree(DEMO)
    return True


def stop(repository: Path, name: str) -> bool:
    command = ["uv", "run", "--locked", "mlgate", "serve", "--env", name, "--stop"]
    environ = environment(UV_PROJECT_ENVIRONMENT=str(STATE / "demo"))
    finished = subprocess.run(command, cwd=repository, env=environ, capture_output=True, text=True, check=False)
    if finished.returncode == 0:
        return True
    print(f"error: the former demo's {name} service did not stop: {finished.stderr.strip()}", file=sys.stderr)
    return False


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
