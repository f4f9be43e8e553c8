"""CSV rows as text, after one bounded pass over the bytes: size, rows, encoding, control characters."""

from __future__ import annotations

import codecs
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from mlgate.adopt.encoding import guess
from mlgate.adopt.layout import MAX_BYTES, MISSING, Layout, too_large
from mlgate.adopt.sniff import open_bytes
from mlgate.errors import DataError
from mlgate.params import QualitySection

if TYPE_CHECKING:
    import pandas as pd

BLOCK = 1 << 22


def read(path: Path, layout: Layout) -> pd.DataFrame:
    """Every cell as text, missing values as NaN, names stripped; DataError names the line that doesn't fit."""
    import pandas as pd

    encoding = _scan(path, layout.encoding)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            with open_bytes(path) as stream:
                frame = pd.read_csv(
                    stream,
                    sep=layout.delimiter,
                    encoding=encoding,
                    dtype=str,
                    keep_default_na=False,
                    na_values=list(MISSING),
                    index_col=False,
                    skipinitialspace=True,
                )
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        words = str(error).replace("Error tokenizing data. C error: ", "").strip()
        raise DataError(
            f"{path}: {words}", "give every line as many cells as the header; quote cells with delimiters"
        ) from error
    except pd.errors.EmptyDataError as error:
        raise DataError(f"{path} is empty", "give a file with a header line and rows") from error
    except (UnicodeError, LookupError) as error:
        raise DataError(f"{path} is not {encoding}: {error}", "save it as UTF-8") from error
    frame.columns = [str(name).strip() for name in frame.columns]
    return frame


def _scan(path: Path, encoding: str) -> str:
    """Refuse what is too large or isn't text; gives the encoding that holds for every byte."""
    most = QualitySection().max_rows
    size = lines = 0
    ascii_only = True
    plain = encoding.startswith("utf-8")
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        if path.stat().st_size > MAX_BYTES:
            raise too_large(path)
        with open_bytes(path) as stream:
            while block := stream.read(BLOCK):
                size, lines = size + len(block), lines + block.count(b"\n")
                if size > MAX_BYTES:
                    raise too_large(path)
                if lines > most + 1:
                    raise DataError(f"{path} has more than {most:,} lines", "take a sample of its rows")
                if encoding != "utf-16" and b"\0" in block:
                    raise DataError(
                        f"{path} holds NUL bytes near line {lines:,}, so it is not text", "save it as CSV again"
                    )
                if plain:
                    decoder.decode(block)
                    ascii_only &= block.isascii()
            if plain:
                decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        if not (ascii_only and error.object[: error.start].isascii()):
            raise DataError(f"{path} is UTF-8 at first, and then is not", "save it as UTF-8 from one source") from error
        return guess(path, error.object[max(0, error.start - 1000) :])
    except EOFError as error:
        raise DataError(f"{path} is a torn gzip file", "pack it again") from error
    return encoding
