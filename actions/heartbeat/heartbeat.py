"""Shows that the schedule is alive: a file on the branch `monitor`, written by each run and read by pull requests.

GitHub stops schedules of a repository in which nothing happened for 60 days, without a word. A beat is a commit, so it
also counts as something that happens.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from actionlib.problems import ActionError, OutsideError, ended
from actionlib.repository import git, push, remote_head
from actionlib.rest import Client, Refused
from actionlib.workflow import annotate, output, plain

BRANCH, FILE = "monitor", "heartbeat.json"
KEPT = 200  # beats in the file
RACES = 10


def main() -> int:
    output({"stale": "false", "message": "no beat"})
    mode = os.environ.get("MODE", "check")
    if mode == "beat":
        return beat(Path.cwd(), plain(os.environ.get("RESULT", ""))[:40])
    if mode != "check":
        raise ActionError(f"heartbeat knows no mode {mode[:40]!r}", "beat or check")
    return check(Client.from_environment(), limit(os.environ.get("STALE_AFTER", "3")), datetime.now(UTC))


def limit(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise ActionError(f"stale-after {text[:20]!r} is no number of days", "for example 3") from error


def beat(folder: Path, result: str) -> int:
    """Add a beat to the branch; a rival's beat in between is kept, and ours goes on top of it."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    for _ in range(RACES):
        head = remote_head(folder, BRANCH)
        beats = [{"at": now, "result": result, "run": os.environ.get("GITHUB_RUN_ID", "")}, *former(folder, head)]
        content = json.dumps({"beats": beats[:KEPT]}, indent=1).encode() + b"\n"
        blob = git(folder, "hash-object", "-w", "--no-filters", "--stdin", stdin=content)
        tree = git(folder, "mktree", stdin=f"100644 blob {blob}\t{FILE}\n".encode())
        parents = ["-p", head] if head else []
        commit = git(folder, "commit-tree", tree, *parents, "-m", f"heartbeat: {result or 'alive'}")
        if push(folder, commit, BRANCH, head):
            output({"stale": "false", "message": f"the schedule is alive: {now}"})
            print(f"beat {now} on {BRANCH}")
            return 0
    raise OutsideError(f"the branch {BRANCH} kept moving", "run the job again")


def former(folder: Path, head: str) -> list[Any]:
    """The beats on the branch; a damaged file starts anew, as it holds nothing but times."""
    if not head:
        return []
    git(folder, "fetch", "--quiet", "--depth=1", "origin", head)
    try:
        beats = json.loads(git(folder, "show", f"{head}:{FILE}", check=False))["beats"]
        return list(beats)
    except (ValueError, KeyError, TypeError):
        return []


def check(client: Client, days: float, now: datetime) -> int:
    """Say how old the last beat is; stale is a warning, never a failure of the pull request that sees it."""
    try:
        said = client.call("GET", f"/contents/{FILE}?ref={BRANCH}")
        last = datetime.fromisoformat(json.loads(base64.b64decode(said["content"]))["beats"][0]["at"])
        age = (now - last).total_seconds() / 86400
    except Refused as error:
        message = f"no heartbeat yet: the workflow `monitor` has not run ({error})"
        output({"message": message})
        print(message)
        return 0
    except (ValueError, LookupError, TypeError) as error:
        message = f"{FILE} on {BRANCH} is damaged ({error}): run the workflow `monitor`, which writes it anew"
        annotate("warning", message, "stale heartbeat")
        output({"stale": "true", "message": message})
        return 0
    stale = age > days
    message = f"`monitor` last ran {age:.1f} days ago"
    if stale:
        message += ": its schedule is dead (GitHub stops schedules after 60 idle days); enable the workflow again"
        annotate("warning", message, "stale heartbeat")
    output({"stale": "true" if stale else "false", "message": message})
    print(message)
    return 0


if __name__ == "__main__":
    sys.exit(ended(main))
