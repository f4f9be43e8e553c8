"""What a release's builder vouches for: the predicate of an in-toto statement about the image, by digest."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from mlgate.packing.release import SHA256, MetricValue, Release
from mlgate.report import Report, Status

RELEASE_TYPE = "https://mlgate.github.io/mlgate/release/v1"
SBOM_TYPE = "https://cyclonedx.org/bom"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class Gate(_Part):
    id: str
    status: Status


class Builder(_Part):
    """Where it was built, as the builder tells it; on GitHub the signer's certificate says so as well."""

    kind: Literal["github", "local"]
    repository: str = Field(default="", description="HOST/OWNER/NAME of the source; empty where it has no remote")
    ref: str = Field(default="", description="refs/heads/main; empty where no branch was checked out")
    workflow: str = Field(default="", description="path of the workflow's file; empty outside GitHub")
    run: str = Field(default="", description="URL of the run; empty outside GitHub")


class Predicate(_Part):
    """The predicate `https://…/mlgate/release/v1`."""

    schema_version: Literal[1] = 1
    model: str = Field(description="slug of the project")
    version: str = Field(pattern=r"^[0-9a-f]{12}$")
    bento: str = Field(pattern=SHA256, description="digest of the Bento's files, which the image was made of")
    source_commit: str = Field(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")
    data_digest: str = Field(pattern=SHA256)
    model_digest: str = Field(pattern=SHA256)
    model_card_digest: str = Field(pattern=SHA256, description="of model.json, which the ledger keeps")
    model_version: str = Field(default="", description="in MLflow's registry; empty where unknown")
    holdout_digest: str
    holdout_rows: int
    metrics: dict[str, MetricValue] = Field(description="each with its interval")
    verdict: Status = Field(description="of `mlgate evaluate` on this model")
    gates: list[Gate] = Field(description="each gate's verdict")
    sbom: str = Field(pattern=SHA256, description="of the CycloneDX file that is attested beside this")
    builder: Builder
    built: datetime = Field(description="when the Bento was built: orders two releases of one commit")
    attested: datetime = Field(description="when this was signed, by the signer's clock")


def predicate(
    release: Release, judged: Report, card_digest: str, sbom_digest: str, builder: Builder, now: datetime
) -> Predicate:
    """What can be vouched for about `release`, judged by `judged` (the report of `evaluate`)."""
    return Predicate(
        **release.model_dump(
            include={
                "model",
                "version",
                "source_commit",
                "data_digest",
                "model_digest",
                "model_version",
                "holdout_digest",
                "holdout_rows",
                "metrics",
                "built",
            }
        ),
        bento=release.image,
        model_card_digest=card_digest,
        verdict=judged.status,
        gates=[Gate(id=check.id, status=check.status) for check in judged.checks],
        sbom=sbom_digest,
        builder=builder,
        attested=now.replace(microsecond=0),
    )
