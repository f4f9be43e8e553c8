"""The ledger on real repositories: nothing lost in a race or a crash, nothing of the user's touched."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import ClassVar

import pytest
from toy_repository import git, make_release

from mlgate.errors import ConfigError, DataError, InfraError
from mlgate.ledger import Ledger, Overtaken, landing
from mlgate.ledger.branch import Branch
from mlgate.project import Project

A, B, C = make_release("a"), make_release("b"), make_release("c")
FILES = {"holdout.parquet": b"PAR1\x00\xff\n\n", "model.json": b"{}\n"}


def write(project: Project, release=A, env: str = "staging", **options: object) -> str:
    return Ledger(project).write(env, release, FILES, f"deploy({env}): toy {release.version}", {}, **options).commit


def test_a_deploy_commit_names_the_release_and_keeps_its_files(project: Project) -> None:
    commit = write(project)
    ledger = Ledger(project)
    assert ledger.read("staging") == A
    assert ledger.file("staging", "holdout.parquet") == FILES["holdout.parquet"]
    assert ledger.file("staging", "absent") is None
    (entry,) = ledger.entries("staging")
    assert (entry.commit, entry.release, entry.subject) == (commit, A, f"deploy(staging): toy {A.version}")
    assert entry.trailers["Image"] == A.image
    assert entry.trailers["Metrics"] == "roc_auc=0.75"
    assert git(project.root, "log", "-1", "--format=%an %ae", "env/staging") == "mlgate mlgate@localhost"


def test_working_tree_index_and_branch_stay_as_they_were(project: Project) -> None:
    (project.root / "work.txt").write_text("staged")
    git(project.root, "add", "work.txt")
    (project.root / "work.txt").write_text("and changed")
    before = git(project.root, "status", "--porcelain=v2", "--branch"), git(project.root, "rev-parse", "HEAD")
    write(project)
    assert (git(project.root, "status", "--porcelain=v2", "--branch"), git(project.root, "rev-parse", "HEAD")) == before
    assert git(project.root, "merge-base", "--all", "--octopus", "env/staging") == git(
        project.root, "rev-parse", "env/staging"
    )
    assert git(project.root, "rev-list", "--count", "env/staging") == "1"  # an orphan: none of main's commits


def test_a_linked_worktree_and_a_subfolder_write_the_same_ledger(project: Project, tmp_path: Path) -> None:
    git(project.root, "worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    write(Project(tmp_path / "side"))
    assert Ledger(project).read("staging") == A
    write(Project(project.root / "src" / "model"), B)
    assert Ledger(Project(project.root / "src")).read("staging") == B


def test_nothing_deployed_reads_as_none_and_a_folder_without_git_as_an_error(project: Project, tmp_path: Path) -> None:
    assert Ledger(project).read("production") is None
    assert Ledger(project).entries("production") == []
    assert Ledger(project).file("production", "release.json") is None
    bare = tmp_path / "nothing"
    bare.mkdir()
    with pytest.raises(InfraError, match="no Git repository"):
        Ledger(Project(bare)).read("production")


def test_a_broken_branch_is_an_error_not_a_first_release(project: Project) -> None:
    write(project)
    (project.root / ".git" / "refs" / "heads" / "env" / "staging").write_text("0123garbage\n")
    with pytest.raises(InfraError, match="damaged"):
        Ledger(project).read("staging")


def test_the_same_release_twice_makes_one_commit(project: Project) -> None:
    assert write(project) == write(project)
    assert len(Ledger(project).entries("staging")) == 1
    assert Ledger(project).difference("staging", A) == []


def test_the_difference_shows_the_change_and_writes_nothing(project: Project) -> None:
    write(project)
    lines = Ledger(project).difference("staging", B)
    assert f'-  "version": "{A.version}",' in lines
    assert f'+  "version": "{B.version}",' in lines
    assert Ledger(project).read("staging") == A


@pytest.mark.parametrize("name", ["", "dev", "../main", "staging/../x", "-x", "production ", "a" * 500, "\n"])
def test_odd_environment_names_are_refused(project: Project, name: str) -> None:
    with pytest.raises(ConfigError, match="no environment"):
        Ledger(project).read(name)
    with pytest.raises(ConfigError, match="no environment"):
        write(project, env=name)


def test_names_and_reasons_cannot_forge_a_trailer(project: Project) -> None:
    evil = "Eve\nImage: sha256:evil\r\n\nModel-Version: 1\u2028x"
    Ledger(project).write("production", A, {}, "deploy: x\n\nImage: sha256:evil", {"Approved-By": evil})
    (entry,) = Ledger(project).entries("production")
    assert entry.trailers["Image"] == A.image
    assert entry.trailers["Model-Version"] == A.version
    assert entry.trailers["Approved-By"] == "Eve Image: sha256:evil Model-Version: 1 x"


def test_revert_brings_back_the_former_and_a_first_deploy_leaves_nothing(project: Project) -> None:
    ledger = Ledger(project)
    first = write(project)
    ledger.revert("staging", first, "smoke failed")
    assert ledger.read("staging") is None
    write(project)
    second = write(project, B)
    ledger.revert("staging", second, "smoke failed")
    assert ledger.read("staging") == A
    assert ledger.file("staging", "holdout.parquet") == FILES["holdout.parquet"]
    newest = ledger.entries("staging")[0]
    assert (newest.trailers["Reverts"], newest.trailers["Image"]) == (second, A.image)
    with pytest.raises(Overtaken):
        ledger.revert("staging", second, "again")


def test_restore_and_restore_of_the_restore(project: Project) -> None:
    ledger = Ledger(project)
    first, second = write(project), write(project, B)
    ledger.restore("staging", first, "rollback(staging)", {})
    assert ledger.read("staging") == A
    ledger.restore("staging", second, "rollback(staging)", {})
    assert ledger.read("staging") == B
    assert [entry.release for entry in ledger.entries("staging")] == [B, A, B, A]


@pytest.mark.parametrize("content", [b"{", b"", b"\xff\xfe", b'{"schema_version": 2}', b"[]", b"null"])
def test_a_damaged_record_is_named_and_can_be_rolled_back(project: Project, content: bytes) -> None:
    ledger = Ledger(project)
    first = write(project)
    branch = ledger.branch("staging")
    branch.add({"release.json": content}, "by hand", first)
    with pytest.raises(DataError, match=r"release\.json in env/staging") as caught:
        ledger.read("staging")
    assert "rollback" in caught.value.mend
    assert [bool(entry.problem) for entry in ledger.entries("staging")] == [True, False]
    ledger.restore("staging", first, "rollback(staging)", {})
    assert ledger.read("staging") == A


def test_case_16_a_writer_with_an_old_view_is_refused(project: Project) -> None:
    seen = write(project)
    write(project, B)
    with pytest.raises(Overtaken):
        write(project, C, expected_parent=seen)
    with pytest.raises(Overtaken):
        write(project, C, expected_parent="")
    assert Ledger(project).read("staging") == B


def test_case_17_sixteen_writers_and_256_deploys_at_once_lose_nothing(project: Project) -> None:
    releases = [make_release(f"{writer}/{turn}") for writer in range(16) for turn in range(16)]
    failures: list[BaseException] = []

    def writer(number: int) -> None:
        try:
            for turn in range(16):
                write(project, releases[number * 16 + turn])
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=writer, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    versions = [entry.release.version for entry in Ledger(project).entries("staging") if entry.release]
    assert sorted(versions) == sorted(release.version for release in releases)
    git(project.root, "fsck", "--strict", "--no-dangling")


class Busy(Branch):
    """A branch on which others are faster so many times."""

    faster: ClassVar[list[int]] = []

    def advance(self, commit: str, parent: str, reason: str) -> None:
        if self.faster and self.faster.pop():
            raise Overtaken("somebody was faster", "run it again")
        super().advance(commit, parent, reason)


def test_case_17_a_writer_that_lost_sixty_times_lands_after_all(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing, "LONGEST", 0.01)
    monkeypatch.setattr(Busy, "faster", [1] * 60)
    assert landing.land(Busy(project.root, "env/staging"), lambda now: ("", FILES), "deploy", None).made


def test_case_17_a_writer_that_never_wins_gives_up_and_says_so(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing, "PATIENCE", 0.2)
    monkeypatch.setattr(Busy, "faster", [1] * 10_000)
    with pytest.raises(InfraError, match="kept moving"):
        landing.land(Busy(project.root, "env/staging"), lambda now: ("", FILES), "deploy", None)
    assert Ledger(project).head("staging") == ""


def test_case_17_of_promoters_with_the_same_view_one_wins(project: Project) -> None:
    seen = write(project, env="production")
    outcomes: list[str] = []

    def promoter(number: int) -> None:
        try:
            write(project, make_release(str(number)), "production", expected_parent=seen)
            outcomes.append("won")
        except Overtaken:
            outcomes.append("overtaken")

    threads = [threading.Thread(target=promoter, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["overtaken"] * 15 + ["won"]
    assert len(Ledger(project).entries("production")) == 2


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from toy_repository import make_release
from mlgate.ledger import Ledger
from mlgate.project import Project
ledger = Ledger(Project(Path(sys.argv[1])))
for turn in range(10_000):
    ledger.write("staging", make_release(str(turn)), {"model.json": b"{}"}, f"deploy {turn}", {})
    print(turn, flush=True)
"""


@pytest.mark.parametrize("delay", [0.0, 0.01, 0.02, 0.03, 0.05])
def test_case_18_kill_in_mid_write_leaves_a_state_that_the_next_write_builds_on(project: Project, delay: float) -> None:
    write(project)
    command = [sys.executable, "-c", WRITER, str(project.root), str(Path(__file__).parent)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert child.stdout is not None
    child.stdout.readline()
    time.sleep(delay)
    os.killpg(child.pid, signal.SIGKILL)  # git children too
    said = [int(line) for line in child.stdout if line.strip().isdigit()]
    child.wait()
    child.stdout.close()
    entries = Ledger(project).entries("staging")
    assert all(entry.release for entry in entries)
    assert len(entries) >= len(said) + 2  # whatever was reported as written is there
    write(project, C)
    assert Ledger(project).read("staging") == C
    git(project.root, "fsck", "--strict", "--no-dangling")


def test_case_18_a_lock_left_by_a_killed_git_is_removed_and_a_fresh_one_waited_for(project: Project) -> None:
    write(project)
    lock = project.root / ".git" / "refs" / "heads" / "env" / "staging.lock"
    lock.touch()
    os.utime(lock, (time.time() - 60, time.time() - 60))
    write(project, B)
    assert Ledger(project).read("staging") == B
    lock.touch()
    freed = threading.Timer(0.4, lock.unlink)
    started = time.monotonic()
    freed.start()
    write(project, C)
    assert time.monotonic() - started >= 0.4
    freed.join()
    assert Ledger(project).read("staging") == C


def test_case_20_order_of_commits_decides_not_the_clock(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    write(project)
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2001-01-01T00:00:00Z")
    write(project, B)
    assert [entry.release for entry in Ledger(project).entries("staging")] == [B, A]


def test_git_hooks_point_us_nowhere_else(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    write(project)
    monkeypatch.delenv("GIT_DIR")
    assert Ledger(project).read("staging") == A
