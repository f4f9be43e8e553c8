"""The releases on this machine: found by digest or version, and compared with their digest before they are used."""

from __future__ import annotations

import contextlib
from pathlib import Path

from mlgate.errors import DataError, MlgateError
from mlgate.packing.release import Release, check_release, read_release
from mlgate.project import Project

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
    """What the ledger keeps beside the record: card, profile, contract, and of the holdout the scores alone."""
    import pandas as pd

    from mlgate.judging.kept_scores import pack

    kept_files = {"holdout.parquet": pack(pd.read_parquet(bundle / ARTIFACTS / "holdout.parquet"))}
    for name in ("model.json", "profile.json", "contract.json"):
        if (path := bundle / ARTIFACTS / name).is_file():  # releases built earlier lack some
            kept_files[name] = path.read_bytes()
    return kept_files
