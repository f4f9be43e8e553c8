"""A problem of an action is one line with its mend, and the exit code that `mlgate` would give."""

from __future__ import annotations

import sys
from collections.abc import Callable

from actionlib.workflow import annotate

GATE_FAILED, USAGE, INFRASTRUCTURE = 1, 2, 3


class ActionError(Exception):
    """What is wrong, what to do next (`mend`), and the exit code."""

    code = USAGE

    def __init__(self, message: str, mend: str = "") -> None:
        super().__init__(message)
        self.mend = mend


class OutsideError(ActionError):
    """GitHub, Git or the network is at fault (exit 3)."""

    code = INFRASTRUCTURE


def ended(main: Callable[[], int]) -> int:
    """Run `main`; a problem becomes one annotation and its exit code, never a traceback."""
    try:
        return main()
    except ActionError as error:
        said, code = f"{error}" + (f"; next: {error.mend}" if error.mend else ""), error.code
    except OSError as error:
        said, code = f"{error}; next: look at the runner's disk and network, then run the job again", INFRASTRUCTURE
    annotate("error", said)
    print(f"error: {said.splitlines()[0] if said else 'unknown'}", file=sys.stderr)
    return code
