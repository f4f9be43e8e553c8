"""A model's scores on its holdout as the ledger keeps them: in the order of the rows' hashes, without the hashes.

Eight bytes that look random can't be compressed, and whoever compares has the rows anyway: the data give their names
again. Kept is a digest of all names, so that scores are never taken for those of other rows. They are not rounded:
a verdict on them is the same to the last bit, and none of the bytes that this would spare is worth a tie in the order.
"""

from __future__ import annotations

import hashlib
import io
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mlgate.errors import DataError
from mlgate.judging.holdout import scores_of

Array = npt.NDArray[Any]
NAMES = b"mlgate.rows"
LEVEL = 9
# Few scores, as of trees, repeat in one of the first two forms; where all differ, their bytes are put apart by place.
FORMS = ({"use_dictionary": True}, {"use_dictionary": False}, {"use_dictionary": False, "use_byte_stream_split": True})
MEND = "deploy the champion again, or roll back: `mlgate rollback --env production`"


def pack(holdout: pd.DataFrame) -> bytes:
    """The scores of a holdout with `row_hash`, in the smallest of the forms; the order of its rows plays no part.

    Raises
    ------
    DataError
        If two rows have one hash.
    """
    names = holdout["row_hash"].to_numpy(dtype=np.uint64)
    if len(np.unique(names)) != len(names):
        raise DataError("holdout.parquet names a row twice", "run `mlgate train` again, and package it")
    ordered = holdout.iloc[np.argsort(names)]
    scores = {name: ordered[name].to_numpy() for name in map(str, holdout.columns) if name.startswith("score")}
    table = pa.table(scores).replace_schema_metadata({NAMES: _digest(names)})
    return min((_written(table, form) for form in FORMS), key=len)


def unpack(content: bytes, names: Array) -> Array:
    """Scores (n,) or (n, classes) of the rows that these hashes (n,) name, in their order.

    Raises
    ------
    DataError
        If the file is damaged, has no scores, or is of other rows.
    """
    try:
        table = pq.read_table(io.BytesIO(content))
        frame, said = table.to_pandas(), (table.schema.metadata or {}).get(NAMES)
        if said is None:
            return _by_name(frame, names)  # as ledgers were written before: a hash in each row
    except (ValueError, KeyError, TypeError, OSError, pa.ArrowException) as error:
        raise DataError("holdout.parquet in env/production is damaged", MEND) from error
    if said != _digest(names) or len(frame) != len(names):
        raise DataError(f"the ledger has {len(frame):,} champion's scores of other rows than this holdout's", MEND)
    place = np.empty(len(names), dtype=np.intp)
    place[np.argsort(names)] = np.arange(len(names))
    return np.asarray(scores_of(frame, "the champion")[place])


def _by_name(frame: pd.DataFrame, names: Array) -> Array:
    hashes = frame["row_hash"].to_numpy(dtype=np.uint64)
    if len(np.unique(hashes)) != len(hashes):
        raise DataError("holdout.parquet in env/production names a row twice", MEND)
    place = pd.Index(hashes).get_indexer(pd.Index(names))
    if (place < 0).any():
        raise DataError(f"the ledger has no champion's score for {int((place < 0).sum()):,} rows of the holdout", MEND)
    return np.asarray(scores_of(frame, "the champion")[place])


def _digest(names: Array) -> bytes:
    return b"sha256:" + hashlib.sha256(np.sort(names).astype("<u8").tobytes()).hexdigest().encode()


def _written(table: pa.Table, form: dict[str, bool]) -> bytes:
    stream = io.BytesIO()
    pq.write_table(table, stream, compression="zstd", compression_level=LEVEL, **form)
    return stream.getvalue()
