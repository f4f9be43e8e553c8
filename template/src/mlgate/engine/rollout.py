"""From a verified release to the ledger and into traffic; what fails is reverted, and the former never stopped."""

from __future__ import annotations

import contextlib
import getpass
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mlgate import engine
from mlgate.engine.shield import shielded
from mlgate.errors import DataError, InfraError, MlgateError
from mlgate.ledger import Ledger, Overtaken
from mlgate.packing.release import Release, check_release, read_release
from mlgate.project import Project
from mlgate.report import Check

if TYPE_CHECKING:
    from mlgate.report import Report

ARTIFACTS = Path("src") / "artifacts"


def bundle_of(project: Project, release: Release) -> Path:
    """The folder of a release on this machine, after its files were compared with the digest in the record.

    Raises
    ------
    DataError
        If it is not on this machine, or its files or its record are not those that were built.
    """
    folder = project.state / "releases" / release.hex
    mend = f"check out {release.source_commit[:12]}, remove {folder} if it is there, and run `mlgate package`"
    if not folder.is_dir():
        raise DataError(f"release {release.version} ({release.image[:19]}) is not on this machine", mend)
    try:
        found = check_release(folder)
    except MlgateError as error:
        raise DataError(str(error), mend) from error
    if found.image != release.image or found.model_digest != release.model_digest:
        raise DataError(f"{folder} holds release {found.version}, not {release.version}", mend)
    return folder


def packaged(project: Project, wanted: str | None) -> Release:
    """The release to deploy: the newest of the commit checked out, or the one whose digest or version starts so.

    Raises
    ------
    DataError
        If there is none, or `wanted` names several.
    """
    found: list[Release] = []
    for folder in sorted((project.state / "releases").glob("[0-9a-f]*")):
        with contextlib.suppress(MlgateError):
            release = read_release(folder)
            if release.hex == folder.name:
                found.append(release)
    if wanted is None:
        fitting = [release for release in found if release.source_commit == project.commit]
        if not fitting:
            raise DataError(f"nothing is packaged from commit {project.commit[:12]}", "run `mlgate package`")
        return max(fitting, key=lambda release: release.built)
    prefix = wanted.removeprefix("sha256:").lower()
    fitting = [r for r in found if len(prefix) >= 6 and (r.hex.startswith(prefix) or r.version.startswith(prefix))]
    if len(fitting) != 1:
        known = ", ".join(f"{release.version} ({release.image[:15]})" for release in found) or "none"
        said = "several releases" if fitting else "no release that is whole"
        raise DataError(f"{wanted} names {said}; packaged are: {known}", "give at least six digits, enough for one")
    return fitting[0]


def ledger_files(bundle: Path) -> dict[str, bytes]:
    """What the ledger keeps beside the record: the card, and of the holdout the rows' hashes and scores alone."""
    import io

    import pandas as pd

    frame = pd.read_parquet(bundle / ARTIFACTS / "holdout.parquet")
    kept = [name for name in frame.columns if name == "row_hash" or name.startswith("score")]
    stream = io.BytesIO()
    frame[kept].to_parquet(stream, index=False, compression="zstd")
    return {"holdout.parquet": stream.getvalue(), "model.json": (bundle / ARTIFACTS / "model.json").read_bytes()}


def roll_out(project: Project, env: str, release: Release, commit: Callable[[], str], report: Report) -> bool:
    """Commit to the ledger, start, examine, switch. A failure reverts our commit; False then, and checks say why.

    Parameters
    ----------
    commit
        Writes the ledger and returns the commit.

    Raises
    ------
    InfraError
        If the port is another program's (nothing was committed), or the ledger cannot be written.
    """
    bundle = bundle_of(project, release)
    engine.check_port(project, env)
    with shielded():  # Ctrl-C while the release starts undoes our commit; once it answers, it waits
        return _rolled_out(project, env, release, bundle, commit, report)


def _rolled_out(
    project: Project, env: str, release: Release, bundle: Path, commit: Callable[[], str], report: Report
) -> bool:
    ledger = Ledger(project)
    before = ledger.head(env)
    after = commit()
    ours = after if after != before else ""
    try:
        checks = start(project, env, release, bundle)
    except InfraError as error:
        checks = [Check(id="ready", title="The release starts", status="fail", evidence=str(error), mend=error.mend)]
    except BaseException:
        _revert(ledger, env, ours, "interrupted")
        raise
    report.checks += checks
    red = [check for check in checks if check.status != "pass"]
    if red:
        report.notes.append(_revert(ledger, env, ours, f"{red[0].id}: {red[0].evidence}"))
    return not red


def start(project: Project, env: str, release: Release, bundle: Path, again: bool = False) -> list[Check]:
    """Have `release` answer in `env`; with `again`, by a new copy even where it answers already."""
    folder = project.environment_state(env)
    launch = engine.launch_bento(bundle, release.image, release.version, env, folder)
    golden = bundle / ARTIFACTS / "golden.json"
    act = engine.release if again else engine.resume
    checks = act(project, env, launch, lambda url: engine.smoke(url, golden, release.version))
    if any(check.status != "pass" for check in checks):
        return checks
    url = f"http://127.0.0.1:{engine.port_of(project, env)}"
    return [
        Check(id="ready", title="The release is ready", status="pass", evidence=f"{release.version} at {url}"),
        *checks,
    ]


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
    except Overtaken as error:
        return f"not reverted: {error}"
    former = ledger.read(env)
    still = f"{former.version} still serves" if former else "nothing served before"
    return f"the commit {ours[:12]} in env/{env} was reverted; {still}"
