"""What a pull request costs on the default project, full size, warm: seconds and processor seconds of each of its jobs.

The generated repository's own `pull-request` workflow, run by act as tests/workflows does, for a change of the model:
it is trained, judged against production, tested, packaged, started, smoked, and every gate proven. A first run, not
counted, leaves environments and bytecode as a runner's caches do. `cpu` is user and system time of all that a job's
steps ran; where nothing else works on the machine, `seconds` on two cores is what GitHub's clock would say, without
waiting for a runner. Prints JSON; `cpu` in all must be below 240.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "workflows"))
import world
from act import Done, Machine
from programs import program
from scene import Scene

ROOT = Path(__file__).resolve().parents[1]
WORKFLOW = "pull-request.yml"
MOST = 240.0
# In front of the runner's bash: counts what a step and all its children took, once they have ended.
COUNTING = """\
#!/bin/bash
if [ -n "$COUNTED" ]; then exec /bin/bash "$@"; fi
COUNTED=yes /bin/bash "$@"
code=$?
times >"$COUNTS/$GITHUB_JOB.$$"
exit "$code"
"""
TIMES = re.compile(r"(\d+)m([\d.]+)s (\d+)m([\d.]+)s")


def run(command: list[str], folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"DVC_NO_ANALYTICS": "1", "OMP_NUM_THREADS": "1"} | environ
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def bake(output: Path) -> Path:
    output.mkdir(parents=True)
    done = run([sys.executable, "-m", "cookiecutter", str(ROOT), "--no-input", "-o", str(output)], output)
    assert done.returncode == 0, done.stderr
    (project,) = [path for path in output.iterdir() if (path / "params.yaml").is_file()]
    return project


def pull_request(folder: Path, made: Path, machine: Machine) -> tuple[Done, dict[str, float]]:
    """The workflow on a change of the model; and each job's processor seconds."""
    scene = Scene.of(made, folder, machine)
    counting, counts = folder / "counting", folder / "counts"
    for path in (counting, counts):
        path.mkdir()
    (counting / "bash").write_text(COUNTING, encoding="utf-8")
    (counting / "bash").chmod(0o755)
    text = (scene.clone / "params.yaml").read_text(encoding="utf-8")
    text, found = re.subn(r"(?m)^  max_iter: (\d+)", "  max_iter: 119", text)
    assert found == 1
    scene.commit("One tree less", {"params.yaml": text})
    path = f"{counting}:{machine.environ(folder / 'home')['PATH']}"
    try:
        done = scene.run(WORKFLOW, scene.pull_request("trees"), PATH=path, COUNTS=str(counts), timeout=3600)
    finally:
        scene.forge.close()
    assert done.exit == 0, done.told()
    used: dict[str, float] = {}
    for file in counts.iterdir():
        minutes, seconds, more_minutes, more_seconds = map(float, TIMES.findall(file.read_text())[1])
        job = file.name.rpartition(".")[0]
        used[job] = used.get(job, 0.0) + 60 * (minutes + more_minutes) + seconds + more_seconds
    return done, used


def main() -> int:
    uv = shutil.which("uv")
    assert uv, "uv is not on the PATH: `make bench ARGS=pull_request`"
    cache = Path(run([uv, "cache", "dir"], ROOT).stdout.strip())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        machine = Machine(str(program("act")), uv, folder / "runner", cache)
        world.make(folder / "world", bake, run)
        for turn in ("warm", "measured"):
            (folder / turn).mkdir()
            done, used = pull_request(folder / turn, folder / "world", machine)
    jobs: dict[str, Any] = {
        job: {"seconds": round(done.jobs[job].seconds, 1), "cpu": round(used.get(job, 0.0), 1)} for job in done.jobs
    }
    found = {
        "jobs": jobs,
        "cpu": round(sum(used.values()), 1),
        "seconds": round(sum(j["seconds"] for j in jobs.values()), 1),
    }
    print(json.dumps(found))
    return 0 if found["cpu"] < MOST else 1


if __name__ == "__main__":
    sys.exit(main())
