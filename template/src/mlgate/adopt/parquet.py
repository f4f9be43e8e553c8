"""Parquet rows, decoded only after the file's own metadata keeps the limits: kilobytes can claim terabytes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mlgate.adopt.layout import MAX_BYTES, too_large
from mlgate.errors import DataError
from mlgate.params import QualitySection

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

FOOTER = 64 << 20  # bytes; a footer is decoded whole, before anything is known about it


def read(path: Path) -> pd.DataFrame:
    """The table with its own types; DataError for what is too large, torn or has names more than once."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    _check_footer(path)
    try:
        with pq.ParquetFile(path) as file:
            _check_limits(path, file)
            text = [f.name for f in file.schema_arrow if pa.types.is_string(f.type) or pa.types.is_large_string(f.type)]
        with pq.ParquetFile(path, read_dictionary=text) as file:
            table = _decode(path, file)
    except (pa.ArrowException, OSError, ValueError) as error:
        words = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise DataError(f"{path} is not a Parquet file that can be read: {words}", "write it again") from error
    plain = [f.name for f in table.schema if not pa.types.is_nested(f.type)]
    frame: pd.DataFrame = table.select(plain).to_pandas()
    return frame


def _check_footer(path: Path) -> None:
    with path.open("rb") as stream:
        stream.seek(0, 2)
        if stream.tell() >= 12:
            stream.seek(-8, 2)
            length, mark = int.from_bytes(stream.read(4), "little"), stream.read(4)
            if mark == b"PAR1" and length <= FOOTER:
                return
    raise DataError(f"{path} is a torn Parquet file, or has an oversized footer", "write it again")


def _check_limits(path: Path, file: object) -> None:
    metadata, names = file.metadata, file.schema_arrow.names  # type: ignore[attr-defined]
    limits = QualitySection()
    if metadata.num_columns > limits.max_columns:
        raise DataError(
            f"{path} has {metadata.num_columns:,} columns, more than {limits.max_columns:,}", "select columns"
        )
    if metadata.num_rows > limits.max_rows:
        raise DataError(
            f"{path} has {metadata.num_rows:,} rows, more than {limits.max_rows:,}", "take a sample of its rows"
        )
    claimed = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
    if max(claimed, metadata.num_rows * metadata.num_columns) > MAX_BYTES:
        raise too_large(path)
    repeated = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if repeated:
        raise DataError(f"{path} has column names more than once: {', '.join(repeated)}", "give each its own name")


def _decode(path: Path, file: object) -> pa.Table:
    """All batches, text as dictionaries until its decoded size is known to fit."""
    import pyarrow as pa
    import pyarrow.compute as pc

    total, batches = 0, []
    for batch in file.iter_batches(batch_size=1 << 16):  # type: ignore[attr-defined]
        for column in batch.columns:
            total += column.nbytes
            if pa.types.is_dictionary(column.type):
                lengths = pc.binary_length(column.dictionary).take(column.indices).cast(pa.int64())
                total += pc.sum(lengths).as_py() or 0
        if total > MAX_BYTES:
            raise too_large(path)
        batches.append(batch)
    schema = file.schema_arrow  # type: ignore[attr-defined]
    table = pa.Table.from_batches(batches) if batches else schema.empty_table()
    for index, column in enumerate(table.columns):
        if pa.types.is_dictionary(column.type):
            table = table.set_column(index, table.schema.names[index], column.cast(column.type.value_type))
    return table
