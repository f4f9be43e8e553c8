"""The image of the default project: its size against base + locked libraries, its start against a bare `bentoml serve`
of the same Bento, and two builds of one commit.

Needs root and the programs of tests/delivery (dockerd, debootstrap, Go): engine, registry and base are its own.
Prints JSON: megabytes, seconds (medians of five, the two kinds of start taking turns) and ratios; processor seconds as
well, which other programs on this machine disturb less.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(CHECKOUT / "tools"), str(CHECKOUT / "tests" / "delivery")]
REPEATS = 5


def main() -> int:
    import containers
    from programs import program

    crane = str(program("crane"))
    with (
        tempfile.TemporaryDirectory() as scratch,
        containers.registry(crane, Path(scratch) / "registry") as address,
        containers.dockerd() as host,
    ):
        base = containers.push_base(crane, f"{address}/base")
        environ = os.environ | {"DOCKER_HOST": host, "DOCKER_BUILDKIT": "0", "OMP_NUM_THREADS": "1"}
        repository = trained(Path(scratch) / "out", base, environ)
        started = time.perf_counter()
        report = verb(repository, environ, "package", "--try", "--twice")
        found = {"build_try_and_build_again_seconds": round(time.perf_counter() - started, 1)}
        found |= read(report) | starts(repository, environ)
    print(json.dumps(found))
    return 0


def trained(output: Path, base: str, environ: dict[str, str]) -> Path:
    """The default project with data and model, committed, on our base."""
    from baking import bake, environment

    repository = bake(output)
    params = repository / "params.yaml"
    params.write_text(re.sub(r'(?m)^  base: ""', f'  base: "{base}"', params.read_text(encoding="utf-8")))
    for name in ("ingest", "validate", "train"):
        verb(repository, environ, name)
    for words in (["add", "-A"], ["commit", "--quiet", "--no-verify", "-m", "data and model"]):
        subprocess.run(["git", *words], cwd=repository, check=True, env=environment())
    return repository


def verb(repository: Path, environ: dict[str, str], *words: str) -> dict:
    """Run a verb of the baked repository and read its report."""
    command = [sys.executable, "-m", "mlgate", *words]
    env = environ | {"PYTHONPATH": str(repository / "src")}
    done = subprocess.run(command, cwd=repository, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return json.loads((repository / "reports" / f"{words[0]}.json").read_text(encoding="utf-8"))


def read(report: dict) -> dict:
    """Size, layers and whether both builds were the same, as the report has them."""
    checks = {check["id"]: check for check in report["checks"]}
    layers = [note.removeprefix("layer ") for note in report["notes"] if note.startswith("layer ")]
    return {
        "size_to_base_and_libraries": checks["image-size"]["observed"],
        "size": checks["image-size"]["evidence"],
        "layers": layers,
        "two_builds": checks["image-same"]["evidence"],
        "row_ms": checks["image-latency"]["evidence"],
    }


def starts(repository: Path, environ: dict[str, str]) -> dict:
    """Seconds to ready of a container and of a bare `bentoml serve`, in turns; one of each before, to warm the disk."""
    (bento,) = repository.glob(".mlgate/releases/[0-9a-f]*")
    tag = f"mlgate-{repository.name}:{bento.name[:12]}"
    image, bare = [], []
    for _ in range(REPEATS + 1):
        with tempfile.TemporaryDirectory() as state:
            image.append(in_container(tag, environ))
            bare.append(in_process(bento, Path(state), environ))
    found = {}
    for number, kind in enumerate(("ready", "processor")):
        ours, theirs = (statistics.median(pair[number] for pair in taken[1:]) for taken in (image, bare))
        found |= {f"image_{kind}_seconds": round(ours, 2), f"bare_{kind}_seconds": round(theirs, 2)}
        found[f"image_to_bare_{kind}"] = round(ours / theirs, 2)
    return found


def in_container(tag: str, environ: dict[str, str]) -> tuple[float, float]:
    from mlgate.engine.replica import free_port

    port = free_port()
    options = ["--read-only", "--tmpfs", "/tmp", "-p", f"127.0.0.1:{port}:3000"]
    began = time.perf_counter()
    done = subprocess.run(
        ["docker", "run", "-d", *options, tag], env=environ, capture_output=True, text=True, check=True
    )
    try:
        inspect = ["docker", "inspect", "-f", "{{.State.Pid}}", done.stdout.strip()]
        pid = subprocess.run(inspect, env=environ, capture_output=True, text=True, check=True).stdout
        return ready(port, began), worked(int(pid))
    finally:
        remove = ["docker", "rm", "--force", "--volumes", done.stdout.strip()]
        subprocess.run(remove, env=environ, check=True, stdout=subprocess.DEVNULL)


def in_process(bento: Path, state: Path, environ: dict[str, str]) -> float:
    """`bentoml serve` as its documentation has it, with nothing of ours but where the release is."""
    from mlgate.engine.replica import free_port

    port = free_port()
    own = {
        "PYTHONPATH": str(bento / "src"),
        "MLGATE_BUNDLE": str(bento / "src"),
        "MLGATE_ENVIRONMENT_STATE": str(state),
        "BENTOML_HOME": str(state / "home"),
        "BENTOML_DO_NOT_TRACK": "1",
    }
    command = [sys.executable, "-m", "bentoml", "serve", str(bento), "--host", "127.0.0.1", "--port", str(port)]
    began = time.perf_counter()
    with silent(command, environ | own) as pid:
        return ready(port, began), worked(pid)


@contextlib.contextmanager
def silent(command: list[str], environ: dict[str, str]) -> Iterator[int]:
    child = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield child.pid
    finally:
        child.terminate()
        child.wait(60)


def worked(pid: int) -> float:
    """Processor seconds of a process and all that it started so far."""
    top = psutil.Process(pid)
    return sum(sum(member.cpu_times()[:4]) for member in [top, *top.children(recursive=True)])


def ready(port: int, began: float) -> float:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=2, trust_env=False) as client:
        while time.perf_counter() - began < 120:
            with contextlib.suppress(httpx.HTTPError):
                if client.get("/readyz").status_code == 200:
                    return time.perf_counter() - began
            time.sleep(0.02)
    raise RuntimeError("not ready after two minutes")


if __name__ == "__main__":
    sys.exit(main())
