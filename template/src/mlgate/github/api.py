"""GitHub's REST API by way of `gh`, which knows the login, the host and the proxies of whoever runs us."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from typing import Any

from mlgate.errors import ConfigError, InfraError
from mlgate.project import Project

PAUSES = (1.0, 4.0, 10.0)  # seconds before each further try, where GitHub is busy or down
BUSY = (429, 500, 502, 503, 504)
_STATUS = re.compile(r"\(HTTP (\d{3})\)")
_REMOTE = re.compile(r"(?:git@|ssh://git@|https?://)[^/:]+[:/](?P<owner>[\w.-]+)/(?P<name>[\w.-]+?)(?:\.git)?/?$")


class RefusedError(InfraError):
    """GitHub answered with an error; `status` is its number."""

    def __init__(self, status: int, message: str, mend: str) -> None:
        super().__init__(message, mend)
        self.status = status


@dataclass(frozen=True)
class Api:
    """One repository at GitHub."""

    repository: str

    def get(self, path: str) -> Any:
        """What is at `path`, or None where GitHub has nothing there; `{repo}` stands for this repository."""
        try:
            return self._ask("GET", path, None)
        except RefusedError as error:
            if error.status == 404:
                return None
            raise

    def send(self, method: str, path: str, body: Any) -> Any:
        """Change something; RefusedError where GitHub does not let us."""
        return self._ask(method, path, body)

    def scopes(self) -> list[str] | None:
        """The scopes of a classic token; None where the token has rights of another kind."""
        said = _gh(["api", "--include", "user"], None)
        found = re.search(r"(?im)^x-oauth-scopes:(.*)$", said)
        return None if found is None else [word.strip() for word in found[1].split(",") if word.strip()]

    def _ask(self, method: str, path: str, body: Any) -> Any:
        words = ["api", "--method", method, path.replace("{repo}", f"repos/{self.repository}")]
        content = None if body is None else json.dumps(body).encode()
        text = _gh([*words, *(["--input", "-"] if content is not None else [])], content)
        return json.loads(text) if text.strip() else None


def repository_of(project: Project, given: str | None) -> str:
    """OWNER/NAME: as given, as a workflow says it, or as the remote `origin` names it.

    Raises
    ------
    ConfigError
        If none of them does.
    """
    found = given or os.environ.get("GITHUB_REPOSITORY") or ""
    if not found:
        match = _REMOTE.search(project.git("config", "--get", "remote.origin.url", check=False))
        found = f"{match['owner']}/{match['name']}" if match else ""
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", found):
        raise ConfigError(
            f"{found or 'the remote origin'} does not name a repository at GitHub",
            "`gh repo create --source . --push` makes one; or give it as --repository OWNER/NAME",
        )
    return found


def _gh(words: list[str], content: bytes | None) -> str:
    """Run `gh` and return what it printed; tried again where GitHub is busy."""
    if not (program := shutil.which("gh")):
        raise InfraError("gh is not installed", "install GitHub's command line (cli.github.com), then `gh auth login`")
    for pause in (*PAUSES, None):
        environ = {**os.environ, "GH_PROMPT_DISABLED": "1", "NO_COLOR": "1"}
        done = subprocess.run([program, *words], input=content, capture_output=True, check=False, env=environ)
        if done.returncode == 0:
            return done.stdout.decode("utf-8", "replace")
        said = done.stderr.decode("utf-8", "replace").strip()
        status = int(found[1]) if (found := _STATUS.search(said)) else 0
        limited = status == 403 and "rate limit" in said.lower()
        if pause is None or (status not in BUSY and not limited):
            break
        time.sleep(pause)
    raise _problem(status, " / ".join(said.splitlines()[:3]) or f"exit code {done.returncode}", words)


def _problem(status: int, said: str, words: list[str]) -> InfraError:
    what = " ".join(words[1:4] if words[1] == "--method" else words)
    if status == 0:
        return InfraError(f"gh failed: {said}", "`gh auth status` says whether you are logged in")
    mends = {
        401: "`gh auth login`",
        403: "log in with an account, or a token, that administers the repository",
        404: "check the name, and that the token may see the repository",
        422: "GitHub does not take this setting here: some need a public repository or a paid plan",
    }
    return RefusedError(status, f"GitHub refused {what}: {said}", mends.get(status, "try again later"))
