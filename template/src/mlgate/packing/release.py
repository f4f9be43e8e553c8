"""What a release is made of, as records: the model's card and the line that the ledger keeps."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mlgate.errors import DataError, InfraError
from mlgate.files import digest, digest_tree
from mlgate.params import Task

SHA256 = r"^sha256:[0-9a-f]{64}$"
RECORD = "release.json"  # lies beside the Bento's files and names their digest, so it can't be part of it


Kind = TypeVar("Kind", bound=BaseModel)


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class ModelCard(_Record):
    """`models/model.json`: what the model file is and from which rows it came. No commit, no time: they would change
    the bytes of an unchanged model."""

    schema_version: Literal[1] = 1
    model: str = Field(description="slug of the project")
    file: str = Field(description="model.skops or model.joblib")
    format: Literal["skops", "joblib"]
    digest: str = Field(pattern=SHA256, description="of the model file")
    inputs: str = Field(pattern=SHA256, description="of everything that training depends on: equal means nothing to do")
    estimator: str
    task: Task
    classes: list[str | int | float | bool] = Field(default_factory=list, description="in the order of the scores")
    features: list[str]
    trained_until: str | None = None
    train_rows: int
    train_digest: str
    data_digest: str = Field(pattern=SHA256)
    holdout_digest: str
    holdout_rows: int
    params: dict[str, Any] = Field(default_factory=dict, description="the `model` section")
    threads: int | None = Field(default=None, description="of OpenMP in training: another number sums in another order")


class MetricValue(_Record):
    value: float
    low: float | None = None
    high: float | None = None


class Release(_Record):
    """`release.json`: from an image digest back to code, data and model."""

    schema_version: Literal[1] = 1
    model: str
    version: str = Field(pattern=r"^[0-9a-f]{12}$", description="the first 12 hex digits of the model's digest")
    image: str = Field(pattern=SHA256, description="digest of the Bento's files")
    container: str = Field(
        default="", pattern=r"^$|^[^\s@]+@sha256:[0-9a-f]{64}$", description="the OCI image of this Bento, by digest"
    )
    source_commit: str = Field(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")
    data_digest: str = Field(pattern=SHA256)
    model_digest: str = Field(pattern=SHA256)
    model_version: str = Field(default="", description="in MLflow's registry; empty where unknown")
    metrics: dict[str, MetricValue] = Field(default_factory=dict)
    holdout_digest: str
    holdout_rows: int
    trained_until: str | None = None
    built: datetime

    @property
    def hex(self) -> str:
        """The digest without its `sha256:`, which names the release's folder."""
        return self.image.removeprefix("sha256:")


def version_of(model_digest: str) -> str:
    """The short name of a model: the first 12 hex digits of its file's digest."""
    return model_digest.removeprefix("sha256:")[:12]


def read_card(folder: Path) -> ModelCard:
    """The card of the model in `folder`, after checking that the model file is the one that it names.

    Raises
    ------
    DataError
        If there is no model, the card is not a card, or the file's digest is another.
    """
    card = _read(folder / "model.json", ModelCard, "run `mlgate train`")
    path = folder / card.file
    if card.file not in ("model.skops", "model.joblib") or not path.is_file():
        raise DataError(f"{folder / 'model.json'} names {card.file}, which is not there", "run `mlgate train`")
    if digest(path) != card.digest:
        raise DataError(f"{path} is not the file that its card names (digest differs)", "run `mlgate train`")
    return card


def read_release(folder: Path) -> Release:
    """The record of a built release; DataError where it is missing or malformed."""
    return _read(folder / RECORD, Release, "run `mlgate package`")


def image_digest(folder: Path) -> str:
    """The digest of a release's files, all but its own record; its code runs with `mlgate.project.bytecode`."""
    return digest_tree(folder, skip=(RECORD,))


def check_release(folder: Path) -> Release:
    """The record of a release whose files are those that were built; InfraError where one was changed since."""
    release = read_release(folder)
    if image_digest(folder) != release.image:
        raise InfraError(f"the files in {folder} are not those that were built", "run `mlgate package` again")
    return release


def _read(path: Path, kind: type[Kind], mend: str) -> Kind:
    try:
        return kind.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing", mend) from error
    except ValidationError as error:
        first = error.errors()[0]
        raise DataError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}", mend) from error
