"""Rows of the user's own file, with readable names and types; the generated `model/data.py` reads through this.

Everything is checked before it is decoded (bytes, columns, rows), and every refusal names the row and the value.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from mlgate.adopt.layout import MAX_BYTES, FileColumn, Layout, too_large
from mlgate.errors import ConfigError, DataError, InfraError

if TYPE_CHECKING:
    import pandas as pd


def read(path: str, layout: Layout, columns: Mapping[str, FileColumn], optional: tuple[str, ...] = ()) -> pd.DataFrame:
    """The file's rows under their column names here, typed.

    Parameters
    ----------
    path
        CSV, TSV (also .gz) or Parquet; a file, or a URL that fsspec opens (s3://, gs://, https://).
    columns
        Column name here -> where it comes from. Other columns of the file are left out.
    optional
        Names of `columns` that may be missing from the file, such as the target of rows without labels.

    Raises
    ------
    DataError
        If a column is missing, or a value isn't what its kind says (with row number and value).
    """
    from mlgate.adopt import convert

    with local(path) as file:
        raw = table(file, layout)
    missing = [c.name for name, c in columns.items() if c.name not in raw and name not in optional]
    if missing:
        raise DataError(
            f"{path} has no column {', '.join(map(repr, missing))}",
            "restore the column, or run `mlgate adopt` for the new layout",
        )
    return convert.typed(raw, {name: c for name, c in columns.items() if c.name in raw}, layout.decimal)


def table(path: Path, layout: Layout | None) -> pd.DataFrame:
    """The file's rows: text as it stands for CSV (missing values as NaN), own types for Parquet."""
    from mlgate.adopt import parquet, sniff, text

    require_file(path)
    if sniff.is_parquet(path):
        return parquet.read(path)
    return text.read(path, layout or sniff.layout(path))


def require_file(path: Path) -> None:
    """ConfigError where there is no such file; DataError where it is empty or too large."""
    if not path.is_file():
        near = [p.name for p in path.parent.iterdir() if p.is_file()] if path.parent.is_dir() else []
        raise ConfigError(
            f"{path} is not a file" if path.exists() else f"{path} does not exist", suggest(path.name, near)
        )
    if path.stat().st_size > MAX_BYTES:
        raise too_large(path)
    try:
        with path.open("rb") as stream:
            if not stream.read(1):
                raise DataError(f"{path} is empty", "give a file with a header line and rows")
    except PermissionError as error:
        raise InfraError(f"cannot read {path}: {error.strerror}", "make the file readable") from error


def suggest(name: str, known: list[str]) -> str:
    """A hint with the closest of the known names, or a list of some of them."""
    import difflib

    folded = {entry.casefold(): entry for entry in known}
    close = [folded[match] for match in difflib.get_close_matches(name.casefold(), folded, n=3, cutoff=0.5)]
    if close:
        return f"did you mean {' or '.join(map(repr, close))}?"
    return (
        f"there is: {', '.join(map(repr, known[:20]))}{' …' if len(known) > 20 else ''}" if known else "check the path"
    )


@contextmanager
def local(path: str) -> Iterator[Path]:
    """The file itself, or a bounded temporary copy of what a URL holds."""
    if "://" not in path:
        yield Path(path)
        return
    import fsspec

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.rsplit("/", 1)[-1].split("?")[0]
        try:
            with fsspec.open(path, "rb") as stream, copy.open("wb") as target:
                _copy(stream, target, path)
        except (OSError, ImportError, ValueError) as error:
            raise InfraError(f"cannot read {path}: {error}", "check the URL, the rights and the network") from error
        yield copy


def _copy(stream: BinaryIO, target: BinaryIO, path: str) -> None:
    """Copy at most MAX_BYTES."""
    given = 0
    while block := stream.read(1 << 20):
        given += len(block)
        if given > MAX_BYTES:
            raise too_large(path)
        target.write(block)
