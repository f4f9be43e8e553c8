"""GitHub's REST API by the standard library: pages, bounded retries, and errors that say which right is missing."""

from __future__ import annotations

import json
import os
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from typing import Any

from actionlib.problems import ActionError, OutsideError

ATTEMPTS = 5
LONGEST_WAIT = 60.0  # seconds; a limit that lasts longer is for the next run
MOST_PAGES = 100
TIMEOUT = 30.0


class Refused(ActionError):  # noqa: N818 - reads as what happened
    """The token may not do this (401, 403, or 404 for what it can't see)."""


class Unavailable(OutsideError):  # noqa: N818 - reads as what happened
    """GitHub did not answer, or only with 429 or 5xx, as often as we asked."""


@dataclass
class Client:
    """Calls for one repository. `wait` seconds double between attempts."""

    token: str
    repository: str
    url: str = "https://api.github.com"
    wait: float = 1.0

    @classmethod
    def from_environment(cls) -> Client:
        token = os.environ.get("GITHUB_TOKEN", "")
        if not token:
            raise ActionError("there is no token", "give the action `token: ${{ github.token }}`")
        return cls(
            token=token,
            repository=os.environ["GITHUB_REPOSITORY"],
            url=os.environ.get("GITHUB_API_URL", cls.url).rstrip("/"),
            wait=float(os.environ.get("MLGATE_API_WAIT", "1")),
        )

    def call(self, method: str, path: str, body: Any = None, *, repeatable: bool = True) -> Any:
        """One call on the repository (`/issues`) or, with a full URL, on that; the decoded answer.

        Parameters
        ----------
        repeatable
            Whether a second call does no harm, so that 5xx may be tried again. False for what makes a new thing.

        Raises
        ------
        Refused
            If the token lacks a right; the mend names it where GitHub does.
        Unavailable
            If GitHub is down, or its limit lasts longer than we wait.
        """
        return self._answer(method, path, body, repeatable)[0]

    def pages(self, path: str) -> Iterator[Any]:
        """Every entry of a list, over all pages."""
        where = path
        for _ in range(MOST_PAGES):
            entries, headers = self._answer("GET", where, None, True)
            yield from (
                entries if isinstance(entries, list) else next(v for v in entries.values() if isinstance(v, list))
            )
            following = re.search(r'<([^>]+)>;\s*rel="next"', headers.get("Link", ""))
            if not following or not following[1].startswith(f"{self.url}/"):  # the token goes to no other host
                return
            where = following[1]

    def _answer(self, method: str, path: str, body: Any, repeatable: bool) -> tuple[Any, Message]:
        full = path if path.startswith(f"{self.url}/") else f"{self.url}/repos/{self.repository}{path}"
        wait, problem = self.wait, ""
        for attempt in range(ATTEMPTS):
            try:
                return self._once(method, full, body)
            except urllib.error.HTTPError as error:
                problem = _words(error)
                pause = _limited(error.headers, error.code)
                again = pause is not None or (error.code >= 500 and repeatable)
                if not again and error.code < 500:
                    raise _refusal(error.code, method, full, problem, error.headers) from None
            except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
                problem, pause, again = str(getattr(error, "reason", error)), None, repeatable
            if not again or (pause or 0) > LONGEST_WAIT or attempt == ATTEMPTS - 1:
                break
            time.sleep(max(pause or 0.0, wait))
            wait *= 2
        words = f"{method} {urllib.parse.urlsplit(full).path} failed: {problem}"
        raise Unavailable(words, "GitHub or the network is down, or a limit is reached: run the job again later")

    def _once(self, method: str, full: str, body: Any) -> tuple[Any, Message]:
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
            "User-Agent": f"mlgate ({os.environ.get('GITHUB_JOB', 'local')})",
        }
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(full, data=data, headers=headers, method=method)  # noqa: S310
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310 - the runner's own API URL
            content = answer.read()
            return (json.loads(content) if content else None), answer.headers


def _limited(headers: Message, status: int) -> float | None:
    """Seconds to wait where GitHub says that a limit was reached; None where it is something else."""
    if status not in (403, 429):
        return None
    if after := headers.get("Retry-After"):
        return float(after) if after.isdigit() else 1.0
    if headers.get("X-RateLimit-Remaining") == "0":
        reset = headers.get("X-RateLimit-Reset", "")
        return max(0.0, float(reset) - time.time()) if reset.isdigit() else 1.0
    return 0.0 if status == 429 else None


def _refusal(status: int, method: str, full: str, problem: str, headers: Message) -> ActionError:
    words = f"{method} {urllib.parse.urlsplit(full).path}: {problem}"
    if status in (401, 403, 404):
        rights = headers.get("X-Accepted-GitHub-Permissions", "")
        mend = f"grant the job {rights}" if rights else "look at the job's permissions, and that the repository exists"
        return Refused(words, mend)
    return ActionError(words, "GitHub did not understand the call: a bug in this action, or settings that forbid it")


def _words(error: urllib.error.HTTPError) -> str:
    try:
        with error:  # which is the answer too, and holds the connection
            said = json.loads(error.read(100_000))
        details = "; ".join(
            str(e.get("message", e)) if isinstance(e, dict) else str(e) for e in said.get("errors") or []
        )
        return f"{error.code} {said.get('message', '')}" + (f" ({details})" if details else "")
    except (ValueError, AttributeError, OSError):
        return f"{error.code} {error.reason}"
