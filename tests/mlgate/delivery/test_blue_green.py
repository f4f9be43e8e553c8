"""The engine with real processes on real ports: what takes traffic, what never does, and what is left behind."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from pathlib import Path

import httpx
import psutil
import pytest
from toy_repository import OTHER, PRODUCTION, STAGING, make_release, processes_of, toy_examination, toy_launch

from mlgate.engine import bluegreen as engine
from mlgate.engine.bluegreen import state_of
from mlgate.errors import InfraError
from mlgate.project import Project
from mlgate.report import Check

URL = f"http://127.0.0.1:{STAGING}"
A, B = make_release("a"), make_release("b")


def deploy(project: Project, seed: str, fault: str = "none") -> list[Check]:
    launch = toy_launch(project, seed, fault)
    return engine.release(project, "staging", launch, toy_examination(project.root.parent, seed))


def version_that_answers() -> str:
    answer = httpx.post(f"{URL}/predict", json={"rows": [{"id": 1, "x": 3}]})
    assert answer.status_code == 200
    return answer.headers["x-model-version"]


def wait_for(condition: object, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


class Load:
    """Clients that ask all the time and keep every answer that was not 200 and every broken connection."""

    def __init__(self, clients: int = 4) -> None:
        self.answers: dict[str, int] = {}
        self.problems: list[str] = []
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(clients)]

    def _ask(self, number: int) -> None:
        with httpx.Client(base_url=URL, timeout=20) as keep_alive:
            while not self._end.is_set():
                try:
                    body = {"rows": [{"id": number, "x": 5}]}
                    answer = keep_alive.post("/predict", json=body) if number % 2 else httpx.post(
                        f"{URL}/predict", json=body, timeout=20
                    )  # fmt: skip
                    if answer.status_code != 200:
                        self.problems.append(f"{answer.status_code} {answer.text}")
                    version = answer.headers.get("x-model-version", "")
                    time.sleep(0.01)
                    self.answers[version] = self.answers.get(version, 0) + 1
                except httpx.HTTPError as error:
                    self.problems.append(repr(error))

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()


def test_five_switches_under_load_lose_no_request(served: Project) -> None:
    deploy(served, "0")
    with Load() as load:
        for turn in range(1, 6):
            assert {check.status for check in deploy(served, str(turn))} == {"pass"}
            assert version_that_answers() == make_release(str(turn)).version
    assert load.problems == []
    assert set(load.answers) == {make_release(str(turn)).version for turn in range(6)}
    assert sum(load.answers.values()) > 100
    assert len(processes_of(served)) == 2  # the proxy and the newest copy: the former ones are gone


@pytest.mark.parametrize("fault", ["none", "abrupt"])
def test_a_slow_request_is_answered_by_the_former_while_the_new_one_takes_over(served: Project, fault: str) -> None:
    """By the proxy's patience, also where the service has none of its own."""
    deploy(served, "a", fault)
    got: list[str] = []
    asking = threading.Thread(target=lambda: got.append(httpx.get(f"{URL}/slow?seconds=6", timeout=20).text))
    asking.start()
    time.sleep(0.3)
    deploying = threading.Thread(target=deploy, args=(served, "b"))
    deploying.start()
    wait_for(lambda: version_that_answers() == B.version)
    assert got == []  # still being worked on
    asking.join()
    deploying.join()
    assert got == [A.version]


FAULTS = {"wrong-scores": "golden", "wrong-version": "version", "crashes-on-nonsense": "contract"}


def test_a_failed_smoke_test_never_takes_traffic(served: Project) -> None:
    deploy(served, "a")
    before = engine.running(served, "staging")
    with Load(2) as load:
        red = {fault: [c.id for c in deploy(served, "b", fault) if c.status != "pass"] for fault in FAULTS}
    assert red == {fault: [check] for fault, check in FAULTS.items()}
    assert (load.problems, set(load.answers)) == ([], {A.version})
    assert engine.running(served, "staging") == before
    assert len(processes_of(served)) == 2


def test_a_release_that_dies_at_its_start_names_its_last_words(served: Project) -> None:
    deploy(served, "a")
    with pytest.raises(InfraError, match="the model cannot be read") as caught:
        deploy(served, "b", "dies-at-start")
    assert ".log" in caught.value.mend
    assert version_that_answers() == A.version
    assert len(processes_of(served)) == 2


def test_a_release_that_never_gets_ready_is_given_up(served: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlgate.engine.replica.wait_ready.__defaults__", (1.5,))
    with pytest.raises(InfraError, match="not ready after 2 s"):
        deploy(served, "a", "never-ready")
    assert processes_of(served) == []
    assert engine.running(served, "staging") is None


def test_a_replica_killed_by_pid_is_started_again(served: Project) -> None:
    deploy(served, "a")
    first = engine.running(served, "staging")
    assert first is not None
    os.kill(first.replica_pid, signal.SIGKILL)
    wait_for(
        lambda: (now := engine.running(served, "staging")) and now.healthy and now.replica_pid != first.replica_pid
    )
    now = engine.running(served, "staging")
    assert now is not None
    assert (now.pid, now.version, now.restarts) == (first.pid, A.version, 1)
    assert version_that_answers() == A.version


def kill(project: Project) -> None:
    """As the kernel does it when memory is out."""
    running = engine.running(project, "staging")
    assert running is not None
    os.kill(running.replica_pid, signal.SIGKILL)


def test_case_30_a_killed_replica_fails_no_prediction_under_load(served: Project) -> None:
    deploy(served, "a")
    with Load(8) as load:
        for restarts in range(1, 4):
            kill(served)
            wait_for(
                lambda n=restarts: (now := engine.running(served, "staging")) and now.healthy and now.restarts == n
            )
            time.sleep(0.2)
    assert load.problems == []
    assert sum(load.answers.values()) > 100


def test_a_request_under_way_in_a_killed_replica_is_asked_once_more_where_that_is_safe(served: Project) -> None:
    deploy(served, "a")
    got: dict[str, int] = {}

    def ask(method: str, path: str, content: bytes) -> None:
        got[f"{method} {path}"] = httpx.request(
            method, f"{URL}{path}?seconds=1", content=content, timeout=20
        ).status_code

    row = b'{"rows": [{"id": 1, "x": 3}]}'
    asked = [("GET", "/slow", b""), ("POST", "/predict", row), ("POST", "/slow", row)]
    asking = [threading.Thread(target=ask, args=words) for words in asked]
    for thread in asking:
        thread.start()
    time.sleep(0.5)
    kill(served)
    for thread in asking:
        thread.join()
    assert got == {"GET /slow": 200, "POST /predict": 200, "POST /slow": 502}


def test_a_request_that_kills_is_asked_twice_and_no_more(served: Project) -> None:
    deploy(served, "a")
    answer = httpx.post(f"{URL}/predict", json={"rows": [{"id": 1, "x": "die"}]}, timeout=30)
    assert (answer.status_code, set(answer.json())) == (502, {"error", "detail"})
    assert len((served.environment_state("staging") / "died").read_text().split()) == 2


def test_a_start_that_fails_once_fails_no_request(served: Project) -> None:
    """An engine that could not start the copy at that moment, as a Docker daemon whose network is being set up."""
    deploy(served, "a")
    (served.environment_state("staging") / "broken").write_text("once")
    kill(served)
    assert version_that_answers() == A.version
    now = engine.running(served, "staging")
    assert now is not None
    assert now.restarts == 2


def test_nobody_waits_for_a_release_that_cannot_start_again(served: Project) -> None:
    deploy(served, "a")
    (served.environment_state("staging") / "broken").touch()
    kill(served)
    started = time.monotonic()
    answer = httpx.post(f"{URL}/predict", json={"rows": []}, timeout=30)
    assert (answer.status_code, set(answer.json())) == (503, {"error", "detail"})
    assert answer.headers["retry-after"]
    assert time.monotonic() - started < 15
    (served.environment_state("staging") / "broken").unlink()
    wait_for(lambda: httpx.get(f"{URL}/readyz").status_code == 200)


def test_after_kill_9_of_the_proxy_status_is_right_and_resume_keeps_the_living_copy(served: Project) -> None:
    deploy(served, "a")
    before = engine.running(served, "staging")
    assert before is not None
    os.kill(before.pid, signal.SIGKILL)
    wait_for(lambda: engine.running(served, "staging") is None)
    assert engine.resume(served, "staging", toy_launch(served, "a"), toy_examination(served.root.parent, "a")) == []
    after = engine.running(served, "staging")
    assert after is not None
    assert (after.healthy, after.replica_pid, after.version) == (True, before.replica_pid, A.version)
    assert after.pid != before.pid


def test_after_everything_was_killed_resume_starts_anew_and_is_idempotent(served: Project) -> None:
    deploy(served, "a")
    for pid in processes_of(served):
        os.kill(pid, signal.SIGKILL)
    launch, examine = toy_launch(served, "a"), toy_examination(served.root.parent, "a")
    assert {check.status for check in engine.resume(served, "staging", launch, examine)} == {"pass"}
    first = engine.running(served, "staging")
    assert engine.resume(served, "staging", launch, examine) == []
    assert engine.running(served, "staging") == first
    assert version_that_answers() == A.version


def test_a_copy_left_by_a_killed_deploy_is_swept_by_the_next(served: Project) -> None:
    from mlgate.engine import replica

    orphan = replica.start(toy_launch(served, "b"), served.environ())
    deploy(served, "a")
    assert not replica.alive(orphan)
    assert len(processes_of(served)) == 2


def test_case_18_a_copy_whose_starter_was_killed_before_it_was_recorded_is_found_by_its_mark(served: Project) -> None:
    from mlgate.engine import replica

    orphan = replica.start(toy_launch(served, "b"), served.environ())
    orphan.record.unlink()
    assert engine.stop(served, "staging") is True
    wait_for(lambda: not replica.alive(orphan))
    orphan = replica.start(toy_launch(served, "b"), served.environ())
    orphan.record.unlink()
    deploy(served, "a")
    wait_for(lambda: not replica.alive(orphan))
    assert len(processes_of(served)) == 2
    assert {path.suffix for path in orphan.record.parent.iterdir()} == {".json", ".home"}
    assert version_that_answers() == A.version
    assert engine.stop(served, "staging") is True
    assert list(orphan.record.parent.iterdir()) == []


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where programs put temporary files, this one and its children: empty."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    return folder


def test_no_copy_leaves_a_temporary_file_be_it_stopped_killed_or_replaced(served: Project, temporary: Path) -> None:
    deploy(served, "a")
    killed = engine.running(served, "staging")
    assert killed is not None
    assert len(list(temporary.iterdir())) == 1
    os.kill(killed.replica_pid, signal.SIGKILL)
    wait_for(
        lambda: (now := engine.running(served, "staging")) and now.healthy and now.replica_pid != killed.replica_pid
    )
    kept = Path(httpx.get(f"{URL}/echo").json()["kept"])
    assert len(str(kept)) < len(str(temporary)) + 50, "a socket there may have 108 characters in all"
    assert kept.parents[1] == temporary
    assert kept.parent.stat().st_mode & 0o777 == 0o700
    assert list(temporary.iterdir()) == [kept.parent], "of the copy that was killed nothing is left"
    deploy(served, "b")
    wait_for(lambda: not kept.exists())
    engine.stop(served, "staging")
    assert list(temporary.iterdir()) == []


def test_temporary_files_of_a_copy_whose_starter_was_killed_are_swept(served: Project, temporary: Path) -> None:
    from mlgate.engine import replica

    orphan = replica.start(toy_launch(served, "b"), served.environ())
    wait_for(lambda: list(temporary.glob("*/toy-*")))
    orphan.record.unlink()
    engine.stop(served, "staging")
    assert list(temporary.iterdir()) == []


def test_a_port_in_use_is_named_with_its_owner_and_the_key(served: Project) -> None:
    with socket.create_server(("127.0.0.1", STAGING)), pytest.raises(InfraError) as caught:
        deploy(served, "a")
    assert f"port {STAGING} of staging is in use by {psutil.Process().name()} (pid {os.getpid()})" in str(caught.value)
    assert "serving.ports.staging" in caught.value.mend
    assert processes_of(served) == []


def test_stop_leaves_no_process_and_the_port_free(served: Project) -> None:
    deploy(served, "a")
    assert engine.stop(served, "staging") is True
    assert processes_of(served) == []
    socket.create_server(("127.0.0.1", STAGING)).close()
    assert engine.stop(served, "staging") is False


def test_case_30_sigterm_of_the_proxy_answers_what_is_under_way(served: Project) -> None:
    deploy(served, "a")
    running = engine.running(served, "staging")
    assert running is not None
    got: list[str] = []
    asking = threading.Thread(target=lambda: got.append(httpx.get(f"{URL}/slow?seconds=1", timeout=20).text))
    asking.start()
    time.sleep(0.4)
    os.kill(running.pid, signal.SIGTERM)
    asking.join()
    assert got == [A.version]
    wait_for(lambda: processes_of(served) == [])


def test_a_pid_that_now_belongs_to_another_program_is_never_signalled(served: Project) -> None:
    deploy(served, "a")
    state = state_of(served, "staging")
    proxy = state.proxy()
    assert proxy is not None
    bystander = psutil.Popen(["sleep", "60"], start_new_session=True)
    try:
        forged = proxy.model_copy(update={"pid": bystander.pid})
        engine.stop(served, "staging")
        forged.write(state.proxy_path)
        assert engine.running(served, "staging") is None
        engine.stop(served, "staging")
        assert bystander.is_running()
        assert bystander.status() != psutil.STATUS_ZOMBIE
    finally:
        bystander.kill()
        bystander.wait()


def test_two_environments_run_side_by_side(served: Project) -> None:
    deploy(served, "a")
    launch = toy_launch(served, "b").model_copy(update={"folder": served.environment_state("production")})
    engine.release(served, "production", launch, toy_examination(served.root.parent, "b"))
    assert version_that_answers() == A.version
    answer = httpx.post(f"http://127.0.0.1:{PRODUCTION}/predict", json={"rows": [{"id": 1, "x": 3}]})
    assert answer.headers["x-model-version"] == B.version
    engine.stop(served, "staging")
    assert httpx.get(f"http://127.0.0.1:{PRODUCTION}/readyz").status_code == 200


def test_a_changed_port_moves_the_proxy(served: Project) -> None:
    deploy(served, "a")
    path = served.root / "params.yaml"
    path.write_text(path.read_text().replace(str(STAGING), str(OTHER)))
    moved = Project(served.root)
    deploy(moved, "b")
    assert httpx.get(f"http://127.0.0.1:{OTHER}/readyz").status_code == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{URL}/readyz")


def test_the_proxy_passes_requests_on_unchanged_and_no_more_than_that(served: Project) -> None:
    deploy(served, "a")
    headers = {"X-Mine": "1", "Connection": "keep-alive, x-hop", "X-Hop": "secret", "Host": "model.example"}
    seen = httpx.post(f"{URL}/echo?a=%2F%20&b=", content=b"z" * 3_000_000, headers=headers).json()
    assert (seen["method"], seen["query"], seen["bytes"]) == ("POST", "a=%2F%20&b=", 3_000_000)
    assert (seen["headers"]["x-mine"], seen["headers"]["host"]) == ("1", "model.example")
    assert "x-hop" not in seen["headers"]
    chunked = httpx.put(f"{URL}/echo", content=iter([b"ab", b"cd"])).json()
    assert (chunked["bytes"], chunked["headers"].get("transfer-encoding")) == (4, "chunked")
    bare = httpx.request("DELETE", f"{URL}/echo").json()
    assert (bare["bytes"], "content-type" in bare["headers"]) == (0, False)
    assert httpx.head(f"{URL}/echo").content == b""
    assert httpx.get(f"{URL}/stream").content == b"".join(b"%d" % number * 100_000 for number in range(5))


def test_an_answer_that_broke_off_is_not_passed_on_as_whole(served: Project) -> None:
    deploy(served, "a")
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"{URL}/stream?die=1")


def test_bad_http_is_answered_and_leaves_no_traceback(served: Project, tmp_path: Path) -> None:
    deploy(served, "a")
    evil = [
        b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n" for target in (b"@127.0.0.1:%d/" % PRODUCTION, b"*", b".x/")
    ]
    for words in (
        *evil,
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", STAGING), timeout=5) as client:
            client.sendall(words)
            assert client.recv(100).split(b" ")[1] == b"400"
    assert version_that_answers() == A.version
    assert "Traceback" not in (served.environment_state("staging") / "logs" / "proxy.log").read_text()
