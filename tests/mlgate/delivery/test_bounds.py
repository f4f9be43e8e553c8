"""The numbers that docs/delivery.md promises: how long, how often and how many, each just within and just beyond."""

from __future__ import annotations

import asyncio
import itertools
import time
from types import SimpleNamespace
from typing import ClassVar

import httpx
import pytest
from toy_repository import make_release, toy_launch, toy_release

from mlgate.engine import smoke, supervisor, watched
from mlgate.engine.body import Body
from mlgate.engine.bundles import packaged
from mlgate.engine.proxy import Forwarder, Target
from mlgate.engine.records import Replica, State, Upstream
from mlgate.errors import DataError, InfraError
from mlgate.ledger import Ledger, Overtaken, landing, remote
from mlgate.ledger.branch import Branch
from mlgate.ledger.plumbing import Answer
from mlgate.ledger.remote import RemoteBranch
from mlgate.project import Project
from mlgate.verbs.rollback import choose

MB = 1024**2


def replica(project: Project) -> Replica:
    """A copy that is dead: no process has this number."""
    about = {"pid": 2**22 + 1, "birth": "0", "port": 1, "started": time.time(), "image": "", "version": "a"}
    folder = project.environment_state("staging")
    return Replica.model_validate({**about, "log": folder / "log", "record": folder / "replicas" / "dead.json"})


def test_a_thousand_requests_wait_for_a_copy_and_the_next_is_refused_at_once() -> None:
    async def ask() -> tuple[int, float]:
        forwarder = Forwarder(patience=30)
        waiting = [asyncio.create_task(forwarder._target(time.monotonic())) for _ in range(1_000)]
        await asyncio.sleep(0)
        began = time.monotonic()
        assert await forwarder._target(began) is None
        taken, held = time.monotonic() - began, forwarder.held
        forwarder.target = Target(SimpleNamespace())  # type: ignore[arg-type]
        assert all(await asyncio.gather(*waiting)), "who waited was not served"
        return held, taken

    held, taken = asyncio.run(ask())
    assert held == 1_000
    assert taken < 15


@pytest.mark.parametrize(("size", "whole"), [(8 * MB, True), (8 * MB + 1, False)])
def test_a_body_is_kept_for_a_second_try_up_to_eight_megabytes(size: int, whole: bool) -> None:
    class Source:
        left = size

        async def readany(self) -> bytes:
            chunk = b"x" * min(self.left, MB)
            self.left -= len(chunk)
            return chunk

    async def sent(body: Body) -> int:
        return sum([len(part) async for part in body.parts()])

    body = Body(Source())
    assert asyncio.run(sent(body)) == size
    assert body.whole is whole
    if whole:
        assert asyncio.run(sent(body)) == size


def test_a_former_copy_is_stopped_after_thirty_seconds_whatever_it_still_works_on(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, stopped = itertools.count(step=10), []
    monkeypatch.setattr(supervisor, "time", SimpleNamespace(monotonic=lambda: next(clock), time=time.time))
    monkeypatch.setattr(supervisor.copies, "stop", stopped.append)
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        assert len(waited) < 10, "it waits for ever"

    monkeypatch.setattr(supervisor.asyncio, "sleep", sleep)
    former = Target(replica(project), inflight=1)
    asyncio.run(supervisor.Supervisor(State(project.environment_state("staging")), 1)._drain(former))
    assert stopped == [former.replica]
    assert len(waited) == 2  # looks at 10 and 20 s; at 30 it is over


def test_a_copy_that_keeps_dying_is_started_later_each_time(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def again(self: object, upstream: Upstream, wait: float) -> None:
        waits.append(wait)

    monkeypatch.setattr(supervisor.Supervisor, "_again", again)
    state = State(project.environment_state("staging"))
    state.folder.mkdir(parents=True, exist_ok=True)
    own = supervisor.Supervisor(state, 1, upstream=Upstream(launch=toy_launch(project, "a"), replica=replica(project)))
    for _ in range(7):
        asyncio.run(own._revive())
    assert waits == [0, 1, 2, 5, 10, 30, 30]


@pytest.mark.parametrize(("answers", "asked"), [("n" * 20, 20), ("n" * 19 + "o" + "n" * 20, 40)])
def test_a_release_that_something_else_starts_has_come_when_twenty_answers_in_a_row_are_its_own(
    answers: str, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = iter(answers + "n" * 100)
    count = itertools.count(1)
    last = 0

    def version(url: str) -> str:
        nonlocal last
        last = next(count)
        return next(said)

    monkeypatch.setattr(watched, "said_version", version)
    monkeypatch.setattr(watched, "PAUSE", 0)
    assert watched._awaited("n", "", 60) == "n"
    assert last == asked


@pytest.mark.parametrize(("answers", "status"), [("nnn", "pass"), ("nno", "fail")])
def test_staging_is_in_good_health_where_each_of_three_answers_is_the_releases(
    answers: str, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = iter(answers)
    monkeypatch.setattr(watched, "said_version", lambda url: next(said))
    assert watched.answering("staging", make_release("a").model_copy(update={"version": "n"}), "").status == status


@pytest.mark.parametrize(
    ("recorded", "served", "status"),
    [
        (0.5, 0.5 + 0.9e-9, "pass"),
        (0.5, 0.5 + 1.1e-9, "fail"),
        (1e6, 1e6 + 0.9e-3, "pass"),
        (1e6, 1e6 + 2e-3, "fail"),
    ],
)
def test_golden_rows_score_within_a_billionth_relative_above_one(recorded: float, served: float, status: str) -> None:
    answer = httpx.Response(200, json={"predictions": [{"score": served}]})
    assert smoke._golden(answer, [recorded]).status == status


@pytest.mark.parametrize(("slow", "status"), [(1, "pass"), (2, "fail")])
def test_of_twenty_single_rows_one_may_be_late(slow: int, status: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, asked = 0.0, 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal clock, asked
        asked += 1
        clock += 0.2 if 5 < asked <= 5 + slow else 0.01
        return httpx.Response(200)

    monkeypatch.setattr(smoke, "time", SimpleNamespace(perf_counter=lambda: clock))
    with httpx.Client(transport=httpx.MockTransport(answer), base_url="http://toy") as client:
        assert smoke._latency(client, [{"x": 1}], 100.0).status == status
    assert asked == (20 if slow == 1 else 7)


def test_a_release_is_named_by_six_digits_and_an_earlier_one_by_four(project: Project) -> None:
    release = toy_release(project, "a")
    assert packaged(project, release.hex[:6]) == packaged(project, f"sha256:{release.hex[:6]}") == release
    with pytest.raises(DataError, match="no release that is whole"):
        packaged(project, release.hex[:5])
    for seed in "ab":
        Ledger(project).write("staging", make_release(seed), {}, f"deploy {seed}", {})
    entries = Ledger(project).entries("staging")
    version = make_release("a").version
    assert choose(entries, "staging", version[:4]).release == make_release("a")
    with pytest.raises(DataError, match="never served"):
        choose(entries, "staging", version[:3])


class Unlucky(Branch):
    """A branch on which others are faster so many times."""

    losses: ClassVar[int] = 0

    def advance(self, commit: str, parent: str, reason: str) -> None:
        if Unlucky.losses:
            Unlucky.losses -= 1
            raise Overtaken("somebody was faster", "run it again")
        super().advance(commit, parent, reason)


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses that were asked for, none of which is made."""
    pauses: list[float] = []
    for module in (landing, remote):
        monkeypatch.setattr(module, "time", SimpleNamespace(sleep=pauses.append, monotonic=time.monotonic))
    return pauses


def test_who_has_lost_eight_times_does_not_stand_back_any_more(
    project: Project, slept: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Unlucky, "losses", 12)
    assert landing.land(Unlucky(project.root, "env/staging"), lambda now: ("", {"a": b"a"}), "deploy", None).made
    assert len(slept) == 8


def test_who_has_not_won_in_five_minutes_is_told_to_run_it_again(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Unlucky, "losses", 1_000)
    clock = itertools.count(step=30)
    monkeypatch.setattr(landing, "time", SimpleNamespace(sleep=lambda _: None, monotonic=lambda: next(clock)))
    with pytest.raises(InfraError, match="kept moving for 300 s") as told:
        landing.land(Unlucky(project.root, "env/staging"), lambda now: ("", {"a": b"a"}), "deploy", None)
    assert told.value.mend == "run the same verb again"
    assert Unlucky.losses > 985, "it tried for longer"


def test_a_remote_is_asked_five_times_with_growing_pauses(
    project: Project, slept: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[object, ...]] = []

    def silent(*words: object, **more: object) -> Answer:
        asked.append(words)
        return Answer(128, b"", "fatal: unable to access 'https://example': Could not resolve host")

    monkeypatch.setattr(remote, "ask", silent)
    with pytest.raises(InfraError, match="origin does not answer"):
        RemoteBranch(project.root, "env/staging", "origin")._listed()
    assert len(asked) == 5
    assert [low <= pause <= 2 * low for pause, low in zip(slept, (0.5, 1, 2, 4), strict=True)] == [True] * 4
