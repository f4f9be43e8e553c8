"""`mlgate deploy`: commit a packaged release to staging's ledger and bring it into traffic, blue/green."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from mlgate.engine import ENGINES
from mlgate.errors import ConfigError, DataError

if TYPE_CHECKING:
    from mlgate.ledger import Ledger
    from mlgate.ledger.landing import Guard
    from mlgate.packing.release import Release
    from mlgate.project import Project
    from mlgate.report import Report


@click.command()
@click.option("--env", "environment", required=True, type=click.Choice(["staging", "production"]), help="Where to.")
@click.option("--release", "wanted", metavar="DIGEST", help="Its digest or version, or the start of one; else HEAD's.")
@click.option("--dry-run", is_flag=True, help="Ask all that a deploy asks, show what would change; change nothing.")
@click.option("--engine", type=click.Choice(list(ENGINES)), help="What runs it; else MLGATE_ENGINE or deploy.engine.")
@click.option("--remote", metavar="NAME", help="Whose env/* branches are the truth; else MLGATE_REMOTE, or our own.")
def command(environment: str, wanted: str | None, dry_run: bool, engine: str | None, remote: str | None) -> int:
    """Commit a release to an environment and start it: the former one serves until the new one has proven itself.

    The files are compared with their digest first. A release that does not start or fails its smoke test never takes
    traffic, and the commit is reverted. Production is reached by `mlgate promote` alone.

    \b
    Example:  uv run mlgate deploy --env staging
    """
    from mlgate.project import Project

    return run(Project.find(engine=engine, remote=remote), environment, wanted, dry_run).exit_code


def run(project: Project, environment: str, wanted: str | None = None, dry_run: bool = False) -> Report:
    """Deploy the newest release of the checked-out commit, or the one `wanted` names."""
    from mlgate.console import recording, working
    from mlgate.engine.bundles import bundle_of, ledger_files, packaged
    from mlgate.engine.rollout import permitted, person, roll_out, told
    from mlgate.ledger import Ledger, approver, run_url
    from mlgate.manifests import manifests_for

    if environment == "production":
        raise ConfigError("production takes only what staging has proven", "run `mlgate promote`")
    with recording(project, "deploy") as report:
        ledger = Ledger(project)
        release = _as_recorded(ledger, environment, packaged(project, wanted))
        bundle = bundle_of(project, release)
        report.subject.image_digest, report.subject.model_digest = release.image, release.model_digest
        report.subject.data_digest = release.data_digest
        manifests, rendered = manifests_for(project, environment, release, ledger.entries(environment))
        guard = _guard(project, ledger, environment, release)
        if dry_run:
            if permitted(project, environment, release, report):
                ledger.require_open(environment, guard)
                report.notes += ledger.difference(environment, release) or [f"env/{environment} says so already"]
            return report
        files = {**ledger_files(bundle), **manifests}
        subject = f"deploy({environment}): {release.model} {release.version}"
        trailers = {"Run": run_url(), "Approved-By": approver(None, person(project))}
        commit = partial(ledger.write, environment, release, files, subject, trailers, guard=guard)
        with working(f"starting {release.version} in {environment}"):
            done = roll_out(project, environment, release, commit, report)
        if done:
            report.notes[:0] = filter(None, [told(environment, release, report), rendered])
    return report


def _guard(project: Project, ledger: Ledger, environment: str, release: Release) -> Guard | None:
    """What forbids the deploy: a newer release in the record, or a damaged one, as long as there is one to return to.

    Where there is none, this deploy is the only way on.
    """
    from mlgate.ledger.entry import NewerRecordError
    from mlgate.ledger.order import require_newest
    from mlgate.verbs.rollback import choose

    try:
        ledger.read(environment)
    except NewerRecordError:
        raise
    except DataError:
        try:
            choose(ledger.entries(environment), environment, None)
        except DataError:
            return None
    return partial(require_newest, project, environment, release)


def _as_recorded(ledger: Ledger, environment: str, release: Release) -> Release:
    """The release as the environment's record has it already, where nothing but the time of the build differs."""
    import contextlib

    with contextlib.suppress(DataError):  # a damaged record is overwritten
        former = ledger.read(environment)
        if former is not None and former.model_copy(update={"built": release.built}) == release:
            return former
    return release
