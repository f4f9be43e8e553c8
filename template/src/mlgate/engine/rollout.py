"""From a verified release to the ledger and into traffic; what fails is reverted, and the former never stopped."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from typing import TYPE_CHECKING

from mlgate.engine import engine_of
from mlgate.engine.shield import shielded
from mlgate.errors import InfraError, MlgateError
from mlgate.ledger import Ledger, Written
from mlgate.ledger.upkeep import tidy
from mlgate.packing.release import Release
from mlgate.project import Project
from mlgate.provenance import verify
from mlgate.report import Check
from mlgate.training.tracking_server import warming

if TYPE_CHECKING:
    from mlgate.engine import Engine
    from mlgate.report import Report

LAUNCHED = 1.0  # seconds in which the process of a release has certainly begun


def roll_out(
    project: Project, env: str, release: Release, commit: Callable[[], Written], report: Report, back: bool = False
) -> bool:
    """Verify, commit to the ledger, start, examine, switch. Failure reverts our commit; False then, and checks say why.

    Parameters
    ----------
    commit
        Writes the ledger and returns the commit, and whether it is a new one.
    back
        Whether this is a rollback, which may bring back an older release.

    Raises
    ------
    MlgateError
        If the engine cannot take the release now, for example as the port is another program's (nothing was committed
        then), or the ledger cannot be written.
    """
    if not permitted(project, env, release, report, back):
        return False
    # For `mirrored`, while we wait for the release; at once it would keep this process from starting it.
    mirror = warming(project, LAUNCHED) if env == "production" else None
    with shielded():  # Ctrl-C while the release starts undoes our commit; once it answers, it waits
        done = _rolled_out(engine_of(project), Ledger(project), env, release, commit, report)
    report.notes += tidy(project.root)
    if mirror:
        mirror.cancel()
        mirror.join()
    return done


def permitted(project: Project, env: str, release: Release, report: Report, back: bool = False) -> bool:
    """Whether engine and policy let the release in, as it stands now; the checks that were asked come into the report.

    Raises
    ------
    MlgateError
        If the engine cannot take it, or somebody who has to be asked does not answer.
    """
    engine_of(project).check(env, release)
    report.checks += (found := verify.checks(project, release, env, rollback=back))
    if verify.refused(found):
        report.notes.append("refused: nothing was committed or started, and what serves goes on serving")
    return not verify.refused(found)


def _rolled_out(
    engine: Engine, ledger: Ledger, env: str, release: Release, commit: Callable[[], Written], report: Report
) -> bool:
    written = commit()
    ours = written.commit if written.made else ""
    try:
        checks = engine.resume(env, release)
    except InfraError as error:
        checks = [Check(id="ready", title="The release starts", status="fail", evidence=str(error), mend=error.mend)]
    except BaseException:
        _revert(ledger, env, ours, "interrupted")
        raise
    report.checks += checks
    red = [check for check in checks if check.status in ("fail", "error")]
    if red:
        report.notes.append(_revert(ledger, env, ours, f"{red[0].id}: {red[0].evidence}"))
    return not red


def told(env: str, release: Release, report: Report) -> str:
    """What came of it, in words: that `env` serves the release, or why no more is known than what the ledger names."""
    ready = next(check for check in report.checks if check.id == "ready")
    return f"{env} serves {ready.evidence}" if ready.status == "pass" else f"{env}: {ready.evidence}"


def person(project: Project) -> str:
    """Who runs this: Git's user, else the system's."""
    name, mail = (project.git("config", f"user.{key}", check=False) for key in ("name", "email"))
    if name:
        return f"{name} <{mail}>" if mail else name
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return ""


def mirrored(project: Project, release: Release) -> str:
    """Point MLflow's alias at what production runs; a sentence for the report, also where MLflow isn't there."""
    try:
        from mlgate.training.tracking import set_champion

        return set_champion(project, release)
    except ImportError:
        return "MLflow is not installed here: its alias was left as it was"


def _revert(ledger: Ledger, env: str, ours: str, reason: str) -> str:
    if not ours:
        return f"env/{env} said so before, and was left as it is; what ran still runs"
    try:
        ledger.revert(env, ours, reason)
    except MlgateError as error:
        return f"the commit {ours[:12]} in env/{env} was not reverted: {error}; {error.mend}"
    try:
        former = ledger.read(env)
        still = f"{former.version} still serves" if former else "nothing served before"
    except MlgateError as error:  # a damaged record, over which it was deployed
        still = str(error)
    return f"the commit {ours[:12]} in env/{env} was reverted; {still}"
