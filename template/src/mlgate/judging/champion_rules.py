"""Whether champion and challenger can be compared at all: the same question, on rows that neither was trained on."""

from __future__ import annotations

import pandas as pd
from pydantic import ValidationError

from mlgate.errors import DataError
from mlgate.judging import champion_bundle
from mlgate.judging.holdout import Holdout
from mlgate.ledger import Ledger
from mlgate.packing.release import ModelCard, Release
from mlgate.params import Params
from mlgate.project import Project


def require_comparable(project: Project, card: ModelCard) -> None:
    """Refuse a champion that answers another question: another task, or other classes behind the same numbers."""
    mend = "deploy under a new slug, or change the task back: these models can't be compared"
    content = Ledger(project).file("production", "model.json")
    try:
        then = ModelCard.model_validate_json(content or b"")
    except ValidationError as error:
        raise DataError("model.json in env/production is missing or damaged", "deploy the champion again") from error
    if (then.task, then.classes) != (card.task, card.classes):
        raise DataError(f"the champion is {then.task} {then.classes}, the challenger {card.task} {card.classes}", mend)


def require_unseen(project: Project, card: ModelCard, champion: Release, rows: Holdout) -> str:
    """Say why no row of the holdout can have trained the champion; DataError where one may have.

    With a time column every row must be newer than the champion's newest training row. Without one the champion must
    have been split with the same salt and keys, and no smaller a share held out, so that it held these rows out too.
    """
    if rows.times is not None:
        if champion.trained_until is None:
            raise DataError("the ledger does not say until when the champion was trained", "deploy it again")
        until = pd.Timestamp(champion.trained_until)
        until = until.tz_convert(None) if until.tzinfo else until
        seen = rows.times <= until.to_datetime64()
        if seen.any():
            raise DataError(
                f"the champion was trained on rows until {until}: {int(seen.sum()):,} of {len(seen):,} rows of the "
                "holdout are not newer",
                "ingest newer data, so that the holdout is unseen by both models",
            )
        return f"every row is newer than the champion's training rows (until {until})"
    if champion.holdout_digest == card.holdout_digest:
        return "the champion held out these very rows"
    then, now = _params_of(project, champion), project.params
    same = (then.split.salt, then.data.cluster, then.data.id) == (now.split.salt, now.data.cluster, now.data.id)
    keyed = bool(now.data.cluster or now.data.id)
    share = isinstance(then.split.holdout, float) and isinstance(now.split.holdout, float)
    if not (same and keyed and share and now.split.holdout <= then.split.holdout):  # type: ignore[operator]
        raise DataError(
            "the holdout was split off by other rules than the champion's: it may have been trained on these rows",
            "restore split.salt, split.holdout, data.id and data.cluster to the champion's, or split by time",
        )
    return "the champion held these rows out by the same hash"


def _params_of(project: Project, champion: Release) -> Params:
    return Params.read(champion_bundle.find(project, champion) / "params.yaml")
