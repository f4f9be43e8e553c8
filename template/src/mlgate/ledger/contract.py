"""Whether two releases take the same requests: their columns and types, as the ledger keeps them beside each."""

from __future__ import annotations

import json
from collections.abc import Mapping

from mlgate.report import Check

CONTRACT, CARD = "contract.json", "model.json"


def contract_check(now: Mapping[str, bytes | None], then: Mapping[str, bytes | None]) -> Check:
    """Compare the requests that the release at the head and the one to return to take; a difference is a warning.

    A rollback is for a fire: it is not stopped, and whoever calls the service is told what to change.
    """
    title = "It takes the requests that are sent now"
    changes = differences(now, then)
    if changes is None:
        why = f"a release without {CONTRACT} and {CARD}: nothing to compare"
        return Check(id="contract", title=title, status="skip", evidence=why)
    if not changes:
        return Check(id="contract", title=title, status="pass", evidence="the same columns and types")
    said = f"warning: requests change with it: {'; '.join(changes)}"
    return Check(id="contract", title=title, status="pass", evidence=said)


def differences(now: Mapping[str, bytes | None], then: Mapping[str, bytes | None]) -> list[str] | None:
    """One phrase a column that differs; None where one of the two says nothing of its columns."""
    for name, read in ((CONTRACT, _columns), (CARD, _features)):
        old, new = read(now.get(name)), read(then.get(name))
        if old is not None and new is not None:
            return [
                *(f"{column} is asked for again" for column in sorted(new.keys() - old.keys())),
                *(f"{column} is not known" for column in sorted(old.keys() - new.keys())),
                *(
                    f"{column}: {old[column]} becomes {new[column]}"
                    for column in sorted(old.keys() & new.keys())
                    if old[column] != new[column]
                ),
            ]
    return None


def _columns(content: bytes | None) -> dict[str, str] | None:
    said = _parsed(content)
    return {str(name): str(kind) for name, kind in said.items()} if said else None


def _features(content: bytes | None) -> dict[str, str] | None:
    names = _parsed(content).get("features")
    return dict.fromkeys(map(str, names), "") if isinstance(names, list) else None


def _parsed(content: bytes | None) -> dict[str, object]:
    try:
        said = json.loads(content or b"")
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
