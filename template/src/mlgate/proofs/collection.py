"""All proofs of a project, and all checks that need one: a check without a proof is found here."""

from __future__ import annotations

from pathlib import Path

from mlgate import quality
from mlgate.errors import ConfigError
from mlgate.project import Project
from mlgate.proofs import data, gates, image, live, model_file, provenance, release, smoke, thresholds
from mlgate.proofs.proof import Proof
from mlgate.quality import Context
from mlgate.versions import snapshot

GATES = ("holdout", "power", "floor", "champion", "champion-holdout")
MODEL_FILE = ("model-format", "model-types", "model-digest")


def required() -> tuple[str, ...]:
    """The id of every check that decides something: data, gates, model file, release, image, smoke test, traffic."""
    return (
        *quality.CHECKS,
        *GATES,
        *MODEL_FILE,
        *release.CHECKS,
        *provenance.CHECKS,
        *smoke.CHECKS,
        *image.CHECKS,
        *live.CHECKS,
        *thresholds.CHECKS,
    )


def collect(project: Project, scratch: Path) -> dict[str, Proof]:
    """Every proof, made from this project's data and model.

    Raises
    ------
    ConfigError
        If there is no data version or no model yet.
    """
    from model import features, schema

    for path, mend in ((project.raw, "mlgate ingest"), (project.models / "model.json", "dvc repro")):
        if not path.is_file():
            raise ConfigError(
                f"{path.relative_to(project.root)} is missing, and proofs are made from it", f"run `{mend}`"
            )
    frame = snapshot.read(project.raw, project.params)
    context = Context(project.params, schema.Labelled, features.features, project.raw)
    return {
        **data.proofs(frame, context, scratch),
        **gates.proofs(project, scratch),
        **model_file.proofs(project, scratch),
        **release.proofs(project, scratch),
        **provenance.proofs(project),
        **smoke.proofs(scratch),
        **image.proofs(scratch),
        **live.proofs(project, frame, features.features),
        **thresholds.proofs(project),
    }
