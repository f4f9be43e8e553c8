"""`package`: from a judged model and a clean commit to the Bento that goes into production, built once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mlgate.errors import DataError, MlgateError

if TYPE_CHECKING:
    from mlgate.packing.release import ModelCard
    from mlgate.project import Project
    from mlgate.report import Check, Report


@click.command()
def command() -> int:
    """Build the Bento of the model in models/, named by the digest of its files. The same commit and model: no work.

    \b
    Example:  uv run mlgate package
    """
    from mlgate.project import Project

    return run(Project.find()).exit_code


def run(project: Project) -> Report:
    """Check that everything is committed and judged, then build `<state>/releases/<digest>/`.

    Raises
    ------
    InfraError
        If the build, Git, MLflow or the disk fails; no release, or a whole one, is left.
    """
    from mlgate.console import recording, working
    from mlgate.packing import build as packing

    with recording(project, "package") as report:
        card = _checks(project, report)
        if card is None or report.close().status in ("fail", "error"):
            return report
        release = packing.built(project, card)
        if release is None:
            packing.sweep(project)
            with working("building the Bento"):
                release = packing.build(project, card)
        else:
            report.notes.append("nothing changed: this commit and model are packaged already")
        report.subject.image_digest = release.image
        report.artifacts.append(f".mlgate/releases/{release.hex}")
        report.notes.append(f"release {release.version}: {release.image}")
    return report


def _checks(project: Project, report: Report) -> ModelCard | None:
    """The model's card if everything that must hold before a build holds; else the report says what does not."""
    from mlgate.packing import conditions
    from mlgate.packing.release import read_card

    clean = conditions.clean_tree(project)
    report.checks.append(clean)
    try:
        card = read_card(project.models)
    except DataError as error:
        report.checks.append(conditions.condition("model-digest", str(error), error.mend, True))
        return None
    report.subject.data_digest, report.subject.model_digest = card.data_digest, card.digest
    report.checks.append(conditions.condition("model-digest", card.digest))
    if card.format == "skops":
        report.checks.append(conditions.model_types(project, card))
    report.checks.append(conditions.model_format(card))
    if clean.status == "pass":
        report.checks.append(_verdict(project, card))
    return card


def _verdict(project: Project, card: ModelCard) -> Check:
    """The gates' verdict on this model; `evaluate` does nothing where it stands."""
    from mlgate.packing import conditions
    from mlgate.verbs import evaluate

    try:
        return conditions.verdict(evaluate.run(project), card)
    except MlgateError as error:
        return conditions.condition("verdict", str(error), error.mend, True)
