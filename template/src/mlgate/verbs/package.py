"""`package`: from a judged model and a clean commit to the Bento that goes into production, built once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
    from mlgate.packing.release import read_card
    from mlgate.training import modelfile

    changed = project.changed
    said = f"not committed: {', '.join(changed[:5])}" if changed else "" if project.commit else "there is no commit"
    mend = 'git add -A && git commit -m "…", so that the release can be traced to a commit'
    report.checks.append(_check("clean-tree", said or f"at {project.commit[:12]}", mend, bool(said)))
    try:
        card = read_card(project.models)
    except DataError as error:
        report.checks.append(_check("model-digest", str(error), error.mend, True))
        return None
    report.subject.data_digest, report.subject.model_digest = card.data_digest, card.digest
    report.checks.append(_check("model-digest", card.digest))
    if card.format == "skops":
        try:
            modelfile.check((project.models / card.file).read_bytes(), card.file)
            report.checks.append(_check("model-types", "every type is on the allow-list"))
        except DataError as error:
            report.checks.append(_check("model-types", str(error), error.mend, True))
    report.checks.append(_format(card))
    if not said:
        report.checks.append(_verdict(project, card))
    return card


def _format(card: ModelCard) -> Check:
    from mlgate.training.modelfile import declared

    if card.format == "skops":
        return _check("model-format", "skops: read without running code")
    evidence = "joblib: loading runs code; protected by its digest alone"
    mend = 'set MODEL_FORMAT = "joblib" in src/model/model.py if that is meant'
    return _check("model-format", evidence, mend, declared()[0] != "joblib")


def _verdict(project: Project, card: ModelCard) -> Check:
    """The gates' verdict on this very model; `evaluate` does nothing where it stands."""
    from mlgate.verbs import evaluate

    try:
        judged = evaluate.run(project)
    except MlgateError as error:
        return _check("verdict", str(error), error.mend, True)
    other = judged.subject.model_digest != card.digest
    red = [check.id for check in judged.checks if check.status in ("fail", "error")]
    evidence = "it judged another model" if other else f"red: {', '.join(red)}" if red else "every gate is green"
    bad = other or bool(red) or judged.status != "pass"
    return _check("verdict", evidence, "see `mlgate evaluate` and docs/gates.md", bad)


TITLES = {
    "clean-tree": "Everything is committed",
    "model-digest": "The model file is the one that its card names",
    "model-format": "The model file can be read without running code",
    "model-types": "The model holds only types that we trust",
    "verdict": "The gates let this model pass",
}


def _check(name: str, evidence: str, mend: str = "", bad: bool = False) -> Check:
    from mlgate.report import Check

    status: Any = "fail" if bad else "pass"
    return Check(id=name, title=TITLES[name], status=status, evidence=evidence, mend=mend if bad else "")
