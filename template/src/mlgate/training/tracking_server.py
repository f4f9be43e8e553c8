"""How MLflow is reached: a database in this machine's state, or the server that MLFLOW_TRACKING_URI names."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlgate.errors import InfraError
from mlgate.project import Project

DATABASE = "mlflow.db"
MEND = "check MLFLOW_TRACKING_URI, or unset it to use the local database"


def uri(project: Project) -> str:
    """`MLFLOW_TRACKING_URI`, or a database in this machine's state."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{project.state / DATABASE}"


def shown(project: Project) -> str:
    """The address without a password, for reports."""
    address = uri(project)
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def warm_up(project: Project | None = None) -> None:
    """Import MLflow, and make and open the project's local database: seconds that need not wait for the rest of a verb.

    What fails here fails again where MLflow is needed, and is told there.
    """
    _quiet()
    with contextlib.suppress(Exception):
        import mlflow.data.pandas_dataset
        import mlflow.sklearn
        import skops.io  # noqa: F401

        if project is not None and not os.environ.get("MLFLOW_TRACKING_URI"):
            _make_database(project)
            mlflow.MlflowClient(uri(project), uri(project)).search_model_versions(max_results=1)


def warming(project: Project, after: float = 0.0) -> threading.Timer:
    """`warm_up` in a thread that has been started, and begins after so many seconds if it was not cancelled by then."""
    thread = threading.Timer(after, warm_up, [project])
    thread.daemon = True
    thread.start()
    return thread


@contextmanager
def client(project: Project) -> Iterator[tuple[Any, Any]]:
    """MLflow at the project's address; whatever it raises becomes one sentence."""
    _quiet()
    project.state.mkdir(parents=True, exist_ok=True)
    told = {name: os.environ.get(name) for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")}
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            import mlflow
            import mlflow.sklearn

            _make_database(project)
            mlflow.set_tracking_uri(uri(project))
            mlflow.set_registry_uri(uri(project))
            yield mlflow, mlflow.MlflowClient()
    except Exception as error:  # MLflow lets through what its HTTP, SQL and file libraries raise
        words = re.sub(r"//[^/@\s]+@", "//", (str(error).strip().splitlines() or [type(error).__name__])[0])[:200]
        raise InfraError(f"MLflow at {shown(project)} failed: {words}", MEND) from error
    finally:  # MLflow writes its address into the environment, where another project would find it
        for name, value in told.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


def _make_database(project: Project) -> None:
    """Give the project its local database whole, or not at all: a migration that broke off could not be taken up."""
    path = project.state / DATABASE
    if os.environ.get("MLFLOW_TRACKING_URI") or path.exists():
        return
    import mlflow

    project.state.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=project.state, prefix="mlflow-") as folder:
        made = Path(folder) / DATABASE
        mlflow.MlflowClient(f"sqlite:///{made}", f"sqlite:///{made}").search_experiments(max_results=1)
        with contextlib.suppress(FileExistsError):  # another process was faster
            os.link(made, path)


def _quiet() -> None:
    """MLflow and alembic write a page for a first run; the report says what matters. Retries end in seconds."""
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    for name in ("mlflow", "alembic", "sqlalchemy"):
        logging.getLogger(name).setLevel(logging.ERROR)
