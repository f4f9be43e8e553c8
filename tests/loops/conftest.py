"""What the loops share: the end of everything that they started."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def ended(mlgate, module_folder) -> Iterator[Callable[[Path], None]]:
    """`ended(repository)`: whatever its environments run is stopped when the module ends, before its folder goes."""
    with ExitStack() as stack:

        def register(repository: Path) -> None:
            for environment in ("staging", "production"):
                stack.callback(mlgate, repository, "serve", "--env", environment, "--stop")

        yield register
