"""Releases and images that break the checks of `package`, and what the report of the step must then say.

A case of `IMAGES` needs a container engine and a base; one of `RED` neither.
"""

from __future__ import annotations

import hashlib
import json
import re

from scene import Scene
from skops.io import dumps
from spoiling import brought, changed, models, text
from steps import Case

RED: dict[str, dict[str, str]] = {
    "torn": {"clean-tree": r"not committed: src/model/new\.py", "model-digest": "digest differs"},
    "strange": {"model-types": r"types outside the allow-list: red_releases\.Stranger", "verdict": "red: holdout"},
    "pickled": {"model-format": "loading runs code", "verdict": "red: floor"},
    "wrong": {
        "version": "x-model-version: f{12}, not [0-9a-f]{12}",
        "golden": "20 rows, largest difference 1e-06",
        "contract": "an unknown column was answered by 200",
        "latency": r"2 of the first 2 single rows took .*, and 500 is the most",
    },
}
UNREADY = ("version", "golden", "contract", "latency", "content", "user", "stop")
IMAGES: dict[str, dict[str, str]] = {
    "spoilt": {
        "image-version": "x-model-version: f{12}, not [0-9a-f]{12}",
        "image-golden": "20 rows, largest difference 1e-06",
        "image-contract": "an unknown column was answered by 200",
        "image-latency": r"p50 \d+\.\d ms, p95 \d{3,}\.\d ms of 200 requests",
        "image-content": "compilers: /bin/gcc, /usr/bin/gcc",
        "image-user": "runs as user 0",
        "image-stop": "ended with 137 after",
        "image-size": r"[89]\d\d MB; base \d+ \+ libraries \d+ = \d+ MB",
        "image-same": r"^layer 6 of 6: sha256:\w{12}… and sha256:\w{12}…$",
    },
    "dead": {
        "image-ready": "never ready: .*No module named no_such_module",
        **dict.fromkeys((f"image-{name}" for name in UNREADY), "the image was not ready"),
    },
}


class Stranger:
    """A type that no allow-list names."""

    def __init__(self) -> None:
        self.value = 1


def cases(scene: Scene) -> dict[str, Case]:
    """Bentos that are refused, or that answer wrongly once they are started."""
    made = models(scene)
    card = json.loads(made["model.json"])
    torn = made["model.skops"][:-1] + bytes([made["model.skops"][-1] ^ 1])
    strange = bytes(dumps(Stranger()))
    of_strange = card | {"digest": f"sha256:{hashlib.sha256(strange).hexdigest()}"}
    strict = changed(text(scene, "params.yaml"), (r"    threshold: ", "    threshold: 0.999"))
    pickled = brought(scene, model_json=card | {"format": "joblib"})
    return {
        "torn": Case("build-image", left=brought(scene, model_skops=torn) | {"src/model/new.py": ""}),
        "strange": Case("build-image", left=brought(scene, model_skops=strange, model_json=of_strange)),
        "pickled": Case("build-image", {"params.yaml": strict}, pickled),
        "wrong": Case("build-image", {"src/mlgate/serving/front.py": _wrong(scene)}, brought(scene)),
    }


def images(scene: Scene, base: str, repository: str) -> dict[str, Case]:
    """An image as it should be, one in which all is wrong that can be while it answers, and one that never does."""
    lines = ((r"  base: ", f'  base: "{base}"'), (r"  repository: ", f'  repository: "{repository}"'))
    params = changed(text(scene, "params.yaml"), *lines)
    recipe, front = "src/mlgate/image/context.py", {"src/mlgate/serving/front.py": _wrong(scene)}
    spoilt = {recipe: text(scene, recipe) + SPOILT, **front}
    dead = {recipe: text(scene, recipe) + DEAD}
    twice = {"twice": "true"}
    return {
        "sound": Case("build-image", {"params.yaml": params}, brought(scene), inputs=twice),
        "spoilt": Case("build-image", {"params.yaml": params, **spoilt}, brought(scene), inputs=twice),
        "dead": Case("build-image", {"params.yaml": params, **dead}, brought(scene)),
    }


# Root, killed rather than told to stop; with a compiler, 250 MB of nothing, and a layer that holds when it was made.
SPOILT = """

_former = dockerfile


def dockerfile(base: Base, epoch: int) -> str:
    spoil = "open('/usr/bin/gcc', 'w').close(); open('/mlgate/nothing', 'w').truncate(250_000_000)"
    step = f"RUN {json.dumps([base.executable, '-c', spoil])}"
    text = _former(base, epoch).replace(f"USER {inside.USER}:{inside.USER}", step)
    return text.replace("STOPSIGNAL SIGTERM", "STOPSIGNAL SIGKILL")
"""
DEAD = """

_former = dockerfile


def dockerfile(base: Base, epoch: int) -> str:
    return _former(base, epoch).replace('"bentoml"', '"no_such_module"')
"""


def _wrong(scene: Scene) -> str:
    """The service's door, so that it says another version and other scores, refuses nothing, and has slow moments."""
    door = text(scene, "src/mlgate/serving/front.py")
    spoil = "        status, body, headers = await _spoil(status, body)\n"
    door, found = re.subn(r"(?m)^(?=        await send\({\"type\": \"http.response.start\")", spoil, door)
    assert found == 1
    return door + SLOW


# Of thirty single rows the first two take long: more than the one in twenty that is allowed.
SLOW = """

_single = -1


async def _spoil(status: int, body: bytes) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
    global _single
    rows = json.loads(body)["predictions"] if status == 200 else []
    _single += len(rows) == 1
    await asyncio.sleep(0.6 if len(rows) == 1 and _single % 30 < 2 else 0)
    body = json.dumps({"predictions": [{**row, "score": row["score"] + 1e-6} for row in rows]}).encode()
    said = {b"content-type": b"application/json", b"x-model-version": b"f" * 12}
    return 200, body, [*said.items(), (b"content-length", str(len(body)).encode())]
"""
