"""A generated repository at birth, installed for real from its lock: clean, green, and nobody else's packages."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest


@pytest.fixture(scope="session")
def uv(run, installed):
    """`uv("run", "pytest")`: uv in the installed repository, with the interpreter that runs these tests."""

    def _uv(*arguments: str, **extra: str):
        return run(["uv", *arguments], installed, UV_PYTHON=sys.executable, **extra)

    return _uv


def test_the_lock_is_the_lock_of_its_pyproject(uv) -> None:
    done = uv("lock", "--check")
    assert done.returncode == 0, done.stderr


def test_the_lock_of_the_template_s_own_tools_is_up_to_date(run, template) -> None:
    done = run(["uv", "lock", "--check"], template, UV_PYTHON=sys.executable)
    assert done.returncode == 0, done.stderr


def test_every_hook_passes_on_a_repository_just_baked(uv, run, installed, tmp_path) -> None:
    done = uv("run", "--locked", "pre-commit", "run", "--all-files", PRE_COMMIT_HOME=str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Failed" not in done.stdout
    assert run(["git", "status", "--porcelain"], installed).stdout == ""


def test_a_workflow_that_lends_rights_to_strangers_is_red_before_it_is_committed_and_no_network_is_asked(
    uv, installed, tmp_path
) -> None:
    path = installed / ".github" / "workflows" / "pull-request.yml"
    before = path.read_text(encoding="utf-8")
    path.write_text(before.replace("  pull_request:", "  pull_request_target:", 1), encoding="utf-8")
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": ""}
    words = ["run", "--locked", "pre-commit", "run", "zizmor", "--files", str(path)]
    try:
        done = uv(*words, PRE_COMMIT_HOME=str(tmp_path), **nowhere)
    finally:
        path.write_text(before, encoding="utf-8")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "dangerous-triggers" in done.stdout
    done = uv(*words, PRE_COMMIT_HOME=str(tmp_path), **nowhere)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_tests_of_a_repository_just_baked_are_green(uv, run, installed) -> None:
    done = uv("run", "--locked", "pytest", "-q")
    assert done.returncode == 0, done.stdout + done.stderr
    assert run(["git", "status", "--porcelain"], installed).stdout == ""


def test_case_33_a_package_of_our_names_on_an_index_is_neither_asked_for_nor_installed(uv, installed, tmp_path) -> None:
    canary = tmp_path / "canary"
    for name in ("mlgate", "model", "mlgate-project"):
        publish(tmp_path / "index", name, canary)
    with served(tmp_path / "index") as (url, asked):
        bait = uv("pip", "install", "--target", str(tmp_path / "bait"), "--index", f"{url}/", "--no-deps", "mlgate")
        assert bait.returncode == 0, bait.stderr
        assert asked[-1].endswith("mlgate-999.0-py3-none-any.whl"), "without a lock, the index wins"
        asked.clear()
        done = uv("sync", "--locked", "--reinstall-package", "mlgate-project", "--index", f"{url}/", "--refresh")
        assert done.returncode == 0, done.stderr
        program = "import mlgate, model; print(mlgate.__file__, model.__file__)"
        done = uv("run", "--no-sync", "python", "-c", program)
    places = [Path(word) for word in done.stdout.split()]
    assert places == [installed / "src" / name / "__init__.py" for name in ("mlgate", "model")]
    assert not canary.exists()
    assert [path for path in asked if path.endswith(".whl")] == []


def publish(index: Path, name: str, canary: Path) -> None:
    """A wheel of a high version that leaves a mark when it is imported, on a simple index."""
    package, folder = name.replace("-", "_"), index / name
    folder.mkdir(parents=True)
    wheel = f"{package}-999.0-py3-none-any.whl"
    about = f"{package}-999.0.dist-info"
    with zipfile.ZipFile(folder / wheel, "w") as content:
        content.writestr(f"{package}/__init__.py", f"open({str(canary)!r}, 'w').close()\n")
        content.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 999.0\n")
        content.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        content.writestr(f"{about}/RECORD", "")
    (folder / "index.html").write_text(f'<a href="{wheel}">{wheel}</a>', encoding="utf-8")


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []

    class Index(SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            asked.append(self.path)

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Index, directory=str(folder)))
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
