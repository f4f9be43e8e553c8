"""`package`: from a judged model and a clean commit to the Bento that goes into production, built once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from mlgate.errors import DataError, MlgateError

if TYPE_CHECKING:
    from mlgate.packing.release import ModelCard, Release
    from mlgate.project import Project
    from mlgate.report import Check, Report


@click.command()
@click.option("--smoke", "smoked", is_flag=True, help="Start the Bento on a free port, ask its golden rows, stop it.")
@click.option("--image", is_flag=True, help="Also build the OCI image of it, on image.base.")
@click.option("--try", "tried", is_flag=True, help="Start that image as production would: smoke, latency, size, stop.")
@click.option("--twice", is_flag=True, help="Build it a second time from nothing, and compare the layers.")
@click.option("--push", "pushed", is_flag=True, help="Push it to image.repository, and record its digest.")
@click.option("--sign", "signed", is_flag=True, help="Sign it by MLGATE_COSIGN_KEY, after pushing; GitHub signs apart.")
def command(smoked: bool, image: bool, tried: bool, twice: bool, pushed: bool, signed: bool) -> int:
    """Build the Bento of the model in models/, named by the digest of its files. The same commit and model: no work.

    \b
    Example:  uv run mlgate package --smoke
              uv run mlgate package --image --try --push --sign
    """
    from mlgate.project import Project

    pushed = pushed or signed
    wanted = Wanted(image or tried or twice or pushed, tried, twice, pushed, signed, smoked)
    return run(Project.find(), wanted).exit_code


@dataclass(frozen=True)
class Wanted:
    """What is wanted beside the Bento; a push never happens after a red check."""

    image: bool = False
    tried: bool = False
    twice: bool = False
    pushed: bool = False
    signed: bool = False
    smoked: bool = False


def run(project: Project, wanted: Wanted | None = None) -> Report:
    """Check that everything is committed and judged, then build `<state>/releases/<digest>/`, and its image.

    Raises
    ------
    ConfigError
        If an image is wanted, and there is no base to build it on or no repository to push it to.
    InfraError
        If the build, Git, MLflow, the engine, a registry or the disk fails; no release, or a whole one, is left.
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
        if wanted and wanted.smoked:
            from mlgate.engine.trial import attempt

            with working("starting the Bento, and asking its golden rows"):
                report.checks += attempt(project, release)
        if wanted and wanted.image and report.close().status not in ("fail", "error"):
            _image(project, release, report, wanted)
    return report


def _image(project: Project, release: Release, report: Report, wanted: Wanted) -> None:
    """The release's image: built, tried and pushed, as far as wanted and not done before."""
    from mlgate.console import working
    from mlgate.image import build, engines, push

    known = push.pushed(project, release) if wanted.pushed else None
    if known:
        report.notes.append(f"in the registry already: {known.container}")
        if not wanted.tried and not wanted.twice:
            _attest(project, known, report, wanted.signed)
            return
    engine = engines.find()
    with working("building the image"):
        image = (build.fetch(project, engine, known) if known else None) or build.build(project, engine, release)
    report.notes.append(f"image {image.tag} {'built' if image.built else 'is there already'} ({engine.name})")
    report.notes += [f"layer {size / 1e6:.1f} MB: {step}" for size, step in build.layers(engine, image)]
    if wanted.twice:
        with working("building it again"):
            report.checks.append(build.twice(project, engine, release, image))
    if wanted.tried:
        from mlgate.image.trial import attempt

        with working("trying the image"):
            folder = project.state / "releases" / release.hex
            report.checks += attempt(engine, image, folder, project.params.image)
    if wanted.pushed and report.close().status not in ("fail", "error"):
        if not known:
            with working("pushing the image"):
                known = push.push(project, engine, image, release)
            report.notes.append(f"in the registry: {known.container}")
        _attest(project, known, report, wanted.signed)


def _attest(project: Project, release: Release, report: Report, signed: bool) -> None:
    """What is signed about a pushed image: written for a workflow that signs, or signed here."""
    from mlgate.console import working
    from mlgate.provenance.attest import attest

    with working("listing what is in the image" + (", and signing" if signed else "")):
        attest(project, release, report, signed)


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
