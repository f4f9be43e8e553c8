"""What a step tells the runner: outputs, annotations, groups. All text is taken as hostile."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

MOST = 10  # annotations of one kind that GitHub shows for a step
_WORST = ("error", "warning", "notice")


def output(values: Mapping[str, str]) -> None:
    """Set outputs of this step; the delimiter is random, so that no value can end itself and set another."""
    path = os.environ.get("GITHUB_OUTPUT")
    if not path:
        return
    with Path(path).open("a", encoding="utf-8", errors="replace") as file:
        for name, value in values.items():
            delimiter = f"end-{secrets.token_hex(16)}"
            file.write(f"{name}<<{delimiter}\n{value}\n{delimiter}\n")


def annotate(level: str, message: str, title: str = "", file: str = "") -> None:
    """One annotation; `level` is error, warning or notice."""
    properties = {"title": title, "file": file}
    words = ",".join(f"{name}={_property(text)}" for name, text in properties.items() if text)
    print(f"::{level}{' ' + words if words else ''}::{_data(plain(message))}", flush=True)


def annotate_all(found: Iterable[tuple[str, str, str]]) -> None:
    """Annotations (level, title, message), worst first; what is more than GitHub shows is counted in the last one."""
    rows = sorted(found, key=lambda row: _WORST.index(row[0]))
    shown = rows if len(rows) <= MOST else rows[: MOST - 1]
    for level, title, message in shown:
        annotate(level, message, title)
    if len(shown) < len(rows):
        annotate(rows[len(shown)][0], f"and {len(rows) - len(shown)} more: see the summary")


@contextmanager
def group(title: str) -> Iterator[None]:
    """Fold what is printed inside, and obey no workflow command in it: a child may print what it was given."""
    token = secrets.token_hex(16)
    print(f"::group::{_data(plain(title))}\n::stop-commands::{token}", flush=True)
    try:
        yield
    finally:
        print(f"\n::{token}::\n::endgroup::", flush=True)


def plain(text: str) -> str:
    """One line without control, format or direction characters."""
    return "".join(char if char.isprintable() else " " for char in text).strip()


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(plain(text)).replace(":", "%3A").replace(",", "%2C")
