"""The service over HTTP: what it answers, refuses, remembers and logs. One server for the whole module."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from serving_bundle import Bundle, as_rows

from mlgate.serving.prediction_log import read
from mlgate.serving.pseudonym import pseudonym

KEY = "a key for tests, long enough"
DEPLOY = Path(__file__).resolve().parents[3] / "template" / "deploy"


@pytest.fixture(scope="module")
def server(start: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with start(tmp_path_factory.mktemp("state"), MLGATE_PSEUDONYM_KEY=KEY) as running:
        yield running
        log = running.log.read_text()
        assert "Traceback" not in log
        assert " 500 " not in log


@pytest.fixture(scope="module")
def served(server: Any, bundle: Bundle) -> list[dict[str, Any]]:
    """Answers for the transactions after the release, in order: a hundred one by one, then a hundred at once."""
    rows = as_rows(bundle.next.head(200))
    answers: list[dict[str, Any]] = []
    for part in [*([row] for row in rows[:100]), rows[100:]]:
        status, body, headers = server.post({"rows": part})
        assert status == 200, body
        assert headers["x-model-version"] == body["model_version"]
        answers += body["predictions"]
    return answers


def test_features_with_history_agree_exactly_online_and_offline(served: list[Any], bundle: Bundle) -> None:
    assert [answer["score"] for answer in served] == bundle.offline(bundle.next.head(200))
    assert [answer["transaction_id"] for answer in served] == bundle.next["transaction_id"].head(200).tolist()


def test_the_pipeline_is_lifted_and_metrics_say_why_the_features_are_not(server: Any) -> None:
    assert server.count('mlgate_fast_path{part="pipeline",reason=""}') == 1
    off = [line for line in server.get("/metrics")[1].splitlines() if line.startswith("mlgate_fast_path")]
    assert sum(line.endswith('reason="features look back on earlier rows (HISTORY)"} 0.0') for line in off) == 3
    assert "fast path, features: off, features look back" in server.log.read_text()


def test_every_prediction_is_logged_under_a_pseudonym_and_without_personal_data(
    server: Any, served: list[Any], bundle: Bundle
) -> None:
    folder = server.state / "predictions"
    server.wait_for(lambda: len(read(folder)) == len(served))
    frame = read(folder).set_index("row")
    for answer in served:
        assert frame["score"][pseudonym(answer["transaction_id"], KEY.encode())] == answer["score"]
    assert frame["amount"].sum() == pytest.approx(bundle.next["amount"].head(200).sum())
    keys = {key for path in folder.iterdir() for text in path.read_text().splitlines() for key in json.loads(text)}
    assert keys == {"time", "event_time", "version", "data_digest", "row", "score", "features"}
    assert not {"customer_id", "terminal_id", "transaction_id"} & set(frame.columns)
    assert server.count('mlgate_prediction_log_total{outcome="written"}') >= len(served)


def test_a_probe_is_answered_but_neither_remembered_nor_counted_as_traffic(
    server: Any, served: list[Any], bundle: Bundle
) -> None:
    last = as_rows(bundle.next.iloc[[199]])[0]
    first = last | {"transaction_id": 10**15, "timestamp": "2026-03-20T00:00:00"}
    second = first | {"transaction_id": 10**15 + 1, "timestamp": "2026-03-20T00:00:01"}
    probe = {"x-mlgate-probe": "1"}
    alone = server.post({"rows": [second]}, probe)[1]
    server.post({"rows": [first]}, probe)
    assert server.post({"rows": [second]}, probe)[1] == alone
    folder = server.state / "predictions"
    server.wait_for(lambda: len(read(folder, probes=True)) >= len(served) + 2)
    assert len(read(folder)) == len(served)


BAD = [
    ("amount", "NaN", 422),
    ("amount", "Infinity", 422),
    ("amount", "1e400", 422),
    ("amount", '"12"', 422),
    ("amount", "-1", 422),
    ("customer_id", "9223372036854775808", 422),
    ("customer_id", "1.5", 422),
    ("customer_id", "null", 422),
    ("customer_id", '1, "customer_id": 2', 422),
    ("timestamp", '"soon"', 422),
    ("timestamp", "1", 422),
    ("category", '"\\ud800"', 422),
    ("category", '"a\\u0000"', 422),
    ("category", "[" * 5000, 400),
]


def test_an_integer_written_with_a_point_gets_the_same_answer(server: Any, bundle: Bundle) -> None:
    row, probe = as_rows(bundle.next.head(1))[0], {"x-mlgate-probe": "1"}
    whole = {name: float(row[name]) for name in ("transaction_id", "customer_id", "terminal_id")}
    status, body, _ = server.post({"rows": [row | whole]}, probe)
    assert (status, body) == (200, server.post({"rows": [row]}, probe)[1])
    assert isinstance(body["predictions"][0]["transaction_id"], int)


@pytest.mark.parametrize(("field", "text", "status"), BAD)
def test_case_27_a_bad_value_gets_4xx_that_names_the_field(
    server: Any, bundle: Bundle, field: str, text: str, status: int
) -> None:
    row = json.dumps(as_rows(bundle.next.head(1))[0] | {field: "@"}).replace('"@"', text)
    answered, body, _ = server.post('{"rows": [' + row + "]}")
    assert answered == status
    if status == 422:
        assert ["rows", 0, field] in [problem["loc"] for problem in body["detail"]]


def test_case_27_every_request_that_its_own_description_suggests_is_accepted_and_no_other_answer_is_undescribed(
    server: Any, tmp_path: Path
) -> None:
    url = f"http://127.0.0.1:{server.port}/docs.json"
    options = ["--max-examples", "50", "--seed", "27", "--no-color"]
    command = [sys.executable, "-m", "schemathesis.cli", "run", url, *options]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 generated" not in done.stdout


def test_case_29_what_is_not_plain_json_is_refused_by_its_type(server: Any) -> None:
    pickle = {"content-type": "application/vnd.bentoml+pickle"}
    assert server.post(b"\x80\x04N.", pickle)[0] == 415
    assert server.post("rows", {"content-type": "multipart/form-data; boundary=x"})[0] == 415
    assert server.post("{}", {"content-type": "text/plain"})[0] == 415
    assert server.post(b"\x1f\x8b", {"content-encoding": "gzip"})[0] == 415
    assert server.post("{}", {"content-type": "application/json; charset=utf-8"})[0] == 422


def test_case_29_an_oversize_request_is_refused_before_it_is_read(server: Any) -> None:
    assert server.post(b" " * 200_001)[0] == 413
    head = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    assert _raw(server.port, head + b"content-length: 999999999999\r\n\r\n").startswith(b"HTTP/1.1 413")


def test_case_29_an_oversize_request_in_chunks_is_cut_off(server: Any) -> None:
    head = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    chunk = b"2710\r\n" + b" " * 10_000 + b"\r\n"
    assert _raw(server.port, head + chunk * 21).startswith(b"HTTP/1.1 413")


def _raw(port: int, content: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(content)
        return connection.recv(4096)


def test_case_29_a_request_that_never_ends_is_given_up_while_others_are_answered(server: Any, bundle: Bundle) -> None:
    head = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"
    slow = [socket.create_connection(("127.0.0.1", server.port), timeout=30) for _ in range(50)]
    for connection in slow:
        connection.sendall(head)
    row = as_rows(bundle.next.tail(1))
    assert all(server.post({"rows": row}, {"x-mlgate-probe": "1"})[0] == 200 for _ in range(5))
    for connection in slow:
        assert connection.recv(4096).startswith(b"HTTP/1.1 408")
        connection.close()


def test_other_paths_and_methods_are_refused(server: Any) -> None:
    assert server.get("/nowhere")[0] == 404
    assert server.get("/predict")[0] == 405
    assert server.get("/livez")[0] == server.get("/readyz")[0] == 200


def test_the_description_names_every_column_and_every_answer(server: Any) -> None:
    content = json.loads(server.get("/docs.json")[1])
    row = content["components"]["schemas"]["Row"]
    assert row["required"] == [
        "transaction_id",
        "timestamp",
        "customer_id",
        "terminal_id",
        "amount",
        "category",
    ]
    assert {"200", "400", "413", "415", "422"} <= content["paths"]["/predict"]["post"]["responses"].keys()


def test_speed_is_printed(server: Any, bundle: Bundle) -> None:
    body = json.dumps({"rows": as_rows(bundle.next.tail(1))})
    connection = server.connect()
    seconds = []
    for _ in range(50):
        started = time.perf_counter()
        connection.request("POST", "/predict", body, {"content-type": "application/json", "x-mlgate-probe": "1"})
        assert connection.getresponse().read()
        seconds.append(time.perf_counter() - started)
    connection.close()
    print(f"one row, one client: median {sorted(seconds)[25] * 1e3:.1f} ms")


def test_state_holds_only_what_is_meant(server: Any) -> None:
    names = {path.name.split("-")[0] for path in Path(server.state).iterdir()}
    assert names <= {"history", "predictions"}


def test_scores_are_counted_by_cell_so_that_two_releases_can_be_compared(
    server: Any, bundle: Bundle, served: list[Any]
) -> None:
    edges = [0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.5, 0.7, 0.9]
    places = [f"{max(edge for edge in edges if edge <= answer['score']):g}" for answer in served]
    before = {cell: server.count(f'mlgate_scores_total{{cell="{cell}"') for cell in (f"{edge:g}" for edge in edges)}
    assert all(before[cell] >= places.count(cell) for cell in before)
    rows = as_rows(bundle.next.head(20))
    status, body, _ = server.post({"rows": rows}, {"x-mlgate-probe": "smoke"})
    assert status == 200
    server.wait_for(lambda: server.count("mlgate_scores_total") == sum(before.values()))
    lines = [line for line in server.get("/metrics")[1].splitlines() if line.startswith("mlgate_scores_total")]
    assert len(lines) == len(edges)  # those without a score too: a comparison needs both sides
    assert all(f'version="{body["model_version"]}"' in line for line in lines)


def test_every_metric_and_label_that_a_canary_is_judged_by_is_there(server: Any, served: list[Any]) -> None:
    queries = (DEPLOY / "canary" / "analysis.yaml").read_text(encoding="utf-8")
    asked = re.findall(r"\b((?:mlgate|bentoml)_[a-z_]+)\{([^}]*(?:\}\}[^}]*)*)\}\[", queries)
    given = {"namespace", "pod"}  # by Prometheus
    assert len({name for name, _ in asked}) == 4
    server.post("nonsense")  # an error is counted once there is one
    text = server.get("/metrics")[1]
    for name, matchers in asked:
        labels = set(re.findall(r"([a-z_]+)=~?\"", matchers)) - given
        lines = [line for line in text.splitlines() if line.startswith(name + "{")]
        assert lines, name
        assert all(f'{label}="' in lines[0] for label in labels), (name, labels)
    assert 'endpoint="/predict"' in "".join(line for line in text.splitlines() if line.startswith("bentoml_"))
