"""A container engine, a registry and a base image of the tests' own, on loopback; all ended by PID, nothing pulled."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
import signal
import subprocess
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
from mounts import unmount

from mlgate.engine.replica import free_port

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mlgate" / "bases"
DEBIAN = ("bookworm", "http://deb.debian.org/debian")
PACKAGES = "python3,ca-certificates"
INDEX_USER, INDEX_SECRET = "index-user", "index-s3cret-c4nary"
LEFT_OUT = ("./var/cache/apt", "./var/lib/apt/lists", "./var/log", "./usr/share/doc", "./usr/share/locale", "./dev")


def quiet(*command: str, environ: dict[str, str] | None = None, stdin: bytes | None = None) -> str:
    """Run to the end; what it said is in the error where it fails."""
    done = subprocess.run(command, env=environ, input=stdin, capture_output=True, check=False, timeout=600)
    said = (done.stderr or done.stdout).decode("utf-8", "replace")
    assert done.returncode == 0, f"{' '.join(command)}: {said}"
    return done.stdout.decode().strip()


@contextlib.contextmanager
def started(command: list[str], log: Path, ready: Callable[[], bool], seconds: float = 60) -> Iterator[int]:
    """A program that runs for as long as the block; ended by its PID, and killed if it won't end."""
    with log.open("ab") as stream:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream)
    try:
        deadline = time.monotonic() + seconds
        while not ready():
            assert child.poll() is None, f"{command[0]} ended: {log.read_text(errors='replace')[-2000:]}"
            assert time.monotonic() < deadline, f"{command[0]} is not ready: {log.read_text(errors='replace')[-2000:]}"
            time.sleep(0.1)
        yield child.pid
    finally:
        with uninterrupted():
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(30)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Ctrl-C reaches a worker twice, from the terminal and from pytest: the second must not end the cleaning up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)


@contextlib.contextmanager
def dockerd() -> Iterator[str]:
    """A Docker daemon with its own images, containers and bridge, so that it meets no other on this machine."""
    root = Path(tempfile.mkdtemp(prefix="mlgate-docker-"))
    host, name = f"unix://{root}/docker.sock", f"mlg{secrets.token_hex(4)}"
    octets = hashlib.sha256(name.encode()).digest()
    subnet = f"10.{200 + octets[0] % 50}.{octets[1]}.1/24"
    (root / "bridge").write_text(name)  # for whoever clears up after a kill
    quiet("ip", "link", "add", "name", name, "type", "bridge")
    try:
        quiet("ip", "addr", "add", subnet, "dev", name)
        quiet("ip", "link", "set", name, "up")
        command = [
            "dockerd", "--data-root", f"{root}/data", "--exec-root", f"{root}/exec", "--pidfile", f"{root}/pid",
            "-H", host, "--bridge", name, "--fixed-cidr", subnet.replace(".1/", ".0/"), "--config-file", f"{root}/none",
            "--iptables=false",  # its chains are the machine's: one that starts takes them from another that publishes
        ]  # fmt: skip
        (root / "none").write_text("{}")
        with started(command, root / "log", lambda: answers(host)):
            yield host
            ended(host)
    finally:
        with uninterrupted():
            quiet("ip", "link", "delete", name)
            unmount(root)
            shutil.rmtree(root, ignore_errors=True)


def answers(host: str) -> bool:
    command = ["docker", "-H", host, "version", "--format", "{{.Server.Version}}"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def ended(host: str) -> None:
    """No container outlives the tests."""
    if left := quiet("docker", "-H", host, "ps", "-aq").split():
        quiet("docker", "-H", host, "rm", "-f", *left)


@contextlib.contextmanager
def registry(crane: str, folder: Path) -> Iterator[str]:
    """An OCI registry on loopback as host:port, with its blobs in `folder`."""
    port = free_port()

    def ready() -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"http://127.0.0.1:{port}/v2/", trust_env=False).status_code == 200
        return False

    folder.mkdir(parents=True, exist_ok=True)
    command = [crane, "registry", "serve", "--address", f"127.0.0.1:{port}", "--disk", str(folder)]
    with started(command, folder.with_suffix(".log"), ready):
        yield f"127.0.0.1:{port}"


@contextlib.contextmanager
def closed_index() -> Iterator[str]:
    """A package index that answers 404, with a login in its address that must be found nowhere."""

    class Nothing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(404)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Nothing)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield f"http://{INDEX_USER}:{INDEX_SECRET}@127.0.0.1:{server.server_port}/simple"
    server.shutdown()
    server.server_close()
    thread.join()


def kept_layer() -> Path:
    """Where the layer of the base image is kept in the user's cache; named by how it is made."""
    key = hashlib.sha256(repr((DEBIAN, PACKAGES, LEFT_OUT)).encode()).hexdigest()[:12]
    return CACHE / f"{DEBIAN[0]}-{key}.tar.gz"


def base_layer() -> Path:
    """A small Debian with Python as one compressed layer: made once (a minute), by one process while others wait."""
    path = kept_layer()
    CACHE.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two that make it make two different ones
        if not path.is_file():
            _make_layer(path)
    return path


def _make_layer(path: Path) -> None:
    suite, mirror = DEBIAN
    with tempfile.TemporaryDirectory(prefix="mlgate-base-") as work:
        root = Path(work) / "root"
        try:
            quiet("debootstrap", "--variant=minbase", f"--include={PACKAGES}", suite, str(root), mirror)
        finally:
            unmount(root)  # one that was killed leaves /proc there
        made = Path(work) / path.name
        with tarfile.open(made, "w:gz", compresslevel=6) as archive:
            archive.add(root, arcname=".", filter=_kept)
        whole = shutil.copyfile(made, path.with_suffix(f".{os.getpid()}"))
        whole.rename(path)


def _kept(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    inside = any(member.name.startswith(f"{folder}/") for folder in LEFT_OUT)
    return None if inside or member.isdev() else member


def push_base(crane: str, repository: str) -> str:
    """Push the base image; the same bytes give the same digest each time."""
    tag = f"{repository}:latest"
    quiet(crane, "append", "--insecure", "-f", str(base_layer()), "-t", tag)
    quiet(crane, "mutate", "--insecure", "--set-platform", "linux/amd64", "--cmd", "python3", "-t", tag, tag)
    return f"{repository}@{quiet(crane, 'digest', '--insecure', tag)}"


@dataclass(frozen=True)
class ImageRelease:
    """A repository with a release whose image is in the registry: `record` is its release.json."""

    repository: Path
    record: dict[str, Any]

    @property
    def container(self) -> str:
        """REPOSITORY@sha256:…"""
        return str(self.record["container"])

    @property
    def tag(self) -> str:
        """What the engine calls it."""
        return f"mlgate-{self.repository.name}:{self.record['image'].removeprefix('sha256:')[:12]}"

    def copied(self, folder: Path) -> Path:
        """A copy of the repository with its history and release."""
        return Path(shutil.copytree(self.repository, folder / "project", symlinks=True))


def engine_of(docker: dict[str, str]) -> dict[str, str]:
    """What leads `mlgate` to the tests' daemon."""
    return {name: docker[name] for name in ("DOCKER_HOST", "DOCKER_BUILDKIT") if name in docker}
