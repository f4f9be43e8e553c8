"""Killed at each Git, out of disk, read-only: the ledger holds the old state or the new, and the next run converges."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from knife import apart, forge, seen
from toy_repository import commit_all, git, make_release, toy_release

from mlgate.cli import main
from mlgate.errors import InfraError
from mlgate.ledger import Ledger
from mlgate.project import Project


@pytest.fixture
def here(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The project in a clone of a bare repository that has the truth."""
    git(tmp_path, "clone", "-q", "--bare", str(project.root), "origin.git")
    git(project.root, "remote", "add", "origin", str(tmp_path / "origin.git"))
    monkeypatch.chdir(project.root)
    monkeypatch.setenv("MLGATE_ENGINE", "none")
    monkeypatch.delenv("MLGATE_REMOTE", raising=False)
    monkeypatch.setattr("mlgate.engine.rollout.mirrored", lambda project, release: "no MLflow here")
    return project


def cut(variables: dict[str, str], words: list[str], at: str) -> tuple[int, list[str]]:
    """Run a verb in a process of its own that the knife may kill; how it ended, and its Gits up to then."""
    folder = Path(variables["KNIFE"])
    seen(folder)
    return apart(words, lambda: os.environ.update(variables, KNIFE_AT=at)), seen(folder)


def releases(project: Project, env: str, remote: str) -> list[str]:
    entries = Ledger(Project(project.root, chosen_remote=remote)).entries(env)
    assert all(entry.release and not entry.problem for entry in entries)
    return [entry.release.version for entry in entries if entry.release]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("verb", "remote"),
    [("deploy", "origin"), ("promote", "origin"), ("rollback", ""), ("rollback to", ""), ("freeze", "")],
)
def test_case_18_kill_at_each_git_leaves_the_old_state_or_the_new_and_a_rerun_converges(
    here: Project, verb: str, remote: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLGATE_REMOTE", remote)
    env = "production" if verb == "promote" else "staging"
    words = {
        "deploy": ["deploy", "--env", "staging"],
        "promote": ["promote", "--approved-by", "Ada"],
        "rollback": ["rollback", "--env", "staging"],
        "rollback to": ["rollback", "--env", "staging", "--to", make_release("a").version],
        "freeze": ["freeze", "--env", "staging", "--reason", "audit"],
    }[verb]
    for seed in "ab":
        commit_all(here.root, seed)
        toy_release(here, seed)
        assert main(["deploy", "--env", "staging"]) == 0
    assert main(["promote", "--approved-by", "Ada"]) == 0
    commit_all(here.root, "c")
    toy_release(here, "c")
    if verb == "promote":
        assert main(["deploy", "--env", "staging"]) == 0
    keep = tmp_path / "keep"
    places = {here.root / ".git": keep / "git", tmp_path / "origin.git": keep / "origin"}
    for place, copy in places.items():
        shutil.copytree(place, copy)
    before, knife = releases(here, env, remote), forge(tmp_path / "knife")
    code, gits = cut(knife, words, "never")
    assert code == 0, gits
    after = releases(here, env, remote)
    assert len(after) == len(before) + 1
    writing = next(n for n, line in enumerate(gits, 1) if "fast-import" in line)
    last = len(gits)
    assert last > writing
    for turn in range(max(1, writing - 1), last + 1):  # what is before only reads
        for moment in ("before", "after"):
            for place, copy in places.items():
                shutil.rmtree(place)
                shutil.copytree(copy, place)
            code, gits = cut(knife, words, f"{turn}-{moment}")
            assert code == -signal.SIGKILL, (turn, moment, gits)
            assert releases(here, env, remote) in (before, after), (turn, moment, gits)
            again, _ = cut(knife, words, "never")  # not here, where what it reads would be remembered
            assert again in (0, 1), (turn, moment, gits)  # 1: a rollback that has arrived already
            assert releases(here, env, remote) == after, (turn, moment, gits)
            git(here.root, "fsck", "--strict", "--no-dangling")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """`small_disk(kilobytes)`: a file system of that size."""
    mounted: list[Path] = []

    def _mount(kilobytes: int) -> Path:
        folder = tmp_path / f"disk-{len(mounted)}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"this user can't mount a tmpfs: {done.stderr.strip()}")
        mounted.append(folder)
        return folder

    yield _mount
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("remote", ["", "origin"])
def test_case_19_a_full_disk_leaves_the_former_state_and_says_so(
    here: Project, small_disk: Callable[[int], Path], tmp_path: Path, remote: str
) -> None:
    commit_all(here.root, "c")
    disk = small_disk(4096)
    if remote:
        git(disk, "clone", "-q", "--bare", str(here.root), "origin.git")
        git(here.root, "remote", "set-url", "origin", str(disk / "origin.git"))
        project = Project(here.root, chosen_remote="origin")
    else:
        git(disk, "clone", "-q", str(here.root), "toy")
        project = Project(disk / "toy")
    a, b = make_release("a"), make_release("b")
    files = {"holdout.parquet": os.urandom(100_000)}
    Ledger(project).write("staging", a, files, "deploy(staging): a", {})
    full = disk / "full"
    with full.open("wb", buffering=0) as stream, contextlib.suppress(OSError):
        while True:
            stream.write(bytes(4096))
    with pytest.raises(InfraError, match=r"(?i)no space left|can't be written|refuses|failed") as caught:
        Ledger(project).write("staging", b, {"holdout.parquet": os.urandom(100_000)}, "deploy(staging): b", {})
    assert (caught.value.code, bool(caught.value.mend)) == (3, True)
    full.unlink()
    assert Ledger(Project(project.root, chosen_remote=remote)).read("staging") == a
    Ledger(Project(project.root, chosen_remote=remote)).write("staging", b, files, "deploy(staging): b", {})
    assert [entry.release for entry in Ledger(project).entries("staging")] == [b, a]
    git(disk / "origin.git" if remote else project.root, "fsck", "--strict", "--no-dangling")


def test_case_19_a_read_only_repository_can_be_read_and_not_written(
    here: Project, small_disk: Callable[[int], Path]
) -> None:
    disk = small_disk(4096)
    git(disk, "clone", "-q", str(here.root), "toy")
    project, a = Project(disk / "toy"), make_release("a")
    Ledger(project).write("staging", a, {}, "deploy(staging): a", {})
    git(project.root, "update-ref", "-d", "refs/mlgate/seen/env/staging")  # to be remembered, which can't be now
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    assert Ledger(project).read("staging") == a
    assert [entry.release for entry in Ledger(project).entries("staging")] == [a]
    with pytest.raises(InfraError, match=r"(?i)read-only"):
        Ledger(project).write("staging", make_release("b"), {}, "deploy(staging): b", {})
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    Ledger(project).write("staging", make_release("b"), {}, "deploy(staging): b", {})
