"""The frame of one row's features, made from its values: what `features` would give, without the two frames before it.

For pipelines that are not lifted. Numbers go into one block, as scikit-learn gives them back in one anyway, and the
names are plain objects: an index of Arrow's strings is slower to look names up in, once for each step of the pipeline.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mlgate.serving.fast.not_lifted import NotLiftedError

if TYPE_CHECKING:
    import pandas as pd

Framing = Callable[[Sequence[Any]], "pd.DataFrame"]


def framing(like: pd.DataFrame) -> Framing:
    """A function from the values of a row, in the order of the columns of `like`, to its frame in the same dtypes.

    Raises
    ------
    NotLiftedError
        If a column has a dtype that is not made from a plain value here.
    """
    import pandas as pd

    others: dict[int, tuple[Any, Callable[..., Any]]] = {}
    for at, (name, dtype) in enumerate(like.dtypes.items()):
        if isinstance(dtype, np.dtype) and dtype.kind in "fiub":
            others |= {} if dtype == np.float64 else {at: (dtype, np.array)}
        elif isinstance(dtype, (pd.StringDtype, pd.CategoricalDtype)):
            others[at] = dtype, pd.array
        else:
            raise NotLiftedError(f"feature {name} has dtype {dtype}")
    names = pd.Index(like.columns, dtype=object)

    def run(values: Sequence[Any]) -> pd.DataFrame:
        numbers = [math.nan if at in others else value for at, value in enumerate(values)]
        frame = pd.DataFrame(np.array([numbers], dtype=np.float64), columns=names, copy=False)
        for at, (dtype, array) in others.items():
            frame.isetitem(at, array([values[at]], dtype=dtype))
        return frame

    return run
