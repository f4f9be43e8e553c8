"""The frame of one row's features, made from its values: what `features` would give, without the two frames before it.

For pipelines that are not lifted. Numbers go into one block, as scikit-learn gives them back in one anyway, and the
names are plain objects: an index of Arrow's strings is slower to look names up in, once for each step of the pipeline.
"""

from __future__ import annotations

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

    numbers: list[int] = []
    others: list[tuple[int, Any, Any, Callable[..., Any]]] = []
    for at, (name, dtype) in enumerate(like.dtypes.items()):
        if dtype == np.float64:
            numbers.append(at)
        elif getattr(dtype, "kind", "O") in "fiub" and isinstance(dtype, np.dtype):
            others.append((at, name, dtype, np.array))
        elif isinstance(dtype, (pd.StringDtype, pd.CategoricalDtype)):
            others.append((at, name, dtype, pd.array))
        else:
            raise NotLiftedError(f"feature {name} has dtype {dtype}")
    names = pd.Index(like.columns[numbers], dtype=object)

    def run(values: Sequence[Any]) -> pd.DataFrame:
        block = np.array([[values[at] for at in numbers]], dtype=np.float64)
        frame = pd.DataFrame(block, columns=names, copy=False)
        for at, name, dtype, array in others:
            frame.insert(at, name, array([values[at]], dtype=dtype))
        return frame

    return run
