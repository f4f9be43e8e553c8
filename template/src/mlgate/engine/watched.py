"""A release that something else starts, Argo CD or Flux: waited for at its address, then smoked there as elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from mlgate.engine.bundles import ARTIFACTS, bundle_of
from mlgate.engine.shield import open_to_ctrl_c
from mlgate.engine.smoke import said_version, smoke, smoke_without_golden
from mlgate.errors import DataError
from mlgate.report import Check

if TYPE_CHECKING:
    from mlgate.packing.release import Release
    from mlgate.project import Project

ASKED = 3  # times, of what should have run for long
IN_A_ROW = 20  # answers of the new version: while pods are replaced, old ones answer as well
PAUSE = 0.5


def watched(project: Project, environment: str, release: Release, url: str) -> list[Check]:
    """`ready` once the release answers at `url`, every time, and the smoke test; red where it has not come in time."""
    with open_to_ctrl_c():
        last = _awaited(release.version, url, project.params.deploy.settle.total_seconds())
        if last != release.version:
            return [_check("fail", f"env/{environment} names {release.version}, and {url} answers with {last}")]
        ready = _check("pass", f"{release.version} at {url}")
        try:
            golden = bundle_of(project, release) / ARTIFACTS / "golden.json"
        except DataError as error:  # a rollback must not wait for a build
            return [ready, *smoke_without_golden(url, release.version, str(error))]
        return [ready, *smoke(url, golden, release.version, project.params.deploy.latency_ms)]


def answering(environment: str, release: Release, url: str) -> Check:
    """`health`: whether the release answers at `url` now, each time that it is asked; nothing is waited for."""
    said = {said_version(url) for _ in range(ASKED)}
    good, title = said == {release.version}, f"{environment.capitalize()} is in good health"
    evidence = f"{url} answers with {', '.join(sorted(said))}"
    mend = "" if good else f"see what watches env/{environment} (Argo CD, Flux), then run it again"
    return Check(id="health", title=title, status="pass" if good else "fail", evidence=evidence, mend=mend)


def address(project: Project, environment: str) -> str:
    """Where `deploy.urls` says that a release answers which something else starts; empty where it doesn't."""
    return next((url for name, url in project.params.deploy.urls.items() if name == environment), "")


def _awaited(version: str, url: str, seconds: float) -> str:
    """The version that answers in the end: `version`, or another one, or none, once the time is over."""
    until, row, last = time.monotonic() + seconds, 0, ""
    while row < IN_A_ROW:
        last = said_version(url)
        row = row + 1 if last == version else 0
        if row < IN_A_ROW and time.monotonic() > until:
            return last if last != version else f"{version} and others"
        time.sleep(PAUSE / (IN_A_ROW if row else 1))
    return last


def _check(status: str, evidence: str) -> Check:
    mend = "" if status == "pass" else "see what watches the branch (Argo CD, Flux), or raise deploy.settle"
    return Check.model_validate(
        {"id": "ready", "title": "The release is ready", "status": status, "evidence": evidence, "mend": mend}
    )
