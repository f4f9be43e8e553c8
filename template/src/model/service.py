"""The BentoML service: rows in, predictions out; what it does with them is in `mlgate.serving.runtime`.

`mlgate.serving.front` answers POST /predict before BentoML does: strict JSON, no traceback for a bad request, and
several times the speed. The method below describes the route to BentoML's clients and is never called over HTTP.
Importing this module must stay light, as `bentoml build` and the supervisor import it without ever predicting.
"""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one row is too small to share; the engine scales by processes

import bentoml

from mlgate.serving.front import Front
from mlgate.serving.replica import Replica

REPLICA = Replica()


@bentoml.service(
    name="model",
    workers=1,
    logging={"access": {"enabled": False}},
    metrics={"enabled": True},
    tracing={"excluded_urls": ["/predict"]},  # spans that nobody collects would cost more than a prediction
)
class Service:
    """One release. `/readyz` is red until it has made its first prediction, and again while it drains."""

    def __init__(self) -> None:
        REPLICA.start()
        REPLICA.drain_on_sigterm()

    @bentoml.api(route="/predict")  # type: ignore[untyped-decorator]
    def predict(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """Rows as `model.schema.Inputs` has them; {"model_version": …, "predictions": [{…}]}."""
        raise bentoml.exceptions.NotFound("answered by mlgate.serving.front")

    async def __is_ready__(self) -> bool:
        return REPLICA.ready

    async def __is_alive__(self) -> bool:
        return not REPLICA.failed

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    def stop(self) -> None:
        REPLICA.close()


Service.add_asgi_middleware(Front, replica=REPLICA)  # type: ignore[attr-defined]
