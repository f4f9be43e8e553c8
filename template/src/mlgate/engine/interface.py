"""What every engine offers: it brings a release into an environment, says what runs there, and stops it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mlgate.packing.release import Release
    from mlgate.report import Check


@dataclass(frozen=True)
class Running:
    """What runs in an environment; `version` and `image` are empty while nothing answers.

    `image` is the release's own digest (`Release.image`), whatever the engine calls what it started: by it the
    ledger's word is compared with what is so. `where` says in words what serves: "pid 4711", "2 of 2 pods".
    """

    url: str
    healthy: bool
    version: str = ""
    image: str = ""
    where: str = ""
    since: float = 0.0
    restarts: int = 0
    problem: str = ""
    pid: int = 0
    port: int = 0
    replica_pid: int = 0
    replica_port: int = 0


class Engine(Protocol):
    """One way to run releases. A method that can't do its work raises an `MlgateError` that says what to mend."""

    @property
    def name(self) -> str:
        """As `deploy.engine` in params.yaml calls it."""

    @property
    def connected(self) -> bool:
        """Whether it can start something and say what runs. If not, `release` gives a `skip` that says why."""

    def check(self, environment: str, release: Release) -> None:
        """Raise if `environment` could not take `release` now: asked before the ledger is written."""

    def release(self, environment: str, release: Release) -> list[Check]:
        """Bring a new copy of `release` into traffic, after it is ready and passed the smoke test.

        Returns
        -------
        list of Check
            `ready` first, with "VERSION at URL" as evidence, then the smoke test's. If one is red, the former
            release has not stopped serving, or serves again.

        Raises
        ------
        InfraError
            If it does not get ready; the former release serves then, too.
        """

    def resume(self, environment: str, release: Release) -> list[Check]:
        """The same, where `release` does not answer already."""

    def running(self, environment: str) -> Running | None:
        """What runs in `environment`, or None; asks the service itself whether it is healthy."""

    def stop(self, environment: str) -> bool:
        """Stop what runs in `environment`; False where nothing did."""

    def logs(self, environment: str, lines: int) -> list[str]:
        """The last words of what runs in `environment`, a heading before each program's."""
