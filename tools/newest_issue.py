"""One issue about the weekly run on the newest versions: opened when it is red, kept up to date, closed when green.

It is found by its marker and its author. What it tells is what moved (build/newest.json) and the tests that failed
(build/newest.xml, as pytest writes it); where a run came to neither, it says so. The file build/newest.patch of the run
makes the same move on a laptop.
"""

from __future__ import annotations

import os
import sys
from typing import Any
from xml.etree import ElementTree

from newest_moves import KEPT, ROOT, Move, read, told

sys.path.insert(0, str(ROOT / "actions" / "lib"))

from actionlib import sticky
from actionlib.markdown import COMMENT_CHARACTERS, cut, escape, table
from actionlib.problems import ActionError, ended
from actionlib.rest import Client

MARKER = "<!-- mlgate:newest -->"
TITLE = "The newest versions break something"
JUNIT = KEPT.with_suffix(".xml")
MOST = 30  # failing tests that are named


def main() -> int:
    result = os.environ.get("RESULT", "")
    if result not in ("success", "failure", "cancelled", "skipped"):
        raise ActionError(f"RESULT is {result[:40]!r}", "give the result of the job that ran the tests")
    issue = kept(Client.from_environment(), result)
    print(f"{result}: {issue or 'no issue is open'}")
    return 0


def kept(client: Client, result: str) -> str:
    """Bring the issue in step with the result; its address while it is open. No verdict, no change."""

    def find() -> Any:
        issues = client.pages("/issues?state=open&per_page=100&sort=created&direction=asc")
        return next((one for one in sticky.ours(issues, MARKER) if "pull_request" not in one), None)

    if result in ("cancelled", "skipped"):
        return sticky.address(find() or {})
    content = {"title": TITLE, "body": body(moves(), failed())}
    if result == "failure":
        return sticky.address(
            sticky.once(
                find,
                lambda one: client.call("PATCH", f"/issues/{one['number']}", content),
                lambda: client.call("POST", "/issues", content, repeatable=False),
            )
        )
    if issue := find():
        said = {"body": f"Green on the newest versions again: {run()}"}
        client.call("POST", f"/issues/{issue['number']}/comments", said, repeatable=False)
        client.call("PATCH", f"/issues/{issue['number']}", {"state": "closed", "state_reason": "completed"})
    return ""


def moves() -> list[Move] | None:
    """What was moved; None where the run did not come so far."""
    return read(KEPT) if KEPT.is_file() else None


def failed() -> list[str] | None:
    """The tests that failed; None where there is no report of them."""
    try:
        cases = ElementTree.parse(JUNIT).iter("testcase")  # noqa: S314 - pytest wrote it, in the run before
    except (OSError, ElementTree.ParseError):
        return None
    red = (case for case in cases if case.find("failure") is not None or case.find("error") is not None)
    return sorted({f"{case.get('classname', '')}::{case.get('name', '')}" for case in red})


def body(moves: list[Move] | None, failed: list[str] | None) -> str:
    """What a person needs to mend it; all text of the run is escaped."""
    lines = [MARKER, f"{run()}. Its artifact `newest` holds the same move as a patch: `git apply newest.patch`.", ""]
    lines += ["This issue is updated by each run, and closed by a green one.", ""]
    lines += ["**The run ended before anything was moved.**", ""] if moves is None else []
    lines += _part("Could not be moved, or breaks by it", [move for move in moves or [] if move.why])
    if failed is None:
        lines += ["**No test was run, or none said how it ended.**", ""]
    elif failed:
        more = [f"- and {len(failed) - MOST} more"] if len(failed) > MOST else []
        lines += ["**Tests that fail on them**", "", *(f"- {escape(name)}" for name in failed[:MOST]), *more, ""]
    lines += _part("Moved", [move for move in moves or [] if not move.why])
    return cut("\n".join(lines), COMMENT_CHARACTERS)


def _part(title: str, moves: list[Move]) -> list[str]:
    shown = table(("kind", "name", "pinned", "newest", "remark"), [told(move) for move in moves])
    return [f"**{title}**", "", shown] if shown else []


def run() -> str:
    server, name, number = (os.environ.get(f"GITHUB_{key}", "") for key in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    return f"[The run]({server}/{name}/actions/runs/{number})" if number.isdigit() else "A run on a laptop"


if __name__ == "__main__":
    sys.exit(ended(main))
