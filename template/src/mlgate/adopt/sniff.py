"""How a text file is laid out: encoding, delimiter and header, found from its first bytes or refused."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path
from typing import BinaryIO, cast

from mlgate.adopt.encoding import guess
from mlgate.adopt.layout import Layout
from mlgate.errors import DataError
from mlgate.params import QualitySection

SAMPLE = 1 << 20  # bytes; the header must end within them
LINES = 200  # enough to tell a delimiter
DELIMITERS = (",", ";", "\t", "|", " ")
_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_BINARY = {b"PK": "an Excel or zip file", b"\xd0\xcf": "an Excel file", b"BZh": "a bzip2 file", b"\x80\x04": "a pickle"}


def is_parquet(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(4) == b"PAR1"


def open_bytes(path: Path) -> BinaryIO:
    """The file's bytes, unpacked where they start like gzip."""
    with path.open("rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
    return cast(BinaryIO, gzip.open(path, "rb")) if packed else path.open("rb")


def layout(path: Path, encoding: str = "") -> Layout:
    """Encoding, unless given, and delimiter of a CSV file; the decimal mark is judged later, by what the columns hold.

    Raises
    ------
    DataError
        If the file isn't text, has one column only, a header that is no header, or names that repeat.
    """
    try:
        with open_bytes(path) as stream:
            sample = stream.read(SAMPLE)
    except (OSError, EOFError, ValueError) as error:
        raise DataError(f"{path} is not a whole gzip file: {error}", "pack it again") from error
    if not sample.strip():
        raise DataError(f"{path} is empty", "give a file with a header line and rows")
    encoding = encoding or _encoding(path, sample)
    text = sample.decode(encoding, errors="ignore")
    if len(sample) == SAMPLE and "\n" not in text.replace("\r", "\n"):
        raise DataError(f"the first line of {path} is longer than {SAMPLE:,} bytes", "a table has one row a line")
    delimiter = _delimiter(path, text, whole=len(sample) < SAMPLE)
    check_header(path, rows_of(text, delimiter, whole=len(sample) < SAMPLE))
    return Layout(delimiter, encoding)


def rows_of(text: str, delimiter: str, whole: bool) -> list[list[str]]:
    """The first rows as lists of cells, blank lines left out; a torn last line is dropped."""
    lines = text if whole else text[: text.rstrip("\r\n").rfind("\n") + 1] or text
    reader = csv.reader(io.StringIO(lines, newline=""), delimiter=delimiter, skipinitialspace=True)
    rows: list[list[str]] = []
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append(row)
            if len(rows) > LINES:
                break
    except csv.Error:
        pass
    return rows


def check_header(path: Path, rows: list[list[str]]) -> None:
    """DataError where the first line doesn't name the columns of the lines that follow."""
    header = [cell.strip() for cell in rows[0]]
    limit = QualitySection().max_columns
    if len(header) > limit:
        raise DataError(f"{path} has {len(header):,} columns, more than {limit:,}", "select the columns that matter")
    widths = {len(row) for row in rows[1:]}
    if widths and len(header) not in widths:
        raise DataError(
            f"the first line of {path} has {len(header)} columns, the lines below have {min(widths)}",
            "the first line must name every column, nothing else",
        )
    for number, row in enumerate(rows[1:], start=1):
        if len(row) != len(header):
            raise DataError(
                f"{path}, row {number}: {len(row)} cells, but the header has {len(header)}",
                "give every row as many cells as the header; quote cells that hold the delimiter",
            )
    numbers = [cell for cell in header if _is_number(cell)]
    if header and (len(numbers) > len(header) / 2 or (len(numbers) >= 2 and _is_number(header[0]))):
        raise DataError(
            f"the first line of {path} holds values ({', '.join(numbers[:3])}), not column names",
            "add a header line; scikit-learn's own files: write load_…(as_frame=True).frame with to_csv(index=False)",
        )
    repeated = sorted({cell for cell in header if cell and header.count(cell) > 1}) if len(header) < 5_000 else []
    if repeated:
        raise DataError(
            f"{path} has column names more than once: {', '.join(repeated)}", "give each column its own name"
        )


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True


def _encoding(path: Path, sample: bytes) -> str:
    for mark, encoding in _MARKS:
        if sample.startswith(mark):
            return encoding
    kind = next((words for start, words in _BINARY.items() if sample.startswith(start)), "")
    if kind or b"\0" in sample:
        raise DataError(f"{path} is {kind or 'binary'}, not text", "save the table as CSV or Parquet")
    try:
        sample[: sample.rfind(b"\n") + 1 or len(sample)].decode("utf-8")
        return "utf-8"
    except UnicodeDecodeError:
        return guess(path, sample)


def _delimiter(path: Path, text: str, whole: bool) -> str:
    """The delimiter under which most lines have the header's number of cells, and that is the largest."""
    scores, titled = {}, 0
    for delimiter in DELIMITERS:
        rows = rows_of(text, delimiter, whole)
        widths = [len(row) for row in rows[1:]] or [len(rows[0])]
        common = max(set(widths), key=widths.count)
        agreed = widths.count(common) / len(widths)
        if common > 1 and len(rows[0]) > 1 and agreed >= (0.95 if delimiter == " " else 0.5):
            scores[delimiter] = (len(rows[0]) == common, agreed, common)
        elif common > 1 and len(rows[0]) == 1 and agreed >= 0.95:
            titled = max(titled, common)
    if titled and not scores:
        raise DataError(
            f"the first line of {path} has one cell, the lines below have {titled}",
            "the first line must name the columns: take titles and notes out",
        )
    if not scores:
        raise DataError(
            f"{path} has one column only, whether cells are parted by comma, semicolon, tab, bar or space",
            "save it with one of these delimiters",
        )
    return max(scores, key=lambda delimiter: (scores[delimiter], -DELIMITERS.index(delimiter)))
