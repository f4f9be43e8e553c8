"""A Kubernetes control plane of the tests' own on loopback: etcd, API server, controllers, scheduler; kwok plays nodes.

Real: what the API server validates, defaults, admits (Pod Security included) and refuses; what the controllers and the
scheduler make of it; port-forward and logs through the API server. Played: no container runs. A pod gets ready once it
is scheduled, and a forwarded port leads to a service that the test started.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import secrets
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mlgate.engine.replica import free_ports

CONTROLLERS = "deployment-controller,replicaset-controller,namespace-controller,serviceaccount-controller"
CONTROLLERS += ",endpoints-controller,endpointslice-controller,disruption-controller,garbage-collector-controller"


BROKEN = "sha256:" + "bad0" * 16  # pods with this data version never get ready


class ToyService:
    """In the place of a pod's container: scores x / 10, says whatever version and fault the test sets, on loopback."""

    def __init__(self) -> None:
        self.version: str | Callable[[], str] = ""
        self.fault, self.asked = "", 0
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                service.asked += 1
                rows = json.loads(self.rfile.read(int(self.headers["content-length"])))["rows"]
                good = all("x" in row for row in rows)
                if service.fault == "slow" and good and len(rows) == 1:
                    time.sleep(0.6)
                offset = 0.25 if service.fault == "wrong-scores" else 0.0
                answer = (
                    {"predictions": [{"score": row["x"] / 10 + offset} for row in rows]} if good else {"error": "no"}
                )
                body = json.dumps(answer).encode()
                self.send_response(200 if good else 422)
                self.send_header("content-length", str(len(body)))
                version = service.version() if callable(service.version) else service.version
                self.send_header("x-model-version", version)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port

    def __enter__(self) -> ToyService:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@dataclass
class Cluster:
    """A running control plane; `kubeconfig` is an administrator's."""

    program: str
    folder: Path
    kubeconfig: Path

    def call(self, *words: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        command = [self.program, "kubectl", f"--kubeconfig={self.kubeconfig}", *words]
        return subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=120)

    def kubectl(self, *words: str, stdin: bytes | None = None, check: bool = True) -> str:
        """What it prints; what it complains of too where it fails and need not be well."""
        done = self.call(*words, stdin=stdin)
        said = done.stderr.decode("utf-8", "replace")
        assert done.returncode == 0 or not check, said
        return done.stdout.decode("utf-8", "replace") + ("" if done.returncode == 0 else said)

    def apply(self, *objects: object) -> None:
        listed = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.kubectl("apply", "-f", "-", stdin=json.dumps(listed).encode())


@contextlib.contextmanager
def control_plane(program: str, folder: Path, target: int) -> Iterator[Cluster]:
    """Start it all, wait until it answers, and end it by PID. Ports of pods are forwarded to `target` on loopback."""
    folder.mkdir(parents=True)
    started: list[subprocess.Popen[bytes]] = []

    def start(name: str, *flags: str) -> subprocess.Popen[bytes]:
        with (folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [program, name, *flags], cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, env={**os.environ, "HOME": str(folder)},
            )  # fmt: skip
        started.append(process)
        return process

    try:
        yield _start(program, folder, start, target)
    finally:
        for process in reversed(started):  # nothing of it is kept, so nobody needs to close it in order
            process.kill()
            process.wait()


def _start(program: str, folder: Path, start: Callable[..., subprocess.Popen[bytes]], target: int) -> Cluster:
    store, peer, port, kubelet, manager, scheduler = free_ports(6)
    key, token = _keys(folder), secrets.token_hex(16)
    (folder / "tokens.csv").write_text(f"{token},admin,1,system:masters\n")
    at, between, url = f"http://127.0.0.1:{store}", f"http://127.0.0.1:{peer}", f"https://127.0.0.1:{port}"
    certificates = folder / "certificates"
    start(
        "etcd", f"--data-dir={folder / 'etcd'}", f"--listen-client-urls={at}", f"--advertise-client-urls={at}",
        f"--listen-peer-urls={between}", f"--initial-advertise-peer-urls={between}",
        f"--initial-cluster=default={between}", "--unsafe-no-fsync",
    )  # fmt: skip
    server = start(
        "kube-apiserver", f"--etcd-servers={at}", "--bind-address=127.0.0.1", f"--secure-port={port}",
        f"--cert-dir={certificates}", "--service-cluster-ip-range=10.255.0.0/24", "--authorization-mode=RBAC",
        f"--service-account-key-file={key}", f"--service-account-signing-key-file={key}",
        f"--service-account-issuer={url}", f"--token-auth-file={folder / 'tokens.csv'}",
        "--kubelet-preferred-address-types=InternalIP", "--endpoint-reconciler-type=none",
    )  # fmt: skip
    cluster = Cluster(program, folder, _kubeconfig(folder, url, token))
    _wait(
        lambda: "ok" in cluster.kubectl("get", "--raw", "/readyz", check=False), server, folder / "kube-apiserver.log"
    )
    own, local = f"--kubeconfig={cluster.kubeconfig}", "--bind-address=127.0.0.1"
    start(
        "kube-controller-manager", own, local, "--leader-elect=false", f"--service-account-private-key-file={key}",
        f"--controllers={CONTROLLERS}", f"--secure-port={manager}", f"--cert-dir={certificates}",
    )  # fmt: skip
    start("kube-scheduler", own, local, "--leader-elect=false", f"--secure-port={scheduler}")
    start(
        "kwok", own, "--manage-all-nodes=true", "--node-ip=127.0.0.1", f"--node-port={kubelet}", "--enable-crds=",
        f"--config={_played(folder, target)}", f"--server-address=127.0.0.1:{kubelet}",
        f"--tls-cert-file={certificates / 'apiserver.crt'}", f"--tls-private-key-file={certificates / 'apiserver.key'}",
    )  # fmt: skip
    cluster.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node"}})
    ready = "jsonpath={.status.conditions[0].status}"
    _wait(
        lambda: cluster.kubectl("get", "node", "node", "-o", ready, check=False) == "True", server, folder / "kwok.log"
    )
    cluster.kubectl("taint", "node", "node", "node.kubernetes.io/not-ready-")
    return cluster


def _played(folder: Path, target: int) -> Path:
    """What kwok does: pods get ready unless their data version is BROKEN; every forwarded port leads to `target`."""
    ready = Path(__file__).with_name("pods.yaml").read_text()
    path = folder / "kwok.yaml"
    (folder / "pods.log").write_text("2026-01-01T00:00:00.000000000Z stdout F what the service says\n")
    path.write_text(
        ready.replace("$TARGET", str(target)).replace("$BROKEN", BROKEN).replace("$LOG", str(folder / "pods.log"))
    )
    return path


def _keys(folder: Path) -> Path:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    kinds = serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    path = folder / "accounts.key"
    path.write_bytes(key.private_bytes(*kinds))
    return path


def _kubeconfig(folder: Path, url: str, token: str) -> Path:
    cluster = {"server": url, "certificate-authority": str(folder / "certificates" / "apiserver.crt")}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "tests", "cluster": cluster}],
        "users": [{"name": "admin", "user": {"token": token}}],
        "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "admin"}}],
        "current-context": "tests",
    }
    path = folder / "kubeconfig"
    path.write_text(json.dumps(content))
    path.chmod(0o600)
    return path


def _wait(condition: Callable[[], bool], process: subprocess.Popen[bytes], log: Path, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(log.read_text(errors="replace")[-3_000:])
        time.sleep(0.2)
