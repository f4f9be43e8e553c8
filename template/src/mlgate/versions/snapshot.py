"""A raw snapshot as a Parquet file: limits before decoding, deterministic bytes, and what changed since the last."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mlgate.errors import DataError
from mlgate.params import Params

MAX_BYTES = 4 << 30  # of a decoded snapshot: a Parquet file of kilobytes can claim terabytes
BATCH = 1 << 16  # rows decoded at a time, so that the limit is met before the memory is gone
MEND = "take a new snapshot with `mlgate ingest`, or restore it with `git checkout -- data`"


def encode(frame: pd.DataFrame) -> bytes:
    """The frame as zstd Parquet; equal frames give equal bytes (no index, no time, no path inside).

    Raises
    ------
    DataError
        If column names repeat, aren't text, or a column mixes types that Parquet has no type for.
    """
    repeated = sorted({str(name) for name in frame.columns[frame.columns.duplicated()]})
    if repeated:
        raise DataError(f"column names repeat: {', '.join(repeated)}", "give each column its own name")
    if not all(isinstance(name, str) for name in frame.columns):
        raise DataError("column names are not all text", "name the columns in src/model/data.py")
    try:
        table = pa.Table.from_pandas(frame.reset_index(drop=True), preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise DataError(f"a column has no single type: {_words(error)}", "clean it in src/model/data.py") from error
    stream = io.BytesIO()
    pq.write_table(table, stream, compression="zstd", compression_level=9, row_group_size=1 << 20)
    return stream.getvalue()


def read(path: Path, params: Params) -> pd.DataFrame:
    """The snapshot at `path`, decoded only after its metadata keeps the limits of `params.quality`.

    Raises
    ------
    DataError
        If the file is missing, a symlink, not Parquet, or larger than the limits, and says which.
    """
    if path.is_symlink():
        raise DataError(f"{path} is a symlink, and could point outside the repository", MEND)
    if not path.is_file():
        raise DataError(f"{path} is missing", "take a snapshot with `mlgate ingest`")
    try:
        with pq.ParquetFile(path) as plain:
            limits(plain, params)
            text = [
                f.name for f in plain.schema_arrow if pa.types.is_string(f.type) or pa.types.is_large_string(f.type)
            ]
        with pq.ParquetFile(path, read_dictionary=text) as file:
            frame: pd.DataFrame = _decode(file).to_pandas()
            return frame
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DataError(f"{path} is not a Parquet file that can be read: {_words(error)}", MEND) from error


def limits(file: pq.ParquetFile, params: Params) -> None:
    """Refuse by the file's own metadata: too many rows or columns, repeated names, too large when decoded."""
    metadata, quality = file.metadata, params.quality
    if metadata.num_columns > quality.max_columns:
        raise DataError(
            f"{metadata.num_columns:,} columns, more than quality.max_columns ({quality.max_columns:,})",
            "select columns in src/model/data.py, or raise the limit in params.yaml",
        )
    if metadata.num_rows > quality.max_rows:
        raise DataError(
            f"{metadata.num_rows:,} rows, more than quality.max_rows ({quality.max_rows:,})",
            "select rows in src/model/data.py, or raise the limit in params.yaml",
        )
    claimed = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
    if max(claimed, metadata.num_rows * metadata.num_columns) > MAX_BYTES:
        raise DataError(f"{claimed:,} bytes when decoded, more than {MAX_BYTES:,}", "take a smaller snapshot")
    names = file.schema_arrow.names
    repeated = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if repeated:
        raise DataError(f"column names repeat: {', '.join(repeated)}", "give each column its own name")


def _decode(file: pq.ParquetFile) -> pa.Table:
    """All batches, text as dictionaries until their decoded size is known to fit."""
    batches, total = [], 0
    for batch in file.iter_batches(batch_size=BATCH):
        total += sum(_decoded_bytes(column) for column in batch.columns)
        if total > MAX_BYTES:
            raise DataError(f"more than {MAX_BYTES:,} bytes when decoded", "take a smaller snapshot")
        batches.append(batch)
    table = pa.Table.from_batches(batches, schema=batches[0].schema) if batches else file.schema_arrow.empty_table()
    for index, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            table = table.set_column(index, field.name, table.column(index).cast(field.type.value_type))
    return table


def _decoded_bytes(column: pa.Array) -> int:
    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    lengths = pc.binary_length(column.dictionary)
    return int(pc.sum(lengths.take(column.indices).cast(pa.int64())).as_py() or 0) + 8 * len(column)


def same(left: pd.DataFrame, right: pd.DataFrame) -> bool:
    """Whether two frames hold the same columns, types and values in the same order."""
    return list(left.columns) == list(right.columns) and left.reset_index(drop=True).equals(right)


def changes(old: pd.DataFrame | None, new: pd.DataFrame, params: Params) -> list[str]:
    """What a person wants to know about a new snapshot, as sentences; rows are told apart by `data.id`."""
    target = params.data.target
    said = [f"{len(new):,} rows, {len(new.columns)} columns" + (_rate(new, target) if target in new else "")]
    if old is None:
        return [*said, "first snapshot"]
    said.append(_rows(old, new, params.data.id))
    gone, come = sorted(set(old.columns) - set(new.columns)), sorted(set(new.columns) - set(old.columns))
    said += [f"columns gone: {', '.join(gone)}"] * bool(gone) + [f"new columns: {', '.join(come)}"] * bool(come)
    for name in (column for column in new.columns if column in old.columns):
        if old[name].dtype != new[name].dtype:
            said.append(f"{name}: type {old[name].dtype} became {new[name].dtype}")
        before, after = float(old[name].isna().mean()), float(new[name].isna().mean())
        if abs(before - after) > 0.01:
            said.append(f"{name}: missing {before:.1%} became {after:.1%}")
    if target in old and target in new:
        said.append(f"target before:{_rate(old, target)[1:]}")
    return said


def _rows(old: pd.DataFrame, new: pd.DataFrame, key: str | None) -> str:
    if key is None or key not in old or key not in new:
        return f"rows: {len(old):,} became {len(new):,}"
    kept = new[key].isin(old[key])
    return f"rows: {int((~kept).sum()):,} added, {int((~old[key].isin(new[key])).sum()):,} removed"


def _rate(frame: pd.DataFrame, target: str) -> str:
    column = frame[target].dropna()
    if column.empty:
        return f"; {target} is empty"
    if column.nunique() > 20:
        return f"; {target} mean {float(column.mean()):.4g}" if pd.api.types.is_numeric_dtype(column) else ""
    shares: Any = column.value_counts(normalize=True).sort_index()
    return f"; {target} " + ", ".join(f"{label}: {share:.2%}" for label, share in shares.items())


def _words(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
