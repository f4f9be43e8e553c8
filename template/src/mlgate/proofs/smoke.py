"""Bad services for every check of the smoke test: real answers over HTTP, each wrong in one way."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from mlgate.engine.smoke import smoke
from mlgate.proofs.proof import Proof
from mlgate.report import Check

VERSION = "0123456789ab"
SCORES = [0.25, 0.5, 0.125]
CHECKS = ("version", "golden", "contract", "latency")
LATENCY_MS = 500.0


def proofs(scratch: Path) -> dict[str, Proof]:
    """Proofs for the checks of the smoke test, against a service of this module on a free loopback port."""
    golden = scratch / "golden.json"
    golden.write_text(json.dumps({"rows": [{"a": n} for n in range(len(SCORES))], "scores": SCORES}), encoding="utf-8")

    def ask(check: str, **wrong: Any) -> Callable[[], Check]:
        def run() -> Check:
            with _service(**wrong) as url:
                return next(found for found in smoke(url, golden, VERSION, LATENCY_MS) if found.id == check)

        return run

    return {
        "version": Proof(ask("version"), {"another version": ask("version", version="f" * 12)}),
        "golden": Proof(
            ask("golden"),
            {
                "a score off by a millionth": ask("golden", scores=[0.25, 0.500001, 0.125]),
                "a score missing": ask("golden", scores=SCORES[:2]),
                "a score that is no number": ask("golden", scores=[0.25, None, 0.125]),
                "an error": ask("golden", status=500),
            },
        ),
        "contract": Proof(ask("contract"), {"nonsense answered": ask("contract", refusal=200)}),
        "latency": Proof(ask("latency"), {"a second a row": ask("latency", seconds=1.0)}),
    }


@contextmanager
def _service(
    version: str = VERSION, scores: list[Any] | None = None, status: int = 200, refusal: int = 422, seconds: float = 0
) -> Iterator[str]:
    """A service that answers the golden rows with `scores`, a single row after `seconds`, and an unknown column with
    `refusal`."""
    answer = {"model_version": version, "predictions": [{"score": score} for score in scores or SCORES]}

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            rows = json.loads(body)["rows"]
            known = all("a" in row for row in rows)
            time.sleep(seconds if len(rows) == 1 and known else 0)
            content = json.dumps(answer if known else {"error": "no such column"}).encode()
            self.send_response(status if known else refusal)
            self.send_header("x-model-version", version)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Stay quiet: the verdict is the output."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
