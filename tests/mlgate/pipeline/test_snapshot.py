"""A snapshot is decoded only within limits, and the same rows are the same bytes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_world import params

from mlgate.errors import DataError
from mlgate.versions import snapshot


def frame(rows: int = 500) -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "transaction_id": np.arange(rows),
            "timestamp": pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(rows), unit="h"),
            "amount": random.random(rows),
            "category": random.choice(["food", "travel"], rows),
            "is_fraud": np.arange(rows) % 2,
        }
    )


def test_equal_frames_give_equal_bytes_whatever_their_index() -> None:
    assert snapshot.encode(frame()) == snapshot.encode(frame().set_index(np.arange(500) + 7))


def test_what_was_written_is_read_back(born: Path, tmp_path: Path) -> None:
    path = tmp_path / "raw.parquet"
    path.write_bytes(snapshot.encode(frame()))
    assert snapshot.same(frame(), snapshot.read(path, params(born)))
    assert not snapshot.same(frame().assign(amount=1.0), snapshot.read(path, params(born)))


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "column names repeat: a"),
        (pd.DataFrame({1: [1]}), "not all text"),
        (pd.DataFrame({"a": [1, "one"]}), "no single type"),
    ],
)
def test_a_table_that_parquet_cannot_hold_is_one_sentence(bad: pd.DataFrame, words: str) -> None:
    with pytest.raises(DataError, match=words):
        snapshot.encode(bad)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"id,amount\n1,2\n", b"PAR1" + b"\0" * 100 + b"PAR1"])
def test_a_file_that_is_not_parquet_is_one_sentence(born: Path, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "raw.parquet"
    path.write_bytes(content)
    with pytest.raises(DataError, match="not a Parquet file"):
        snapshot.read(path, params(born))


def test_case_26_too_many_rows_or_columns_are_refused_by_the_metadata(born: Path, tmp_path: Path) -> None:
    path = tmp_path / "raw.parquet"
    path.write_bytes(snapshot.encode(frame()))
    with pytest.raises(DataError, match=r"500 rows, more than quality\.max_rows \(499\)"):
        snapshot.read(path, params(born, quality={"min_rows": 1, "max_rows": 499}))
    with pytest.raises(DataError, match=r"5 columns, more than quality\.max_columns \(4\)"):
        snapshot.read(path, params(born, quality={"max_columns": 4}))


READ_IN_LITTLE_MEMORY = """
import resource, sys
from pathlib import Path
import pandas, pyarrow.parquet
from mlgate.versions import snapshot
from mlgate.errors import DataError
from mlgate.params import Params
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 30),) * 2)
try:
    snapshot.read(Path(sys.argv[1]), Params.read(Path(sys.argv[2]) / "params.yaml"))
except DataError as error:
    print(error)
"""


def test_case_26_a_parquet_bomb_is_refused_within_a_gigabyte(born: Path, tmp_path: Path) -> None:
    """One long text, two million times, is a file of kilobytes whose metadata claims little."""
    path = tmp_path / "bomb.parquet"
    codes = pa.array(np.zeros(2_000_000, dtype=np.int32))
    column = pa.DictionaryArray.from_arrays(codes, pa.array(["x" * 100_000]))
    pq.write_table(pa.table({"a": column}), path, compression="zstd")
    assert path.stat().st_size < 1_000_000
    command = [sys.executable, "-c", READ_IN_LITTLE_MEMORY, str(path), str(born)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={"ARROW_DEFAULT_MEMORY_POOL": "system"}
    )
    assert "bytes when decoded" in done.stdout, done.stdout + done.stderr


def test_changes_are_told_in_words(born: Path) -> None:
    old, new = frame(), frame(600).drop(columns="category").assign(amount=lambda f: f["amount"].where(f.index > 100))
    told = snapshot.changes(old, new, params(born))
    assert told[0] == "600 rows, 4 columns; is_fraud 0: 50.00%, 1: 50.00%"
    assert "rows: 100 added, 0 removed" in told
    assert "columns gone: category" in told
    assert any(line.startswith("amount: missing 0.0% became 16.8%") for line in told)
