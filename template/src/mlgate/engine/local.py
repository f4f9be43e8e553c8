"""What the engines of this machine share: blue/green behind the environment's port; each says how a copy starts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mlgate.engine import bluegreen
from mlgate.engine.bundles import ARTIFACTS, bundle_of
from mlgate.engine.interface import Running
from mlgate.engine.records import Launch
from mlgate.engine.smoke import smoke
from mlgate.files import write_atomic
from mlgate.packing.release import Release
from mlgate.project import Project
from mlgate.report import Check


@dataclass(frozen=True)
class Local(ABC):
    """An engine whose copies run on this machine, behind its proxy."""

    project: Project
    connected = True

    @property
    @abstractmethod
    def name(self) -> str:
        """As `deploy.engine` in params.yaml calls it."""

    @abstractmethod
    def launch(self, environment: str, release: Release, bundle: Path) -> Launch:
        """How a copy of the release unpacked in `bundle` is started for `environment`."""

    def bundle(self, release: Release) -> Path:
        """The release's files on this machine, compared with their digest."""
        return bundle_of(self.project, release)

    def check(self, environment: str, release: Release) -> None:
        self.bundle(release)
        bluegreen.check_port(self.project, environment)
        trial = self.project.environment_state(environment) / "trial"
        write_atomic(trial, b"\n")  # rather than find out when the ledger names it
        trial.unlink()

    def release(self, environment: str, release: Release) -> list[Check]:
        return self._bring(bluegreen.release, environment, release)

    def resume(self, environment: str, release: Release) -> list[Check]:
        return self._bring(bluegreen.resume, environment, release)

    def running(self, environment: str) -> Running | None:
        return bluegreen.running(self.project, environment)

    def stop(self, environment: str) -> bool:
        return bluegreen.stop(self.project, environment)

    def logs(self, environment: str, lines: int) -> list[str]:
        folder = self.project.environment_state(environment) / "logs"
        copies = sorted(folder.glob("*-*.log"), key=lambda path: path.stat().st_mtime)[-1:]
        said: list[str] = []
        for path in [folder / "proxy.log", *copies]:
            if path.exists():
                words = path.read_bytes()[-100_000:].decode("utf-8", "replace").splitlines()[-lines:]
                said += [f"{path}:", *(f"  {line}" for line in words)]
        return said or [f"{environment} never ran on this machine"]

    def _bring(self, act: Callable[..., list[Check]], environment: str, release: Release) -> list[Check]:
        bundle = self.bundle(release)
        golden = bundle / ARTIFACTS / "golden.json"
        launch = self.launch(environment, release, bundle)
        latency = self.project.params.deploy.latency_ms

        def examine(url: str) -> list[Check]:
            return smoke(url, golden, release.version, latency)

        checks = act(self.project, environment, launch, examine)
        if any(check.status != "pass" for check in checks):
            return checks
        said = f"{release.version} at http://127.0.0.1:{bluegreen.port_of(self.project, environment)}"
        return [Check(id="ready", title="The release is ready", status="pass", evidence=said), *checks]
