"""What tests of the template share: a baked repository, cheap copies of it, and its verbs run for real."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from images import base_image, crane, docker, registry  # noqa: F401 - fixtures
from room import CACHE
from room_hooks import (  # noqa: F401 - hooks and a fixture
    module_folder,
    pytest_configure,
    pytest_runtest_makereport,
    pytest_runtest_teardown,
    pytest_sessionfinish,
    pytest_unconfigure,
)
from sharing import place, pytest_xdist_make_scheduler  # noqa: F401 - a hook

# The tests share the cores among themselves already: a thread pool per numerical library would only wait.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
gc.set_threshold(100_000, 50, 50)  # what tests import stays; searched after each 700 new objects, it would cost minutes
# Where a shell started the tests in the background, each child would inherit that Ctrl-C is ignored.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# Each child would compile two thousand modules anew: bytecode is kept, in one place, away from what has a digest.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ.setdefault("PYTHONPYCACHEPREFIX", str(CACHE / "tests" / "bytecode"))

TEMPLATE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TEMPLATE / "tools"))
# What would lead a tool of a baked repository back to the one that runs the tests.
FOREIGN = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "MLGATE_STATE", "UV_PROJECT_ENVIRONMENT", "VIRTUAL_ENV"}
FOREIGN |= {"GITHUB_RUN_ID"}  # to two rollbacks of one run, the second would be the first one's repetition
# Whose name a shell exports would be on every commit: a test says who commits.
for identity in [name for name in os.environ if name.startswith(("GIT_AUTHOR_", "GIT_COMMITTER_"))]:
    del os.environ[identity]
GIT_IDENTITY = "[user]\n\tname = Ada Tester\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n"

Done = subprocess.CompletedProcess[str]
Run = Callable[..., Done]


@pytest.fixture(scope="session")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment variables for every child process: this interpreter's tools first, a Git identity, no telemetry."""
    home = tmp_path_factory.mktemp("settings")
    (home / "gitconfig").write_text(GIT_IDENTITY, encoding="utf-8")
    (home / "cookiecutter.yaml").write_text(
        f"cookiecutters_dir: {home / 'cookiecutters'}\nreplay_dir: {home / 'replay'}\n", encoding="utf-8"
    )
    kept = {key: value for key, value in os.environ.items() if key not in FOREIGN and not key.startswith("PYTEST_")}
    return kept | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "GIT_CONFIG_GLOBAL": str(home / "gitconfig"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "COOKIECUTTER_CONFIG": str(home / "cookiecutter.yaml"),
        "DVC_NO_ANALYTICS": "1",
        "BENTOML_DO_NOT_TRACK": "1",
        "PYTHONUTF8": "1",
    }


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones first; `make test` stays under 20 minutes on two cores, and CI has time for everything."""
    items.sort(key=lambda item: place(item.nodeid))
    if not os.environ.get("MLGATE_TEST_EVERYTHING"):
        later = pytest.mark.skip(reason="minutes long: MLGATE_TEST_EVERYTHING=1 runs it, as CI does")
        for item in items:
            if item.get_closest_marker("thorough"):
                item.add_marker(later)


@pytest.fixture(scope="session")
def needs() -> Callable[..., None]:
    """`needs("dockerd")`: skips where a program of the system is missing; CI has them all, and there it is an error."""

    def _needs(*names: str) -> None:
        missing = [name for name in names if not shutil.which(name)]
        if missing and os.environ.get("MLGATE_TEST_EVERYTHING"):
            pytest.fail(f"not installed: {', '.join(missing)}; .ci/run installs what tests need")
        if missing:
            pytest.skip(f"not installed: {', '.join(missing)}")

    return _needs


@pytest.fixture(scope="session")
def program(needs: Callable[..., None]) -> Callable[[str], str]:
    """`program("cosign")`: the path of a program of a go.mod in tools/, built the first time (minutes)."""
    from programs import program

    if not shutil.which("uvx"):
        needs("go")
    return lambda name: str(program(name))


@pytest.fixture(scope="session")
def run(environ: dict[str, str]) -> Run:
    """`run(command, folder, **more_environment)`: a finished process with its text, never an exception."""

    def _run(command: list[str], folder: Path, *, timeout: float = 600, **extra: str) -> Done:
        return subprocess.run(
            [str(word) for word in command],
            cwd=folder,
            env=environ | extra,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
        )

    return _run


@pytest.fixture(scope="session")
def other_python(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """`other_python("3.14")`: the path of this machine's, from pyenv or PATH; skips where there is none to be had."""
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"

    def _find(version: str) -> str:
        path = os.pathsep.join([*map(str, versions.glob(f"{version}.*/bin")), os.environ["PATH"]])
        words = [shutil.which("uv"), "python", "find", "--no-project", "--no-python-downloads", version]
        done = run(words, tmp_path_factory.getbasetemp(), PATH=path)
        if done.returncode:
            pytest.skip(f"this machine has no Python {version}; newest.yml and the bakes of ci.yml fetch it")
        return done.stdout.strip()

    return _find


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, run: Run) -> Path:
    """The template as it is when the tests begin: symlinks and uncommitted files included, a repository of its own."""
    listed = run(["git", "ls-files", "-z", "-co", "--exclude-standard"], TEMPLATE).stdout
    folder = tmp_path_factory.mktemp("template") / "mlgate"
    for name in listed.strip("\0").split("\0"):
        if os.path.lexists(TEMPLATE / name):  # not deleted since the last commit
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(TEMPLATE / name, folder / name, follow_symlinks=False)
    # packed as a clone would be: every bake copies this repository
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "the template under test"], ["repack", "-adq"]):
        done = run(["git", *command], folder)
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def bake(run: Run, template: Path) -> Callable[..., Path]:
    """`bake(output, answer=..., template=...)`: bakes for real, first commit included, and returns the repository."""

    def _bake(output: Path, template: Path = template, **answers: str) -> Path:
        output.mkdir(parents=True, exist_ok=True)
        words = [f"{key}={value}" for key, value in answers.items()]
        command = [sys.executable, "-m", "cookiecutter", str(template), "--no-input", "-o", str(output), *words]
        done = run(command, output)
        assert done.returncode == 0, done.stdout + done.stderr
        (repository,) = [path for path in output.iterdir() if (path / "params.yaml").is_file()]
        return repository

    return _bake


@pytest.fixture(scope="session")
def baked(bake: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default project, baked and committed once. Read it; to change something, take a `project_copy`."""
    return bake(tmp_path_factory.mktemp("baked"))


@pytest.fixture(scope="session")
def project_copy(baked: Path) -> Callable[[Path], Path]:
    """`project_copy(tmp_path)`: a copy of the baked repository with its Git history, to do anything to."""

    def _copy(folder: Path) -> Path:
        return Path(shutil.copytree(baked, folder / baked.name, symlinks=True))

    return _copy


@pytest.fixture(scope="session")
def mlgate(run: Run) -> Run:
    """`mlgate(repository, "train", "--seed", "1")`: a verb of that repository's own code, run as a user would."""

    def _mlgate(repository: Path, *arguments: str, timeout: float = 600, **extra: str) -> Done:
        command = [sys.executable, "-m", "mlgate", *arguments]
        return run(command, repository, timeout=timeout, PYTHONPATH=str(repository / "src"), **extra)

    return _mlgate
