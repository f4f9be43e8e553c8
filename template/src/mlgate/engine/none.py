"""No engine: the ledger says what should run, something else watches its branches, and nothing is pretended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlgate.engine.watched import address, watched
from mlgate.report import Check

if TYPE_CHECKING:
    from mlgate.engine.interface import Running
    from mlgate.packing.release import Release
    from mlgate.project import Project

SKIPPED = "no cluster connected"


def skipped(environment: str, release: Release) -> Check:
    """What is known where nothing can be asked: what the ledger names, and that nobody tried it here."""
    said = f"skip: {SKIPPED}; env/{environment} names {release.version}; nothing was started or smoked here"
    return Check(id="ready", title="The release is ready", status="skip", evidence=said)


@dataclass(frozen=True)
class Nothing:
    """The engine `none`: a deploy is a commit to the ledger. Where `deploy.urls` says at which address it will answer,
    it is waited for and smoked there; else the report says that nothing was."""

    project: Project
    name: str = "none"
    connected: bool = False

    def check(self, environment: str, release: Release) -> None:
        """There is nothing that could be in the way."""

    def release(self, environment: str, release: Release) -> list[Check]:
        url = address(self.project, environment)
        return watched(self.project, environment, release, url) if url else [skipped(environment, release)]

    def resume(self, environment: str, release: Release) -> list[Check]:
        return self.release(environment, release)

    def running(self, environment: str) -> Running | None:
        return None

    def stop(self, environment: str) -> bool:
        return False

    def logs(self, environment: str, lines: int) -> list[str]:
        return [f"skip: {SKIPPED}; what watches env/{environment} has the logs"]
