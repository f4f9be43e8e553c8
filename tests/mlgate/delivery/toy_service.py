"""A service that starts in half a second and answers as BentoML would; its faults are chosen by the command line."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

port, version, fault = int(sys.argv[1]), sys.argv[2], sys.argv[3]
kept = Path(tempfile.mkdtemp(prefix="toy-"))  # BentoML leaves such folders when it is killed


async def ready(request: Request) -> Response:
    return PlainTextResponse("", 503 if fault == "never-ready" else 200)


async def predict(request: Request) -> Response:
    rows = (await request.json())["rows"]
    if rows and "transaction_id" in rows[0]:
        return await payments(rows)
    if "seconds" in request.query_params:
        await asyncio.sleep(float(request.query_params["seconds"]))
    if any(row.get("x") == "die" for row in rows):
        with (Path(os.environ["MLGATE_ENVIRONMENT_STATE"]) / "died").open("a") as stream:
            stream.write("again ")
        os._exit(1)
    if any(row.get("x") == "grow" for row in rows):
        _ = bytearray(os.urandom(1_000_000)) * 600
    said = "someone-else" if fault == "wrong-version" else version
    if any("x" not in row for row in rows):
        status = 500 if fault == "crashes-on-nonsense" else 400
        return JSONResponse({"error": "unknown column", "detail": []}, status, headers={"x-model-version": said})
    if fault == "slow" and len(rows) == 1:
        await asyncio.sleep(0.6)
    offset = 0.25 if fault == "wrong-scores" else 0.0
    predictions = [{"id": row.get("id"), "score": row["x"] / 10 + offset} for row in rows]
    return JSONResponse({"model_version": said, "predictions": predictions}, headers={"x-model-version": said})


async def payments(rows: list[dict[str, Any]]) -> Response:
    """Answers replayed payments; keeps what it got in a file, and dies once where it was told to."""
    state = Path(os.environ["MLGATE_ENVIRONMENT_STATE"])
    if (state / "die").exists():
        (state / "die").unlink()
        os._exit(1)
    if any(row["amount"] == 66.6 for row in rows):
        return JSONResponse({"error": "no", "detail": [{"loc": ["rows", 0, "amount"], "msg": "no"}]}, 422)
    with (state / "got.jsonl").open("a") as stream:
        stream.writelines(json.dumps(row) + "\n" for row in rows)
    predictions = [{"transaction_id": row["transaction_id"], "score": min(row["amount"], 999) / 1000} for row in rows]
    return JSONResponse({"predictions": predictions}, headers={"x-model-version": version})


async def slow(request: Request) -> Response:
    await asyncio.sleep(float(request.query_params["seconds"]))
    return PlainTextResponse(version)


async def echo(request: Request) -> Response:
    seen = {"method": request.method, "path": request.url.path, "query": request.url.query}
    body = await request.body()
    return JSONResponse(
        {**seen, "headers": dict(request.headers), "bytes": len(body), "pid": os.getpid(), "kept": str(kept)}
    )


async def stream(request: Request) -> Response:
    async def parts() -> AsyncIterator[bytes]:
        for number in range(5):
            yield b"%d" % number * 100_000
            await asyncio.sleep(0.01)
        if "die" in request.query_params:
            os._exit(1)

    return StreamingResponse(parts())


broken = Path(os.environ["MLGATE_ENVIRONMENT_STATE"], "broken")
if fault == "dies-at-start" or broken.exists():
    if broken.exists() and broken.read_text() == "once":
        broken.unlink()
    sys.exit("RuntimeError: the model cannot be read")
if fault == "abrupt":  # it finishes nothing once it is told to end
    uvicorn.Server.handle_exit = lambda *_: os._exit(1)  # type: ignore[method-assign]
routes = [
    Route("/readyz", ready),
    Route("/predict", predict, methods=["POST"]),
    Route("/slow", slow, methods=["GET", "POST"]),
]
routes += [Route("/stream", stream), Route("/echo", echo, methods=["GET", "POST", "PUT", "HEAD", "DELETE"])]
uvicorn.run(Starlette(routes=routes), host=os.environ.get("TOY_HOST", "127.0.0.1"), port=port, log_level="warning")
