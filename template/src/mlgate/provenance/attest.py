"""From a pushed release to what is signed about it: the files of predicate and bill, and with a key the signatures."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from mlgate.engine.bundles import ARTIFACTS, bundle_of
from mlgate.errors import DataError
from mlgate.files import digest, write_atomic
from mlgate.packing.conditions import verdict
from mlgate.packing.release import Release, read_card
from mlgate.project import Project
from mlgate.provenance import cosign, sbom
from mlgate.provenance.history import builder
from mlgate.provenance.predicate import predicate
from mlgate.report import Report

PREDICATE = "predicate.json"


def attest(project: Project, release: Release, report: Report, sign: bool) -> None:
    """Write `reports/predicate.json` and `reports/sbom.cdx.json`; with `sign`, sign them and the image by key.

    Without `sign` the files are for GitHub's `actions/attest`, which signs as the workflow that runs.

    Raises
    ------
    DataError
        If the release was not pushed, or `reports/evaluate.json` does not let this model pass.
    ConfigError, InfraError
        As `mlgate.provenance.cosign.sign`.
    """
    if not release.container:
        raise DataError(f"release {release.version} has no pushed image", "run `mlgate package --image --push`")
    judged = _verdict(project, release)
    bill, said = project.reports / sbom.FILE, project.reports / PREDICATE
    report.notes += sbom.write(project, release, bill)
    card = digest(bundle_of(project, release) / ARTIFACTS / "model.json")
    content = predicate(release, judged, card, digest(bill), builder(project), datetime.now(UTC))
    write_atomic(said, content.model_dump_json(indent=2).encode() + b"\n")
    report.artifacts += [f"reports/{sbom.FILE}", f"reports/{PREDICATE}"]
    if sign:
        key = os.environ.get("MLGATE_COSIGN_KEY") or str(project.root / "cosign.key")
        cosign.sign(release.container, key, said, bill)
        report.notes.append(f"signed {release.container}")


def _verdict(project: Project, release: Release) -> Report:
    """What `evaluate` said of this release's model."""
    path = project.reports / "evaluate.json"
    if not path.is_file():
        raise DataError("no verdict of the gates on this model is here", "run `mlgate evaluate`, then package again")
    judged, card = Report.read(path), read_card(bundle_of(project, release) / ARTIFACTS)
    found = verdict(judged, card)
    if found.status != "pass":
        raise DataError(f"the gates do not vouch for this release: {found.evidence}", found.mend)
    return judged
