"""`params.yaml` as a typed object: every number that a human decides, refused early when it makes no sense."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mlgate import no_secrets
from mlgate.duration import Duration
from mlgate.errors import ConfigError
from mlgate.yaml_file import read_yaml

Task = Literal["binary", "multiclass", "regression"]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class ProjectSection(Section):
    name: str = Field(min_length=1, max_length=100)
    slug: str = Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")
    owner: str = Field(min_length=1)
    description: str = ""


class DataSection(Section):
    """Which column plays which part; `source` is handed to `model.data.load` as it is."""

    task: Task
    target: str
    positive: str | int | float | bool | None = None
    id: str | None = Field(default=None, description="identifies a row; joins predictions with labels")
    time: str | None = Field(default=None, description="when the row happened; splits and windows follow it")
    label_time: str | None = Field(default=None, description="when the label became known")
    cluster: str | None = Field(description="rows that share it are dependent; null declares rows independent")
    source: dict[str, Any] = Field(default_factory=dict)


class QualitySection(Section):
    min_rows: int = Field(ge=1, default=200)
    max_rows: int = Field(ge=1, default=50_000_000)
    max_columns: int = Field(ge=1, default=2_000)
    max_null_share: float = Field(ge=0, le=1, default=0.5)
    max_duplicate_share: float = Field(ge=0, le=1, default=0.0)
    max_age: Duration | None = Field(default=None, description="of the newest row; null: not checked")
    max_feature_auc: float = Field(gt=0.5, le=1, default=0.995, description="above: the feature leaks the target")


class SplitSection(Section):
    """By time where there is a time column, otherwise by the hash of `data.id` (or the row's index)."""

    holdout: Duration | float = Field(description="14d of the newest rows, or a share of rows (0..1)")
    gap: Duration | None = Field(default=None, description="between training and holdout, for labels that arrive late")
    salt: str = ""

    @model_validator(mode="before")
    @classmethod
    def _share_is_a_float(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("holdout"), (int, float)) and not 0 < value["holdout"] < 1:
            raise ValueError("split.holdout as a share lies between 0 and 1")
        return value


class FloorGate(Section):
    threshold: float
    confidence: float = Field(gt=0.5, lt=1, default=0.975, description="one-sided")


class ChampionGate(Section):
    margin: float = Field(gt=0, description="a difference this small does not matter; in the metric's unit")
    confidence: float = Field(gt=0.5, lt=1, default=0.975, description="one-sided")


class GatesSection(Section):
    metric: str = Field(description="the primary metric, see mlgate.gates.metrics.METRICS")
    floor: FloorGate
    champion: ChampionGate
    capacity: int | None = Field(default=None, ge=1, description="cases a day that people can review")
    slices: list[str] = Field(default_factory=list, description="columns in whose parts the metric is told, too")


class MonitorSection(Section):
    window: Duration
    k: int = Field(ge=1, default=2, description="alarms need k of the last n windows, and the newest")
    n: int = Field(ge=1, default=3)
    season: Duration | None = Field(default=None, description="for example 1w: compare Mondays with Mondays")
    min_rows: int = Field(ge=1, default=100, description="a window with fewer is silence")
    false_alarm: float = Field(gt=0, lt=0.5, default=0.01, description="a window, over all columns")
    clock: Literal["wall", "events"] = Field(
        default="wall", description="`events`: now is the newest event (simulated or replayed traffic)"
    )
    source: str | None = Field(
        default=None, description="folder or URL of the prediction log; null: the environment's own on this machine"
    )
    labels: str | None = Field(default=None, description="file or URL of the labels that came later")

    @model_validator(mode="after")
    def _k_of_n(self) -> MonitorSection:
        if self.k > self.n:
            raise ValueError("monitor.k is at most monitor.n")
        return self


class ServingSection(Section):
    ports: dict[Literal["staging", "production"], Annotated[int, Field(ge=1, le=65_535)]]
    max_rows: int = Field(ge=1, default=1_000, description="rows in one request")
    max_bytes: int = Field(ge=1, default=4_000_000, description="of one request")
    fast: bool = Field(default=True, description="answer without frames where that agreed with the pipeline")
    log_queue: int = Field(ge=1, default=10_000, description="predictions that wait to be written; then they drop")
    log_limit_mb: int = Field(ge=1, default=512, description="of one environment's prediction log")

    @model_validator(mode="after")
    def _one_port_each(self) -> ServingSection:
        if len(set(self.ports.values())) != len(self.ports):
            raise ValueError("serving.ports: each environment needs a port of its own")
        return self


class ImageSection(Section):
    """What the serving image is built on, and where it is pushed."""

    base: str = Field(
        default="", pattern=r"^$|^[^\s@]+@sha256:[0-9a-f]{64}$", description="NAME@sha256:…: a base image by digest"
    )
    repository: str = Field(default="", pattern=r"^[^\s@]*$", description="REGISTRY/NAME that images are pushed to")
    max_ratio: float = Field(gt=1, default=1.35, description="of the image's size to base + locked libraries")
    max_ready: float = Field(gt=0, default=60, description="seconds from start to ready")
    max_latency_ms: float = Field(gt=0, default=500, description="of the 95th percentile of one golden row")


class DeploySection(Section):
    """How a release gets from the ledger into an environment, and what it has to show before."""

    engine: Literal["process", "container", "kubernetes", "none"] = Field(
        default="process", description="what runs a release; `none`: something else watches the branches"
    )
    soak: Duration | None = Field(default=None, description="a release is this long in staging before it is promoted")
    urls: dict[Literal["staging", "production"], Annotated[str, Field(pattern=r"^https?://[^\s?#]*[^\s?#/]$")]] = Field(
        default={}, description="where a release answers that something else starts; it is smoked there"
    )
    settle: Duration = Field(default=timedelta(minutes=10), description="how long it may take to answer there")
    latency_ms: int = Field(
        default=500, ge=1, description="p95 of single rows in the smoke test; a slower release takes no traffic"
    )
    memory_mb: int = Field(default=2_048, ge=128, description="of one container; one that takes more is killed")
    verify: Literal["none", "key", "github"] = Field(
        default="none", description="whose signature an image needs: of `deploy.key`, or of this repository's workflow"
    )
    key: str = Field(default="deploy/cosign.pub", description="the public key of `deploy.verify: key`")
    signature_max_age: Duration | None = Field(
        default=None, description="a signature older than this is expired for a deploy; null: none is"
    )
    retain: int = Field(default=10, ge=2, description="images of each environment that the registry has to keep")


class Params(Section):
    project: ProjectSection
    data: DataSection
    quality: QualitySection
    split: SplitSection
    model: dict[str, Any]
    gates: GatesSection
    monitor: MonitorSection
    serving: ServingSection
    image: ImageSection = ImageSection()
    deploy: DeploySection = DeploySection()

    @classmethod
    def read(cls, path: Path) -> Params:
        """Read and check `params.yaml`; ConfigError names the key and what it should be."""
        return parse(read_yaml(path), str(path.name))


def parse(content: object, source: str = "params.yaml") -> Params:
    """Params from plain values; ConfigError names every wrong key."""
    if not isinstance(content, dict):
        raise ConfigError(f"{source} is not a mapping of sections", "restore it with `git checkout`")
    if secrets := [f"{place} holds {kind}" for place, kind in no_secrets.found(content)]:
        mend = "take it out, let the source read it from the environment, and replace it if it was ever pushed"
        raise ConfigError(f"{source}: {'; '.join(secrets)}", mend)
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc']))}: {_sentence(e)}" for e in error.errors()]
        raise ConfigError(f"{source}: " + "; ".join(problems), f"fix {source}; docs/params.md has every key") from error


def _sentence(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "unknown key"
    if error["type"] == "missing":
        return "missing"
    return f"{error['msg'][:1].lower()}{error['msg'][1:]} (it is {error['input']!r})"[:200]
