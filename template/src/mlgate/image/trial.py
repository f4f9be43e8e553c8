"""An image tried as production runs it: read-only, without rights, on loopback; asked, measured and stopped."""

from __future__ import annotations

import contextlib
import json
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from mlgate.engine.smoke import PROBE, smoke
from mlgate.errors import InfraError
from mlgate.image import look_inside, verdicts
from mlgate.image.build import Image
from mlgate.image.context import PORT, ROOT, STATE
from mlgate.image.engines import Engine
from mlgate.packing.release import read_release
from mlgate.params import ImageSection
from mlgate.report import Check

REQUESTS = 200
STOP_SECONDS = 30
HARDENED = (
    "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--pids-limit", "512",
    "--tmpfs", "/tmp:rw,noexec,nosuid,size=64m",  # noqa: S108 - of the container
    "--tmpfs", f"{STATE}:rw,noexec,nosuid,size=256m,mode=1777",
)  # fmt: skip


def attempt(engine: Engine, image: Image, folder: Path, limits: ImageSection) -> list[Check]:
    """Start `image` of the release in `folder`, and say how it did; nothing of it is left running.

    Raises
    ------
    InfraError
        If the engine fails, or can't run what it builds.
    """
    weighed = verdicts.size(image.size, image.base_size, image.libraries, limits.max_ratio)
    if not engine.runs:
        raise InfraError(f"{engine.name} builds images and runs none", "install docker or podman to use --try")
    with _running(engine, image) as (name, url, started):
        seconds = _wait(engine, name, url, started, limits.max_ready)
        if seconds is None:
            return [*verdicts.unready(limits.max_ready, _words(engine, name)), weighed]
        golden = folder / "src" / "artifacts" / "golden.json"
        checks = [verdicts.ready(seconds, limits.max_ready, f"{seconds:.1f} s from start to /readyz")]
        checks += verdicts.smoked(smoke(url, golden, read_release(folder).version))
        checks.append(verdicts.latency(_times(url, golden), limits.max_latency_ms))
        checks += _inside(engine, name)
        checks += [_stopped(engine, name), weighed]
    return checks


@contextlib.contextmanager
def _running(engine: Engine, image: Image) -> Iterator[tuple[str, str, float]]:
    name, started = f"mlgate-try-{secrets.token_hex(4)}", time.monotonic()
    try:
        engine.say("run", "--detach", "--name", name, *HARDENED, "--publish", f"127.0.0.1::{PORT}", image.tag)
        yield name, f"http://{_address(engine, name)}", started
    finally:
        engine.say("rm", "--force", "--volumes", name, check=False)


def _address(engine: Engine, name: str) -> str:
    """host:port on loopback; an image that ended already has none, and is found not ready."""
    found = engine.say("port", name, f"{PORT}/tcp", check=False).splitlines()
    return next((line for line in found if line.startswith("127.0.0.1:")), "127.0.0.1:1")


def _wait(engine: Engine, name: str, url: str, started: float, limit: float) -> float | None:
    """Seconds until `/readyz` said yes; None where the container ended or the time is over."""
    import httpx

    with httpx.Client(base_url=url, timeout=2, trust_env=False) as client:
        while (passed := time.monotonic() - started) < limit:
            with contextlib.suppress(httpx.HTTPError):
                if client.get("/readyz").status_code == 200:
                    return passed
            if engine.say("inspect", "--format", "{{.State.Running}}", name, check=False) != "true":
                return None
            time.sleep(0.05)
    return None


def _times(url: str, golden: Path) -> list[float]:
    """Milliseconds of each of `REQUESTS` requests with one golden row, over one connection."""
    import httpx

    row = json.loads(golden.read_bytes())["rows"][:1]
    found = []
    try:
        with httpx.Client(base_url=url, timeout=30, trust_env=False, headers=PROBE) as client:
            for _ in range(REQUESTS):
                asked = time.perf_counter()
                client.post("/predict", json={"rows": row}).raise_for_status()
                found.append((time.perf_counter() - asked) * 1_000)
    except httpx.HTTPError:
        return []
    return found


def _inside(engine: Engine, name: str) -> list[Check]:
    script = Path(look_inside.__file__).read_text(encoding="utf-8")
    said = json.loads(engine.say("exec", name, "python3", "-c", script, ROOT).splitlines()[-1])
    return [verdicts.content(said["found"]), verdicts.user(said["who"])]


def _stopped(engine: Engine, name: str) -> Check:
    asked = time.monotonic()
    engine.say("stop", "--time", str(STOP_SECONDS), name)
    seconds = time.monotonic() - asked
    code = engine.say("inspect", "--format", "{{.State.ExitCode}}", name, check=False)
    return verdicts.stopped(int(code) if code.isdigit() else None, seconds, STOP_SECONDS)


def _words(engine: Engine, name: str) -> str:
    return " / ".join(engine.logs(name).splitlines()[-6:])
