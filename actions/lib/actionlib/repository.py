"""Git as actions use it: no hooks, no prompt, an identity of its own, and errors in Git's own words."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from actionlib.problems import ActionError, OutsideError

NAME, MAIL = "github-actions[bot]", "41898282+github-actions[bot]@users.noreply.github.com"
ATTEMPTS = 5
_SAFE = ["-c", "core.hooksPath=/dev/null", "-c", f"user.name={NAME}", "-c", f"user.email={MAIL}"]


def git(folder: Path, *arguments: str, stdin: bytes | None = None, check: bool = True) -> str:
    """What Git printed, stripped; OutsideError with its last words if it fails."""
    environ: Mapping[str, str] = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    done = subprocess.run(
        ["git", *_SAFE, *arguments], cwd=folder, env=environ, input=stdin, capture_output=True, check=False
    )
    if check and done.returncode:
        words = " / ".join(done.stderr.decode("utf-8", "replace").strip().splitlines()[-3:])
        raise OutsideError(f"`git {arguments[0]}` failed: {words}", "look at the job's `contents` right and the remote")
    return done.stdout.decode("utf-8", "surrogateescape").strip()


def branch_name(text: str) -> str:
    """A branch name that Git takes and no option; ActionError otherwise."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,200}", text) or ".." in text or text.endswith(("/", ".lock")):
        raise ActionError(f"{text[:60]!r} is no branch name", "use letters, digits, dots, dashes and slashes")
    return text


def remote_head(folder: Path, branch: str, remote: str = "origin") -> str:
    """The commit of the branch on the remote, or empty where there is none."""
    said = git(folder, "ls-remote", remote, f"refs/heads/{branch}")
    return said.split()[0] if said else ""


def push(folder: Path, commit: str, branch: str, expected: str, remote: str = "origin") -> bool:
    """Move the remote branch from `expected` (empty: none) to `commit`; False where someone else moved it first.

    A broken connection is tried again, with a look whether the first attempt arrived after all.
    """
    wait = float(os.environ.get("MLGATE_API_WAIT", "1"))
    lease = f"--force-with-lease=refs/heads/{branch}:{expected}"
    for attempt in range(ATTEMPTS):
        try:
            git(folder, "push", "--quiet", lease, remote, f"{commit}:refs/heads/{branch}")
            return True
        except OutsideError as error:
            now = _head_or_none(folder, branch, remote)
            if now == commit:
                return True
            if now is not None and now != expected:
                return False
            if attempt == ATTEMPTS - 1 or "denied" in str(error) or "403" in str(error) or "declined" in str(error):
                raise
        time.sleep(wait * 2**attempt)
    return False


def _head_or_none(folder: Path, branch: str, remote: str) -> str | None:
    try:
        return remote_head(folder, branch, remote)
    except OutsideError:
        return None
