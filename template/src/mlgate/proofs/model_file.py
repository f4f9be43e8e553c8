"""Bad model files: a pickle, a type that is not on our list, a byte changed."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

from mlgate.errors import MlgateError
from mlgate.packing.release import read_card
from mlgate.project import Project
from mlgate.proofs.proof import Proof
from mlgate.report import Check
from mlgate.training import modelfile


class Stranger:
    """A type that no allow-list names."""

    def __init__(self) -> None:
        self.value = 1


def proofs(project: Project, scratch: Path) -> dict[str, Proof]:
    """Proofs for the checks of a model file; the good input is the model in `models/`."""
    card = read_card(project.models)
    path = project.models / card.file
    content = path.read_bytes()
    if card.format != "skops":
        reason = "src/model/model.py declares joblib: the digest alone protects the file"
        proof = Proof(_loads("model-format", path, card.digest), {}, unless=reason)
        return {"model-format": proof, "model-types": proof, "model-digest": _digest(path, card.digest, scratch)}
    return {
        "model-format": Proof(
            _accepts("model-format", content),
            {
                "a pickle": _accepts("model-format", pickle.dumps({"a": 1})),
                "no archive": _accepts("model-format", b"x"),
            },
        ),
        "model-types": Proof(
            _accepts("model-types", content), {"a type outside the list": _accepts("model-types", _stranger())}
        ),
        "model-digest": _digest(path, card.digest, scratch),
    }


def _digest(path: Path, digest: str, scratch: Path) -> Proof:
    changed = scratch / path.name
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    changed.write_bytes(bytes(content))
    bad = {"one bit changed": _loads("model-digest", changed, digest)}
    return Proof(_loads("model-digest", path, digest), bad)


def _stranger() -> bytes:
    from skops.io import dumps

    return bytes(dumps(Stranger()))


def _accepts(name: str, content: bytes) -> Callable[[], Check]:
    return _checked(name, lambda: modelfile.check(content))


def _loads(name: str, path: Path, digest: str) -> Callable[[], Check]:
    return _checked(name, lambda: modelfile.load(path, digest))


def _checked(name: str, work: Callable[[], object]) -> Callable[[], Check]:
    def run() -> Check:
        try:
            work()
        except MlgateError as error:
            return Check(id=name, title=name, status="fail", evidence=str(error), mend=error.mend)
        return Check(id=name, title=name, status="pass")

    return run
