"""The ledger at a remote: several clones write in order, a rewritten past is refused, silence is no answer."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from toy_repository import commit_all, git, make_release

from mlgate.cli import main
from mlgate.engine.replica import free_port
from mlgate.errors import ConfigError, DataError, InfraError
from mlgate.ledger import Ledger, Overtaken, Rewritten, remote
from mlgate.ledger.order import require_newest
from mlgate.packing.release import Release
from mlgate.project import Project
from mlgate.report import Report

A, B, C = make_release("a"), make_release("b"), make_release("c")
FILES = {"model.json": b"{}\n", "profile.json": b"{}\n"}


@pytest.fixture
def origin(project: Project, tmp_path: Path) -> Path:
    """A bare repository that has the project's main."""
    git(tmp_path, "clone", "-q", "--bare", str(project.root), "origin.git")
    return tmp_path / "origin.git"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PAUSES", (0.01, 0.02))


def clone(origin: Path | str, name: str, folder: Path, *flags: str) -> Project:
    address = origin if isinstance(origin, str) else f"file://{origin}"
    git(folder, "clone", "-q", *flags, address, name)
    (folder / name / "src" / "model").mkdir(parents=True)  # by which a repository of the template is known
    return Project(folder / name, chosen_remote="origin")


def again(project: Project) -> Project:
    """The same clone in a later call."""
    return Project(project.root, chosen_remote=project.chosen_remote)


def write(project: Project, release: Release = A, env: str = "staging", **options: object) -> str:
    subject = f"deploy({env}): toy {release.version}"
    return Ledger(project).write(env, release, FILES, subject, {"Approved-By": "Ada"}, **options).commit


@pytest.mark.parametrize("flags", [(), ("--depth", "1"), ("--depth", "1", "--no-single-branch")], ids=str)
def test_what_one_clone_writes_every_other_reads(origin: Path, tmp_path: Path, flags: tuple[str, ...]) -> None:
    one = clone(origin, "one", tmp_path)
    first, second = write(one), write(one, B)
    assert git(origin, "rev-parse", "env/staging") == second
    two = clone(origin, "two", tmp_path, *flags)
    assert Ledger(two).read("staging") == B
    assert Ledger(two).file("staging", "profile.json") == b"{}\n"
    assert [entry.commit for entry in Ledger(two).entries("staging")] == [second, first]
    Ledger(two).restore("staging", first, "rollback(staging)", {}, second)
    assert Ledger(again(one)).read("staging") == A
    assert git(one.root, "for-each-ref", "refs/heads/env") == ""  # the clone's own branches have no say
    git(origin, "fsck", "--strict", "--no-dangling")


def test_a_shallow_clone_of_the_branch_itself_still_tells_the_whole_history(origin: Path, tmp_path: Path) -> None:
    one = clone(origin, "one", tmp_path)
    commits = [write(one, release) for release in (A, B, C)]
    two = clone(origin, "two", tmp_path, "--depth", "1", "--branch", "env/staging")
    assert [entry.commit for entry in Ledger(two).entries("staging")] == commits[::-1]


def test_tracking_branches_follow_and_the_same_release_twice_is_one_commit(origin: Path, tmp_path: Path) -> None:
    one, two = clone(origin, "one", tmp_path), clone(origin, "two", tmp_path)
    first = write(one)
    assert git(one.root, "rev-parse", "origin/env/staging") == first
    assert write(two) == first
    assert git(two.root, "rev-parse", "origin/env/staging") == first
    assert Ledger(again(one)).difference("staging", A) == []
    assert f'+  "version": "{B.version}",' in Ledger(two).difference("staging", B)
    assert git(origin, "rev-list", "--count", "env/staging") == "1"


def test_a_writer_that_lost_looks_again_and_comes_after(origin: Path, tmp_path: Path) -> None:
    one, two = clone(origin, "one", tmp_path), clone(origin, "two", tmp_path)
    write(one)
    assert Ledger(two).read("staging") == A
    write(one, B)
    write(two, C)  # its view is old by now
    assert [entry.release for entry in Ledger(again(one)).entries("staging")] == [C, B, A]


def test_case_17_a_decision_on_an_old_view_is_overtaken_and_says_by_whom(origin: Path, tmp_path: Path) -> None:
    one, two = clone(origin, "one", tmp_path), clone(origin, "two", tmp_path)
    seen = write(one, env="production")
    assert Ledger(two).head("production") == seen
    winner = write(one, B, "production", expected_parent=seen)
    with pytest.raises(Overtaken, match=rf"{winner[:12]}: deploy\(production\): toy {B.version}, by Ada"):
        write(two, C, "production", expected_parent=seen)
    with pytest.raises(Overtaken):
        write(again(two), C, "production", expected_parent="")
    assert Ledger(again(two)).read("production") == B


def test_case_17_gates_are_asked_again_after_a_lost_race(origin: Path, tmp_path: Path) -> None:
    one, two = clone(origin, "one", tmp_path), clone(origin, "two", tmp_path)
    write(one)
    Ledger(two).head("staging")
    heads = []

    def guard(now) -> None:
        heads.append(now.head)
        if len(heads) == 1:
            write(one, B)

    write(two, C, guard=guard)
    assert len(heads) == len(set(heads)) == 2


def test_case_17_sixteen_clones_at_once_lose_nothing_and_two_environments_do_not_meet(
    origin: Path, tmp_path: Path
) -> None:
    clones = [clone(origin, f"clone-{number}", tmp_path) for number in range(16)]
    failures: list[BaseException] = []

    def writer(number: int) -> None:
        try:
            write(clones[number], make_release(str(number)), ("staging", "production")[number % 2])
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=writer, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    for half, env in enumerate(("staging", "production")):
        versions = [entry.release.version for entry in Ledger(again(clones[0])).entries(env) if entry.release]
        assert sorted(versions) == sorted(make_release(str(n)).version for n in range(half, 16, 2))
    git(origin, "fsck", "--strict", "--no-dangling")


def test_a_deploy_of_an_older_commit_says_that_a_newer_one_overtook_it(origin: Path, tmp_path: Path) -> None:
    newer = clone(origin, "newer", tmp_path)
    old = newer.commit
    commit_all(newer.root, "newer")
    git(newer.root, "push", "-q", "origin", "main")
    early = make_release("early").model_copy(update={"source_commit": old})
    late = make_release("late").model_copy(update={"source_commit": newer.commit})
    for flags in ((), ("--depth", "1")):  # as CI checked them out, before the newer commit was there
        slow = clone(origin, f"slow-{len(flags)}", tmp_path, *flags)
        git(slow.root, "checkout", "-q", "--detach", "HEAD")
        if not flags:
            git(slow.root, "reset", "-q", "--hard", old)
        write(again(newer), late, guard=lambda now: require_newest(newer, "staging", late, now))
        with pytest.raises(Overtaken, match=f"which is newer than {early.version}"):
            write(slow, early, guard=lambda now, slow=slow: require_newest(slow, "staging", early, now))
    assert Ledger(again(newer)).read("staging") == late


@pytest.mark.parametrize("how", ["rewritten", "deleted"])
@pytest.mark.parametrize("where", ["remote", "here"])
def test_case_16_commits_that_are_gone_are_seen_before_anything_is_applied(
    project: Project, origin: Path, tmp_path: Path, how: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if where == "remote":
        one, bare, flags = clone(origin, "one", tmp_path), origin, ("--remote", "origin")
    else:
        one, bare, flags = project, project.root / ".git", ()
    first, second = write(one), write(one, B)
    if how == "rewritten":
        git(bare, "update-ref", "refs/heads/env/staging", first)
    else:
        git(bare, "update-ref", "-d", "refs/heads/env/staging")
    monkeypatch.chdir(one.root)
    with pytest.raises(Rewritten) as caught:
        Ledger(again(one)).read("staging")
    assert f"toy {B.version}" in str(caught.value)
    assert "--accept-rewritten" in caught.value.mend
    with pytest.raises(Rewritten):
        write(again(one), C)
    assert main(["history", "--env", "staging", *flags]) == 1
    assert main(["history", "--env", "staging", *flags, "--accept-rewritten"]) == 0
    told = " ".join(Report.read(one.root / "reports" / "history.json").notes)
    assert f"given up: {second[:7]}" in told
    assert Ledger(again(one)).read("staging") == (A if how == "rewritten" else None)
    assert second in git(one.root, "for-each-ref", "refs/mlgate/lost")  # nothing is ever out of reach
    write(again(one), C)
    assert Ledger(again(one)).read("staging") == C


def test_case_16_a_rewrite_on_top_of_an_older_commit_is_seen_as_well(origin: Path, tmp_path: Path) -> None:
    one, two = clone(origin, "one", tmp_path), clone(origin, "two", tmp_path)
    first = write(one)
    write(one, B)
    assert Ledger(two).read("staging") == B
    git(origin, "update-ref", "refs/heads/env/staging", first)
    git(one.root, "update-ref", "refs/mlgate/remotes/origin/env/staging", first)
    write(again(one), C)
    with pytest.raises(Rewritten, match="1 commits"):
        Ledger(again(two)).read("staging")


def test_a_remote_that_is_none_is_named(project: Project) -> None:
    for wrong in ("nowhere", "--upload-pack=touch x", "../x"):
        with pytest.raises(ConfigError, match="there is no remote"):
            Ledger(Project(project.root, chosen_remote=wrong)).read("staging")


def test_a_remote_that_refuses_says_so_and_changes_nothing(origin: Path, tmp_path: Path) -> None:
    one = clone(origin, "one", tmp_path)
    first = write(one)
    hook = origin / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'env/* is for robots' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(InfraError, match=r"refuses env/staging: .*hook declined.*is for robots"):
        write(again(one), B)
    assert git(origin, "rev-parse", "env/staging") == first
    hook.unlink()
    write(again(one), B)


# A folder of objects that is a file when Git wants to put the push there: what its own `git gc` does for a moment by
# removing an empty one, and a disk without room for as long as it has none.
IN_THE_WAY = """#!/bin/sh
echo >> "$GIT_DIR/pushes"
for folder in "$GIT_QUARANTINE_PATH"/??; do
    there="$GIT_DIR/objects/${folder##*/}"
    [ -e "$there" ] || touch "$there"
done
"""


@pytest.mark.parametrize("lasts", [False, True], ids=["for a moment", "for ever"])
def test_a_remote_that_tidies_up_during_a_push_is_asked_again_and_not_for_ever(
    origin: Path, tmp_path: Path, lasts: bool
) -> None:
    one = clone(origin, "one", tmp_path)
    first = write(one)
    hook = origin / "hooks" / "pre-receive"
    clear = 'find "$GIT_DIR"/objects -maxdepth 1 -type f -delete\n[ -e "$GIT_DIR/pushes" ] && exit 0\n'
    hook.write_text(IN_THE_WAY if lasts else IN_THE_WAY.replace("\n", f"\n{clear}", 1))
    hook.chmod(0o755)
    if lasts:
        with pytest.raises(InfraError, match=r"refuses env/staging: .*unable to migrate objects"):
            write(again(one), B)
        assert git(origin, "rev-parse", "env/staging") == first
        assert len((origin / "pushes").read_text()) == len(remote.PAUSES) + 1
    else:
        second = write(again(one), B)
        assert git(origin, "rev-parse", "env/staging") == second
        git(origin, "fsck", "--strict", "--no-dangling")


def test_a_remote_that_is_gone_is_an_error_never_a_first_release(
    origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = clone(origin, "one", tmp_path)
    shutil.move(origin, tmp_path / "away")
    for env in ("staging", "production"):
        with pytest.raises(InfraError, match="does not answer"):
            Ledger(again(one)).read(env)
    with pytest.raises(InfraError, match="does not answer"):
        write(again(one))
    monkeypatch.chdir(one.root)
    monkeypatch.setenv("MLGATE_REMOTE", "origin")
    assert main(["history", "--env", "staging"]) == 3


class Flaky:
    """A wire to a Git server: each connection is dropped, kept silent, or passed on, as the list says."""

    def __init__(self, target: int, plan: list[str]) -> None:
        self.target, self.plan, self.met = target, plan, 0
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.open: list[socket.socket] = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                near, _ = self.server.accept()
            except OSError:
                return
            what = self.plan[self.met] if self.met < len(self.plan) else "pass"
            self.met += 1
            self.open.append(near)
            if what == "drop":
                near.close()
            elif what in ("pass", "deaf"):
                far = socket.create_connection(("127.0.0.1", self.target))
                self.open.append(far)
                for ends in ((near, far, False), (far, near, what == "deaf")):
                    threading.Thread(target=self._pump, args=ends, daemon=True).start()

    @staticmethod
    def _pump(source: socket.socket, sink: socket.socket, deaf: bool) -> None:
        """Pass bytes on; where `deaf`, only the server's first words: its last ones, the verdict, get lost."""
        try:
            passed = 0
            while data := source.recv(65_536):
                if not deaf or passed == 0:
                    sink.sendall(data)
                passed += 1
            if not deaf:
                sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # one end is gone: what else comes has nowhere to go

    def close(self) -> None:
        self.server.shutdown(socket.SHUT_RDWR)  # wakes who waits in `accept`
        self.server.close()
        for one in self.open:
            one.close()


@pytest.fixture
def served(origin: Path, tmp_path: Path) -> Iterator[int]:
    """The port of a Git server that has `origin` and takes pushes."""
    port = free_port()
    flags = ["--reuseaddr", "--export-all", "--enable=receive-pack", f"--base-path={tmp_path}"]
    daemon = subprocess.Popen(
        ["git", "daemon", *flags, "--listen=127.0.0.1", f"--port={port}"], stderr=subprocess.DEVNULL
    )
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    try:
        yield port
    finally:
        daemon.terminate()
        daemon.wait(20)


def test_case_22_a_remote_that_fails_twice_is_asked_a_third_time(served: int, tmp_path: Path) -> None:
    wire = Flaky(served, ["pass", "drop", "drop", "pass"])  # clone; then ls-remote until it answers
    one = clone(f"git://127.0.0.1:{wire.port}/origin.git", "one", tmp_path)
    write(one)
    assert Ledger(again(one)).read("staging") == A
    wire.close()


def test_case_22_a_remote_that_stays_away_ends_in_one_error_with_nothing_half_done(
    served: int, origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "TIMEOUT", 0.5)
    wire = Flaky(served, ["pass", "pass", "drop", "drop", "silent", "drop", "silent", "silent"])
    one = clone(f"git://127.0.0.1:{wire.port}/origin.git", "one", tmp_path)
    with pytest.raises(InfraError, match="does not answer `git push`"):
        write(one)
    with pytest.raises(InfraError, match=r"does not answer `git ls-remote`: no answer within"):
        write(again(one))
    assert git(origin, "for-each-ref", "refs/heads/env") == ""
    write(again(one))
    assert git(origin, "rev-list", "--count", "env/staging") == "1"
    wire.close()


def test_case_22_a_push_whose_answer_is_lost_is_found_to_have_arrived(
    served: int, origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "TIMEOUT", 3)
    wire = Flaky(served, ["pass", "pass", "deaf"])  # clone, ls-remote, push
    one = clone(f"git://127.0.0.1:{wire.port}/origin.git", "one", tmp_path)
    commit = write(one)
    assert git(origin, "rev-parse", "env/staging") == commit
    assert git(origin, "rev-list", "--count", "env/staging") == "1"
    assert wire.met > 3
    wire.close()


def test_a_freeze_reaches_every_clone(origin: Path, tmp_path: Path) -> None:
    one = clone(origin, "one", tmp_path)
    Ledger(one).mark("staging", {"freeze.json": b'{"reason": "audit", "by": "Ada"}'}, "freeze", {})
    with pytest.raises(DataError, match="is frozen: audit"):
        write(clone(origin, "two", tmp_path))
