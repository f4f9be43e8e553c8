"""kubectl, pointed at one cluster and namespace: what the engine `kubernetes` asks of it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import selectors
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from mlgate.engine.shield import open_to_ctrl_c
from mlgate.errors import InfraError
from mlgate.project import Project, run

CONTEXT = "MLGATE_KUBE_CONTEXT"
FORWARD_SECONDS = 20.0
FIELDS = "mlgate"  # who is said to have set a field


@dataclass(frozen=True)
class Kubectl:
    """kubectl for the context that `MLGATE_KUBE_CONTEXT` names, else its current one."""

    project: Project
    command: tuple[str, ...]
    context: str
    namespace: str = ""

    @classmethod
    def find(cls, project: Project) -> Kubectl | None:
        """None where there is no kubectl, no context or no cluster that answers: nothing is connected then."""
        path = shutil.which("kubectl")
        if path is None:
            return None
        context = os.environ.get(CONTEXT) or run([path, "config", "current-context"], project.root, check=False).strip()
        found = cls(project, (path, "--context", context), context)
        said = found.ask("version", "--output=json", "--request-timeout=10s", check=False) if context else ""
        return found if '"serverVersion"' in said else None

    def within(self, namespace: str) -> Kubectl:
        return replace(self, command=(*self.command, "--namespace", namespace), namespace=namespace)

    def ask(self, *words: str, stdin: bytes | None = None, check: bool = True) -> str:
        """What kubectl prints; InfraError in its own words."""
        return run([*self.command, *words], self.project.root, stdin=stdin, check=check, apart=True)

    def read(self, *words: str) -> list[dict[str, Any]]:
        """The objects that `get` finds; none where none are."""
        said = self.ask("get", *words, "--ignore-not-found", "--output=json")
        found = json.loads(said) if said.strip() else {}
        return list(found.get("items", [found] if found else []))

    def apply(self, objects: list[dict[str, Any]]) -> None:
        """Have the cluster take over what the objects say, and keep what others say of other fields."""
        listed = {"apiVersion": "v1", "kind": "List", "items": objects}
        words = ("apply", "--server-side", "--force-conflicts", f"--field-manager={FIELDS}", "--filename=-")
        self.ask(*words, stdin=json.dumps(listed).encode())

    def wait(self, deployment: str, seconds: float) -> None:
        """Return once every replica is new and ready; InfraError with what the pods say."""
        with open_to_ctrl_c():
            words = ("rollout", "status", f"deployment/{deployment}", f"--timeout={seconds:.0f}s")
            said = self.ask(*words, check=False).strip()
        if not said.endswith("successfully rolled out"):
            last = said.splitlines()[-1:] or ["it did not start"]
            mend = f"see `kubectl --context {self.context} -n {self.namespace} describe pods`"
            raise InfraError(f"{deployment} did not get ready in {seconds:.0f} s: {last[0]}", mend)

    @contextlib.contextmanager
    def forwarded(self, target: str, port: int) -> Iterator[str]:
        """A URL on loopback that leads to `port` of `target` (`pod/NAME`, `deployment/NAME`) while the block lasts."""
        command = [*self.command, "port-forward", target, f":{port}", "--address=127.0.0.1"]
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, process_group=0
        ) as child:
            try:
                yield f"http://127.0.0.1:{_forwarded_port(child, target)}"
            finally:
                child.terminate()


def _forwarded_port(child: subprocess.Popen[bytes], target: str) -> str:
    """The port that kubectl chose, from its first words."""
    assert child.stdout
    said, deadline = b"", time.monotonic() + FORWARD_SECONDS
    with selectors.DefaultSelector() as ready:
        ready.register(child.stdout, selectors.EVENT_READ)
        while time.monotonic() < deadline and child.poll() is None:
            if ready.select(0.2):
                said += os.read(child.stdout.fileno(), 4096)
            if found := re.search(rb"Forwarding from 127\.0\.0\.1:(\d+)", said):
                return found[1].decode()
    words = said.decode("utf-8", "replace").strip() or "kubectl said nothing"
    raise InfraError(
        f"no port of {target} could be forwarded: {words}", "see `kubectl auth can-i create pods/portforward`"
    )
