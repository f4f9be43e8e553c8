"""What a pin was and what its newest is: one line of what `tools/newest.py` tells."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "build" / "newest.json"


@dataclass(frozen=True)
class Move:
    """A pin that was brought from `before` to `after`; `why` says what is wrong with that, `note` what else to know."""

    kind: str
    name: str
    before: str
    after: str
    why: str = ""
    note: str = ""


class StuckError(Exception):
    """What the newest of something could not be found or taken for, in words."""


def between(kind: str, before: dict[str, str], after: dict[str, str]) -> list[Move]:
    """A move for every name whose version differs; what came or went has an empty side."""
    names = sorted(set(before) | set(after))
    found = [Move(kind, name, before.get(name, ""), after.get(name, "")) for name in names]
    return [move for move in found if move.before != move.after]


def write(moves: Iterable[Move], path: Path = KEPT) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(move) for move in moves], indent=2) + "\n", encoding="utf-8")


def read(path: Path = KEPT) -> list[Move]:
    return [Move(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))]


def told(move: Move) -> tuple[str, str, str, str, str]:
    """A row for people."""
    return move.kind, move.name, move.before or "-", move.after or "-", move.why or move.note
