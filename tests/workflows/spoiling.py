"""How a case breaks a file of the project: a line changed, a function wrapped, a table or a model written anew."""

from __future__ import annotations

import io
import json
import re

import pandas as pd
from scene import Scene


def text(scene: Scene, name: str) -> str:
    return (scene.clone / name).read_text(encoding="utf-8")


def changed(before: str, *lines: tuple[str, str]) -> str:
    """The text with each line, found by its start, in the place of the one there."""
    for pattern, line in lines:
        before, found = re.subn(rf"(?m)^{pattern}.*$", line, before, count=1)
        assert found == 1, pattern
    return before


def spoilt(scene: Scene, path: str, name: str, more: str) -> str:
    """A module whose function gives what it gave, and `more` done to it."""
    wrapper = f"\n\n_former = {name}\n\n\ndef {name}(*words):\n    return _former(*words){more}\n"
    return text(scene, path) + wrapper


def parquet(frame: pd.DataFrame) -> bytes:
    out = io.BytesIO()
    frame.to_parquet(out)
    return out.getvalue()


def models(scene: Scene) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((scene.clone / "models").iterdir())}


def in_models(files: dict[str, bytes]) -> dict[str, str | bytes]:
    return {f"models/{name}": content for name, content in files.items()}


def brought(scene: Scene, **files: bytes | dict[str, object]) -> dict[str, str | bytes]:
    """What the artifact `model` leaves in the workspace, with other files in it."""
    said = {name: json.dumps(c).encode() if isinstance(c, dict) else c for name, c in files.items()}
    return in_models(models(scene) | {name.replace("_", "."): content for name, content in said.items()})
