"""What tests of the actions share: a module run by its front door, a GitHub of their own, a uv and a clone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from actions_github import Door, GitHub
from actions_source import ACTIONS, read_outputs

# What a runner has not, or has of its own: an author that a shell exported would sign the bot's commits.
FOREIGN = ("GITHUB_", "MLGATE_", "PYTEST_", "GIT_AUTHOR_", "GIT_COMMITTER_")


@dataclass
class Ended:
    """A finished step as the runner sees it."""

    code: int
    log: str
    outputs: dict[str, str]
    summary: str


@pytest.fixture
def step(tmp_path: Path) -> Callable[..., Ended]:
    """`step("report/report_comment.py", folder, REPORTS="reports")`: runs a module as an action's step does."""

    def _step(module: str, folder: Path, *words: str, **env: str) -> Ended:
        files = {name: tmp_path / name for name in ("output", "summary")}
        for path in files.values():
            path.write_text("", encoding="utf-8")
        lib = os.pathsep.join(str(ACTIONS / name) for name in ("lib", "report"))
        kept = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN)}
        environ = kept | {
            "PYTHONPATH": lib,
            "GITHUB_OUTPUT": str(files["output"]),
            "GITHUB_STEP_SUMMARY": str(files["summary"]),
            "GITHUB_REPOSITORY": "ada/card-fraud",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_RUN_ID": "17",
            "MLGATE_API_WAIT": "0",
        }
        done = subprocess.run(
            [sys.executable, str(ACTIONS / module), *words],
            cwd=folder,
            env=environ | env,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        said = {name: path.read_text(encoding="utf-8") for name, path in files.items()}
        return Ended(done.returncode, done.stdout + done.stderr, read_outputs(said["output"]), said["summary"])

    return _step


@pytest.fixture
def github() -> Iterator[GitHub]:
    served = GitHub()

    class Bound(Door):
        state = served

    server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_port}"
    yield served
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def uv(tmp_path: Path) -> Callable[..., dict[str, str]]:
    """`uv("evaluate", status="fail", code=1)`: a uv on the PATH that notes its call, writes a report and ends so."""

    def _uv(
        verb: str,
        code: int = 0,
        report: dict[str, Any] | None = None,
        says: str = "",
        image_base: str = "",
        image_repository: str = "",
        verify: str = "none",
    ) -> dict[str, str]:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        (folder / "report.json").write_text(json.dumps(report), encoding="utf-8")
        (folder / "says").write_text(says, encoding="utf-8")
        copy = f'mkdir -p reports && cp "{folder}/report.json" reports/{verb}.json'
        write = f'if [ "$4" = "{verb}" ]; then {copy}; fi' if report is not None else ":"
        base = f'[ "$3" = python ] && {{ cat "{folder}/base"; exit 0; }}'
        (folder / "base").write_text(json.dumps([image_base, image_repository, verify]), encoding="utf-8")
        note = f'printf "%s\\n" "$@" > "{folder}/called"\necho "$@" >> "{folder}/calls"'
        note += f'\nenv > "{folder}/environ"\ncat "{folder}/says"'
        script = f"#!/bin/sh\n{base}\n{note}\n{write}\nexit {code}\n"
        (folder / "uv").write_text(script, encoding="utf-8")
        (folder / "uv").chmod(0o755)
        return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}

    return _uv


@pytest.fixture
def report() -> Callable[..., dict[str, Any]]:
    """`report("evaluate", [check(...)], status="pass")`: a report as `mlgate` writes it."""

    def _report(verb: str, *checks: dict[str, Any], notes: tuple[str, ...] = (), **subject: str) -> dict[str, Any]:
        from mlgate.report import Check, Report, Subject

        made = Report(verb=verb, checks=[Check(**c) for c in checks], notes=list(notes), subject=Subject(**subject))
        return json.loads(made.close().model_dump_json())

    return _report


@dataclass
class Clone:
    """A clone with its bare origin, both on disk."""

    folder: Path
    origin: Path

    def git(self, *words: str, where: Path | None = None) -> str:
        identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
        done = subprocess.run(
            ["git", *identity, *words], cwd=where or self.folder, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def there(self, *words: str) -> str:
        """Git in the origin."""
        return self.git(*words, where=self.origin)

    def commit(self, name: str, text: str, message: str = "change") -> str:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        self.git("add", "-A")
        self.git("commit", "-qm", message)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """A clone of a new repository with one commit on main."""
    made = Clone(tmp_path / "clone", tmp_path / "origin.git")
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", made.origin], check=True)
    subprocess.run(["git", "clone", "-q", made.origin, made.folder], check=True, capture_output=True)
    made.git("checkout", "-qb", "main")
    made.commit("dvc.lock", "schema: '2.0'\n", "first")
    made.git("push", "-q", "origin", "main")
    return made
