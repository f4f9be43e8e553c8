"""The record of runs, kept by MLflow: parameters, metrics, data, the model and its registered version."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlgate.errors import InfraError
from mlgate.packing.release import ModelCard, Release
from mlgate.project import Project
from mlgate.training.modelfile import ALLOWED, declared

if TYPE_CHECKING:
    import pandas as pd

CHAMPION = "champion"
MEND = "check MLFLOW_TRACKING_URI, or unset it to use the local database"


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


def uri(project: Project) -> str:
    """`MLFLOW_TRACKING_URI`, or a database in this machine's state."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{project.state / 'mlflow.db'}"


def warm_up() -> None:
    """Import MLflow; call it in a thread while the model is fitted, as it takes seconds.

    What fails here fails again in `record`, where it is told.
    """
    _quiet()
    with contextlib.suppress(Exception):
        import mlflow.data.pandas_dataset
        import mlflow.sklearn  # noqa: F401


def record(project: Project, run: Run) -> str:
    """Log a run with its data set and model, and register the model; returns the registered version.

    A model that is registered already (same digest) is not registered again.

    Raises
    ------
    InfraError
        If MLflow can't be reached or refuses.
    """
    with _client(project) as (mlflow, client):
        slug = project.params.project.slug
        known = _find(client, slug, run.card.digest)
        if known:
            return known
        if mlflow.get_experiment_by_name(slug) is None:
            local = uri(project).startswith("sqlite:")
            artifacts = (project.state / "mlartifacts").as_uri() if local else None
            mlflow.create_experiment(slug, artifact_location=artifacts)
        mlflow.set_experiment(slug)
        with mlflow.start_run(tags=_tags(run)):
            return _log(mlflow, client, slug, run)


def version_of(project: Project, model_digest: str) -> str:
    """The registered version of a model by its digest; empty where MLflow does not know it.

    Raises
    ------
    InfraError
        If MLflow can't be reached.
    """
    with _client(project) as (_, client):
        return _find(client, project.params.project.slug, model_digest)


def set_champion(project: Project, release: Release) -> str:
    """Point the alias `champion` at the release in production; returns a sentence for the report.

    The ledger decides, MLflow mirrors it: what fails here is told, and stops nothing.
    """
    try:
        with _client(project) as (_, client):
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
    with _client(project) as (_, client):
        versions = client.search_model_versions(f"name = '{project.params.project.slug}'")
    return f"{len(versions)} versions at {shown(project)}"


def _log(mlflow: Any, client: Any, slug: str, run: Run) -> str:
    from mlflow.models import infer_signature

    mlflow.log_params({f"model.{key}": value for key, value in run.card.params.items()})
    mlflow.log_params({"task": run.card.task, "estimator": run.card.estimator, "train_rows": run.card.train_rows})
    mlflow.log_metrics(dict(run.metrics))
    source = f"data/raw.parquet@{run.card.data_digest}"
    digest = run.card.train_digest.removeprefix("sha256:")[:36]
    mlflow.log_input(mlflow.data.from_pandas(run.training, source=source, name="training", digest=digest), "training")
    mlflow.log_dict(run.card.model_dump(mode="json"), "model.json")
    trusted = {"serialization_format": "cloudpickle"}
    if run.card.format == "skops":
        trusted = {"serialization_format": "skops", "skops_trusted_types": [*ALLOWED, *declared()[1]]}  # type: ignore[dict-item]
    info = mlflow.sklearn.log_model(
        run.model,
        name="model",
        signature=infer_signature(run.example, run.predictions),
        input_example=run.example,
        pip_requirements=["scikit-learn", "skops", "pandas"],
        registered_model_name=slug,
        **trusted,
    )
    version = str(info.registered_model_version)
    for key, value in _tags(run).items():
        client.set_model_version_tag(slug, version, key, value)
    return version


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


@contextmanager
def _client(project: Project) -> Iterator[tuple[Any, Any]]:
    """MLflow at the project's address; whatever it raises becomes one sentence."""
    _quiet()
    project.state.mkdir(parents=True, exist_ok=True)
    told = {name: os.environ.get(name) for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")}
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            import mlflow
            import mlflow.sklearn

            mlflow.set_tracking_uri(uri(project))
            mlflow.set_registry_uri(uri(project))
            yield mlflow, mlflow.MlflowClient()
    except Exception as error:  # MLflow lets through what its HTTP, SQL and file libraries raise
        words = re.sub(r"//[^/@\s]+@", "//", (str(error).strip().splitlines() or [type(error).__name__])[0])[:200]
        raise InfraError(f"MLflow at {shown(project)} failed: {words}", MEND) from error
    finally:  # MLflow writes its address into the environment, where another project would find it
        for name, value in told.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


def shown(project: Project) -> str:
    """The address without a password, for reports."""
    address = uri(project)
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def _quiet() -> None:
    """MLflow and alembic write a page for a first run; the report says what matters. Retries end in seconds."""
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    for name in ("mlflow", "alembic", "sqlalchemy"):
        logging.getLogger(name).setLevel(logging.ERROR)
