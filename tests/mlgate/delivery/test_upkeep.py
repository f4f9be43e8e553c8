"""What thousands of releases leave is packed by Git itself, after a deploy and beside others'; nothing is lost."""

from __future__ import annotations

import hashlib
import itertools
import threading
import time
from pathlib import Path

import pytest
from toy_repository import git, make_release, toy_release

from mlgate.cli import main
from mlgate.ledger import Ledger, upkeep
from mlgate.packing.release import Release
from mlgate.project import Project
from mlgate.report import Report

WRITERS, TURNS = 10, 3


def loose(folder: Path) -> int:
    """How many objects are files of their own."""
    return int(git(folder, "count-objects").split()[0])


def configure(folder: Path, *settings: str) -> None:
    for setting in settings:
        git(folder, "config", *setting.split("="))


@pytest.fixture
def here(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A repository with a release, some hundred small files, and no engine."""
    monkeypatch.chdir(project.root)
    monkeypatch.setenv("MLGATE_ENGINE", "none")
    for number in range(12):
        write(project, make_release(str(number)))
    toy_release(project, "a")
    assert loose(project.root) > 30
    return project


def counted(seed: str) -> bytes:
    """A content whose blob lies in objects/17: by that folder alone Git guesses how many objects are files."""
    contents = (f"{seed} {number}".encode() for number in itertools.count())
    return next(c for c in contents if hashlib.sha1(b"blob %d\0" % len(c) + c).hexdigest().startswith("17"))


def write(project: Project, release: Release) -> str:
    files = {"model.json": counted(release.version)}
    return Ledger(project).write("production", release, files, f"deploy {release.version}", {}).commit


def notes(project: Project) -> str:
    return " ".join(Report.model_validate_json((project.reports / "deploy.json").read_bytes()).notes)


def test_a_deploy_has_git_pack_where_git_itself_would(here: Project) -> None:
    configure(here.root, "gc.auto=100", "gc.autoDetach=false", "maintenance.autoDetach=false")
    before = git(here.root, "for-each-ref")
    assert main(["deploy", "--env", "staging"]) == 0
    assert loose(here.root) == 0
    assert set(before.splitlines()) <= set(git(here.root, "for-each-ref").splitlines())
    git(here.root, "fsck", "--strict", "--no-dangling")
    assert len(Ledger(Project(here.root)).entries("production")) == 12


@pytest.mark.parametrize("setting", ["gc.auto=0", "gc.auto=100000"])
def test_whoever_told_git_not_to_pack_is_obeyed(here: Project, setting: str) -> None:
    configure(here.root, setting)
    before = loose(here.root)
    assert main(["deploy", "--env", "staging"]) == 0
    assert loose(here.root) > before
    assert "Git" not in notes(here)


def test_a_git_that_cannot_pack_is_told_of_and_the_deploy_stands(here: Project) -> None:
    configure(here.root, "gc.auto=100", "gc.autoDetach=false", "maintenance.autoDetach=false", "pack.window=nonsense")
    assert main(["deploy", "--env", "staging"]) == 0
    assert "Git could not pack" in notes(here)
    assert len(Ledger(here).entries("staging")) == 1


def test_what_was_written_and_is_not_named_yet_outlives_it(project: Project) -> None:
    configure(project.root, "gc.auto=1", "gc.autoDetach=false", "maintenance.autoDetach=false", "gc.pruneExpire=now")
    for number in range(12):
        write(project, make_release(str(number)))
    branch = Ledger(project).branch("production")
    built = branch.build("", {"model.json": b"a commit that waits for its turn"}, "deploy", branch.head())
    assert upkeep.tidy(project.root) == []
    branch.advance(built.commit, branch.head(), "deploy")
    git(project.root, "fsck", "--strict", "--no-dangling")


@pytest.mark.parametrize("clones", [False, True], ids=["one repository", "clones of a bare one"])
def test_ten_that_deploy_at_once_while_git_packs_lose_nothing(project: Project, tmp_path: Path, clones: bool) -> None:
    truth = project.root
    if clones:
        truth = tmp_path / "origin.git"
        git(tmp_path, "clone", "-q", "--bare", str(project.root), str(truth))
    configure(
        truth, "gc.auto=20", *() if clones else ("gc.pruneExpire=now",)
    )  # a server's Git goes by its own settings
    failures: list[BaseException] = []

    def deploy(number: int) -> None:
        try:
            own = Project(truth)
            if clones:
                git(tmp_path, "clone", "-q", f"file://{truth}", f"clone-{number}")
                own = Project(tmp_path / f"clone-{number}", chosen_remote="origin")
                configure(own.root, "gc.auto=20")
            for turn in range(TURNS):
                write(Project(own.root, chosen_remote=own.chosen_remote), make_release(f"{number} {turn}"))
                assert upkeep.tidy(own.root) == []
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=deploy, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    settle(truth)
    versions = [entry.release.version for entry in Ledger(Project(truth, chosen_remote="")).entries("production")]
    assert sorted(versions) == sorted(make_release(f"{n} {t}").version for n in range(WRITERS) for t in range(TURNS))
    git(truth, "fsck", "--strict", "--no-dangling")
    assert list((truth if clones else truth / ".git").glob("objects/pack/*.pack")), "nothing was packed meanwhile"


def settle(folder: Path) -> None:
    """Wait for what Git does in the background."""
    until = time.monotonic() + 60
    top = folder if (folder / "objects").is_dir() else folder / ".git"
    while any((top / name).exists() for name in ("gc.pid", "objects/maintenance.lock")):
        assert time.monotonic() < until
        time.sleep(0.1)
