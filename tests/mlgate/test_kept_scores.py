"""What the ledger keeps of a holdout: as small as scores get, and the same verdict to the last bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlgate.engine.bundles import ARTIFACTS, ledger_files
from mlgate.errors import DataError
from mlgate.gates.champion import champion_gate
from mlgate.gates.metrics import find
from mlgate.judging import kept_scores
from mlgate.versions import snapshot

ROWS = 37_000


def holdout(rows: int = ROWS, distinct: int | None = None, seed: int = 0) -> pd.DataFrame:
    """As `train` leaves it; scores in [0, 1], all of them different or so many."""
    random = np.random.default_rng(seed)
    scores = random.beta(0.5, 8, rows) if distinct is None else random.choice(random.beta(0.5, 8, distinct), rows)
    return pd.DataFrame(
        {
            "row_hash": random.integers(0, 2**64, rows, dtype=np.uint64),
            "cluster": random.integers(0, 2**64, rows, dtype=np.uint64),
            "target": (random.random(rows) < scores).astype(np.int64),
            "score": scores,
            "time": np.datetime64("2026-01-01T00:00:00", "us") + np.arange(rows),
        }
    )


def kept(frame: pd.DataFrame, folder: Path) -> bytes:
    """What a deploy of a bundle with this holdout puts into the ledger."""
    (folder / ARTIFACTS).mkdir(parents=True, exist_ok=True)
    (folder / ARTIFACTS / "holdout.parquet").write_bytes(snapshot.encode(frame))
    return ledger_files(folder)["holdout.parquet"]


@pytest.mark.parametrize(("distinct", "bytes_a_row"), [(None, 7.5), (700, 1.5)], ids=["all differ", "as of trees"])
def test_a_row_costs_what_its_score_does_and_its_name_nothing(
    distinct: int | None, bytes_a_row: float, tmp_path: Path
) -> None:
    assert len(kept(holdout(distinct=distinct), tmp_path)) < bytes_a_row * ROWS + 1_000


@pytest.mark.parametrize("distinct", [None, 700], ids=["all differ", "as of trees"])
def test_scores_come_back_to_the_bit_in_whatever_order_the_data_stand(distinct: int | None, tmp_path: Path) -> None:
    frame = holdout(distinct=distinct)
    content = kept(frame, tmp_path)
    shuffled = frame.sample(frac=1, random_state=1)
    found = kept_scores.unpack(content, shuffled["row_hash"].to_numpy())
    assert found.dtype == np.float64
    assert np.array_equal(found, shuffled["score"].to_numpy())
    assert kept(shuffled, tmp_path) == content, "the order of the data makes another commit"


def test_each_class_keeps_its_scores(tmp_path: Path) -> None:
    frame = holdout(500)
    classes = np.random.default_rng(1).dirichlet(np.ones(11), 500)  # score_10 comes after score_9, not score_1
    frame = frame.drop(columns="score").assign(**{f"score_{number}": classes[:, number] for number in range(11)})
    found = kept_scores.unpack(kept(frame, tmp_path), frame["row_hash"].to_numpy())
    assert np.array_equal(found, classes)


def test_the_champion_gate_says_the_same_on_what_is_kept(tmp_path: Path) -> None:
    frame = holdout()
    y, clusters = frame["target"].to_numpy(), frame["cluster"].to_numpy()
    mine = np.clip(frame["score"].to_numpy() + np.random.default_rng(2).normal(0, 0.01, ROWS), 0, 1)
    old = kept_scores.unpack(kept(frame, tmp_path), frame["row_hash"].to_numpy())
    for name in ("average_precision", "roc_auc", "log_loss", "brier"):
        words: tuple[Any, ...] = (clusters, find(name, "binary"), 0.02, 0.975)
        assert champion_gate(y, mine, old, *words) == champion_gate(y, mine, frame["score"].to_numpy(), *words)
    same = champion_gate(y, frame["score"].to_numpy(), old, *words)
    assert "identical" in same.evidence


def test_a_ledger_that_names_each_row_can_still_be_read() -> None:
    frame = holdout(1_000)
    former = snapshot.encode(frame[["row_hash", "score"]])
    shuffled = frame.sample(frac=1, random_state=1)
    assert np.array_equal(kept_scores.unpack(former, shuffled["row_hash"].to_numpy()), shuffled["score"].to_numpy())


def test_scores_of_other_rows_are_no_scores_of_these(tmp_path: Path) -> None:
    frame = holdout(1_000)
    content, names = kept(frame, tmp_path), frame["row_hash"].to_numpy()
    renamed = names.copy()
    renamed[17] += np.uint64(1)
    for others in (renamed, names[1:], np.append(names, np.uint64(3)), names[:0]):
        with pytest.raises(DataError, match="scores of other rows"):
            kept_scores.unpack(content, others)


def test_a_holdout_that_names_a_row_twice_is_not_kept(tmp_path: Path) -> None:
    frame = holdout(100)
    frame.loc[1, "row_hash"] = frame.loc[0, "row_hash"]
    with pytest.raises(DataError, match="names a row twice"):
        kept(frame, tmp_path)


@pytest.mark.parametrize("content", [b"", b"not parquet"], ids=["empty", "damaged"])
def test_what_is_damaged_says_so(content: bytes) -> None:
    with pytest.raises(DataError, match="is damaged"):
        kept_scores.unpack(content, np.zeros(1, dtype=np.uint64))
