"""From a merge to the live service on the container engine, warm: seconds of each verb, and how much of them is ours.

The default project on a small world, a Docker daemon and a registry of its own. One release was deployed before, so
that base and libraries are there as on any second day; then a change of the model is merged, trained, judged, packaged,
pushed and deployed. `own` is the time in Python functions of `mlgate` and `model` in the verbs' processes, by cProfile,
which makes it larger than it is; the rest is libraries, Docker, the registry and the service's start. Prints JSON.
`seconds` must be below 180 and `own_share` below 0.1.
"""

from __future__ import annotations

import json
import os
import pstats
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "loops"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "delivery"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "mlgate" / "delivery"))
import containers
from programs import program
from small_repository import shrink
from toy_repository import PRODUCTION, STAGING

ROOT = Path(__file__).parents[1]
VERBS = (["ingest"], ["validate"], ["train"], ["evaluate"], ["package", "--push"], ["deploy", "--env", "staging"])
OURS = re.compile(r"/src/(mlgate|model)/")


def run(folder: Path, *command: str, environ: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"


def bake(output: Path, base: str, repository: str) -> Path:
    run(output, sys.executable, "-m", "cookiecutter", str(ROOT), "--no-input", "-o", str(output))
    (project,) = [path for path in output.iterdir() if (path / "params.yaml").is_file()]
    shrink(project)
    text = (project / "params.yaml").read_text(encoding="utf-8")
    changes = {
        r"^  base: \S+": f'  base: "{base}"', r"^  repository: \S+": f'  repository: "{repository}"',
        r"^    staging: \d+": f"    staging: {STAGING}", r"^    production: \d+": f"    production: {PRODUCTION}",
    }  # fmt: skip
    for pattern, line in changes.items():
        text, found = re.subn(f"(?m){pattern}", line, text, count=1)
        assert found == 1, pattern
    (project / "params.yaml").write_text(text, encoding="utf-8")
    return project


def commit(project: Path, text: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@localhost")
    run(project, "git", "add", "-A")
    run(project, "git", *identity, "commit", "-q", "--no-verify", "--allow-empty", "-m", text)


def timed(project: Path, words: list[str], environ: dict[str, str], profile: Path) -> tuple[float, float]:
    """Seconds of a verb, and of them those in our own functions."""
    started = time.perf_counter()
    run(project, sys.executable, "-m", "cProfile", "-o", str(profile), "-m", "mlgate", *words, environ=environ)
    seconds = time.perf_counter() - started
    stats = pstats.Stats(str(profile)).stats  # type: ignore[attr-defined]
    return seconds, sum(own for (file, _, _), (_, _, own, _, _) in stats.items() if OURS.search(file))


def measure(project: Path, environ: dict[str, str]) -> dict[str, float]:
    for words in VERBS[:3]:
        run(project, sys.executable, "-m", "mlgate", *words, environ=environ)
    commit(project, "first")
    for words in VERBS[3:]:
        run(project, sys.executable, "-m", "mlgate", *words, environ=environ)
    path = project / "params.yaml"
    path.write_text(re.sub(r"max_iter: \d+", "max_iter: 21", path.read_text(encoding="utf-8")), encoding="utf-8")
    found: dict[str, float] = {"seconds": 0.0, "own": 0.0}
    for words in VERBS[1:]:
        if words[0] == "evaluate":
            commit(project, "merged")
        seconds, own = timed(project, words, environ, project.parent / "profile")
        found |= {words[0]: seconds, "seconds": found["seconds"] + seconds, "own": found["own"] + own}
    return {**found, "own_share": found["own"] / found["seconds"]}


def main() -> int:
    with tempfile.TemporaryDirectory() as name, containers.dockerd() as host:
        folder = Path(name)
        with containers.registry(str(program("crane")), folder / "blobs") as registry:
            base = containers.push_base(str(program("crane")), f"{registry}/base")
            (folder / "project").mkdir()
            project = bake(folder / "project", base, f"{registry}/fraud")
            environ = os.environ | {
                "DOCKER_HOST": host, "DOCKER_BUILDKIT": "0", "MLGATE_IMAGE_ENGINE": "docker",
                "MLGATE_ENGINE": "container", "PYTHONPATH": str(project / "src"), "DVC_NO_ANALYTICS": "1",
            }  # fmt: skip
            stop = [sys.executable, "-m", "mlgate", "serve", "--env", "staging", "--stop"]
            try:
                found = measure(project, environ)
            finally:
                subprocess.run(stop, cwd=project, env=environ, capture_output=True, check=False)
    print(json.dumps({key: round(value, 3) for key, value in found.items()}))
    return 0 if found["seconds"] < 180 and found["own_share"] < 0.1 else 1


if __name__ == "__main__":
    sys.exit(main())
