"""The record of runs, kept by MLflow: parameters, metrics, data, the model and its registered version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlgate.errors import InfraError
from mlgate.packing.release import ModelCard, Release
from mlgate.project import Project
from mlgate.training import tracking_server, unfinished
from mlgate.training.modelfile import ALLOWED, declared

if TYPE_CHECKING:
    import pandas as pd

CHAMPION = "champion"
SAMPLE = 1_000  # rows that show which columns have missing values


@dataclass(frozen=True)
class Run:
    """What one training run has to tell."""

    card: ModelCard
    model: Any
    example: pd.DataFrame
    predictions: Any
    training: pd.DataFrame
    metrics: Mapping[str, float]
    commit: str


def record(project: Project, run: Run) -> str:
    """Log a run with its data set and model, and register the model; returns the registered version.

    A model that is registered already (same digest) is not registered again. A run that a killed process of this
    machine left open is closed first.

    Raises
    ------
    InfraError
        If MLflow can't be reached or refuses.
    """
    with tracking_server.client(project) as (mlflow, client):
        slug = project.params.project.slug
        experiment = mlflow.get_experiment_by_name(slug)
        if experiment is not None:
            unfinished.close(project, client, experiment.experiment_id)
        known = _find(client, slug, run.card.digest)
        if known:
            return known
        if experiment is None:
            local = tracking_server.uri(project).startswith("sqlite:")
            artifacts = (project.state / "mlartifacts").as_uri() if local else None
            mlflow.create_experiment(slug, artifact_location=artifacts)
        mlflow.set_experiment(slug)
        with unfinished.noted(project) as note, mlflow.start_run(tags={**_tags(run), unfinished.TAG: note}):
            return _log(mlflow, slug, run)


def version_of(project: Project, model_digest: str) -> str:
    """The registered version of a model by its digest; empty where MLflow does not know it.

    Raises
    ------
    InfraError
        If MLflow can't be reached.
    """
    with tracking_server.client(project) as (_, client):
        return _find(client, project.params.project.slug, model_digest)


def set_champion(project: Project, release: Release) -> str:
    """Point the alias `champion` at the release in production; returns a sentence for the report.

    The ledger decides, MLflow mirrors it: what fails here is told, and stops nothing.
    """
    try:
        with tracking_server.client(project) as (_, client):
            slug = project.params.project.slug
            version = _find(client, slug, release.model_digest)
            if not version:
                return f"MLflow does not know model {release.version}: alias {CHAMPION} left as it was"
            client.set_registered_model_alias(slug, CHAMPION, version)
            return f"MLflow: {slug}@{CHAMPION} is version {version}"
    except InfraError as error:
        return f"alias {CHAMPION} not mirrored: {error}"


def reach(project: Project) -> str:
    """Ask the registry for this project's model and say what it answers; InfraError where it does not."""
    with tracking_server.client(project) as (_, client):
        versions = client.search_model_versions(f"name = '{project.params.project.slug}'")
    return f"{len(versions)} versions at {tracking_server.shown(project)}"


def _log(mlflow: Any, slug: str, run: Run) -> str:
    from mlflow.models import infer_signature

    mlflow.log_params({f"model.{key}": value for key, value in run.card.params.items()})
    mlflow.log_params({"task": run.card.task, "estimator": run.card.estimator, "train_rows": run.card.train_rows})
    mlflow.log_metrics(dict(run.metrics))
    source = f"data/raw.parquet@{run.card.data_digest}"
    digest = run.card.train_digest.removeprefix("sha256:")[:36]
    data = mlflow.data.from_pandas(run.training, source=source, name="training", digest=digest)
    signature = infer_signature(run.training.head(SAMPLE), run.predictions)
    data.schema = signature.inputs  # MLflow would look at each value of each row
    mlflow.log_input(data, "training")
    mlflow.log_dict(run.card.model_dump(mode="json"), "model.json")
    trusted = {"serialization_format": "cloudpickle"}
    if run.card.format == "skops":
        trusted = {"serialization_format": "skops", "skops_trusted_types": [*ALLOWED, *declared()[1]]}  # type: ignore[dict-item]
    info = mlflow.sklearn.log_model(
        run.model,
        name="model",
        signature=signature,
        input_example=run.example,
        pip_requirements=["scikit-learn", "skops", "pandas"],
        **trusted,
    )
    # its tags come with it: a version that was killed before them would be found by nobody, and registered again
    return str(mlflow.register_model(info.model_uri, slug, tags=_tags(run)).version)


def _tags(run: Run) -> dict[str, str]:
    return {
        "mlflow.source.git.commit": run.commit,
        "git_commit": run.commit,
        "data_digest": run.card.data_digest,
        "model_digest": run.card.digest,
        "holdout_digest": run.card.holdout_digest,
    }


def _find(client: Any, slug: str, model_digest: str) -> str:
    found = client.search_model_versions(f"name = '{slug}' and tags.model_digest = '{model_digest}'")
    return max((str(version.version) for version in found), key=int, default="")
