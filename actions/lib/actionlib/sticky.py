"""One comment or one issue that is ours: found by its marker and its author, made once, then kept up to date."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from actionlib.rest import Client, Unavailable

AUTHOR = "github-actions[bot]"  # whom GITHUB_TOKEN writes as


def ours(entries: Iterable[Any], marker: str, author: str = AUTHOR) -> list[Any]:
    """Those that begin with the marker and were written by us: anyone can copy a marker into a text of their own."""
    return [
        entry
        for entry in entries
        if (entry.get("body") or "").startswith(marker) and (entry.get("user") or {}).get("login") == author
    ]


def comment(client: Client, number: int, marker: str, text: str, author: str = AUTHOR) -> str:
    """Make or update our comment on an issue or pull request; its address. The same text again changes nothing."""
    body = f"{marker}\n{text}"
    path = f"/issues/{number}/comments"

    def find() -> Any:
        return next(iter(ours(client.pages(f"{path}?per_page=100"), marker, author)), None)

    def put(found: Any) -> Any:
        if found["body"].replace("\r\n", "\n") == body:
            return found
        return client.call("PATCH", f"/issues/comments/{found['id']}", {"body": body})

    return address(once(find, put, lambda: client.call("POST", path, {"body": body}, repeatable=False)))


def once(find: Callable[[], Any], put: Callable[[Any], Any], make: Callable[[], Any]) -> Any:
    """Update what `find` finds, else make it; where making ends in doubt, look again before a second attempt."""
    for attempt in range(3):
        found = find()
        if found is not None:
            return put(found)
        try:
            return make()
        except Unavailable:
            if attempt == 2:
                raise
    raise AssertionError("three attempts end in a return or a raise")


def address(entry: Any) -> str:
    return str(entry.get("html_url", ""))
