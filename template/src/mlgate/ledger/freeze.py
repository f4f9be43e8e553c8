"""A frozen environment takes nothing new: it says so itself, on its branch, with the reason and who gave it."""

from __future__ import annotations

import json

from mlgate.errors import DataError
from mlgate.ledger.branch import Now

FREEZE = "freeze.json"


def note(reason: str, by: str) -> bytes:
    return json.dumps({"reason": reason, "by": by}, indent=2, sort_keys=True).encode() + b"\n"


def frozen(now: Now) -> str:
    """Why the environment is frozen and by whom; empty where it isn't. A note that can't be read freezes as well."""
    content = now.files[FREEZE]
    if content is None:
        return ""
    try:
        said = json.loads(content)
        return f"{said['reason']} (by {said['by']})"
    except (ValueError, KeyError, TypeError, RecursionError):
        return f"its {FREEZE} can't be read"


def require_thawed(env: str, now: Now) -> None:
    """DataError if nothing may come to `env` now."""
    if why := frozen(now):
        raise DataError(
            f"{env} is frozen: {why}",
            f"wait, or end it by `mlgate freeze --env {env} --lift`; a rollback is possible meanwhile",
        )
