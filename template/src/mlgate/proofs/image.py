"""Bad images for every check that `package --try` makes: each measurement as a wrong image would give it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mlgate.image import verdicts
from mlgate.image.compare import differences
from mlgate.proofs import smoke
from mlgate.proofs.proof import Proof
from mlgate.report import Check

CHECKS = tuple(verdicts.TITLES)
MB = 1_000_000
CLEAN: dict[str, list[str]] = {"compilers": [], "installers": [], "tests": [], "data": []}
SAFE = {"uid": 10001, "capabilities": 0, "no_new_privileges": 1, "writable": [], "kept": []}
LAYERS = ["sha256:" + digit * 64 for digit in "123"]


def proofs(scratch: Path) -> dict[str, Proof]:
    """Proofs of the verdicts on an image; what a service answers comes from the smoke test's own bad services."""
    asked = {f"image-{name}": _renamed(proof) for name, proof in smoke.proofs(scratch).items()}
    return {**asked, **_measured(), **_looked()}


def _renamed(proof: Proof) -> Proof:
    def through(run: Callable[[], Check]) -> Callable[[], Check]:
        return lambda: verdicts.smoked([run()])[0]

    bad = {name: through(run) for name, run in proof.bad.items()}
    name = proof.good().id
    silent = {
        "an image that never answers": lambda: next(c for c in verdicts.unready(60, "") if c.id == f"image-{name}")
    }
    return Proof(through(proof.good), bad | silent)


def _measured() -> dict[str, Proof]:
    quick, slow = [5.0] * 95, [900.0] * 10
    return {
        "image-ready": Proof(
            lambda: verdicts.ready(3.0, 60),
            {"too late": lambda: verdicts.ready(61.0, 60), "never": lambda: verdicts.ready(None, 60, "ImportError")},
        ),
        "image-latency": Proof(
            lambda: verdicts.latency(quick, 500),
            {
                "one in ten is slow": lambda: verdicts.latency(quick + slow, 500),
                "no answers": lambda: verdicts.latency([], 500),
                "a time that is no number": lambda: verdicts.latency([*quick, float("nan")], 500),
            },
        ),
        "image-size": Proof(
            lambda: verdicts.size(700 * MB, 124 * MB, 463 * MB, 1.35),
            {
                "a gigabyte of something": lambda: verdicts.size(1_700 * MB, 124 * MB, 463 * MB, 1.35),
                "an unknown base": lambda: verdicts.size(700 * MB, 0, 463 * MB, 1.35),
            },
        ),
        "image-stop": Proof(
            lambda: verdicts.stopped(0, 1.2, 30),
            {
                "killed": lambda: verdicts.stopped(137, 30.1, 30),
                "still there": lambda: verdicts.stopped(None, 30.1, 30),
                "an error at the end": lambda: verdicts.stopped(1, 1.2, 30),
            },
        ),
    }


def _same(*other: str) -> Callable[[], Check]:
    return lambda: verdicts.reproducible(differences(LAYERS, other), len(LAYERS))


def _looked() -> dict[str, Proof]:
    def found(**more: list[str]) -> Callable[[], Check]:
        return lambda: verdicts.content({**CLEAN, **more})

    def who(**other: object) -> Callable[[], Check]:
        return lambda: verdicts.user({**SAFE, **other})

    return {
        "image-content": Proof(
            found(),
            {
                "a compiler": found(compilers=["/usr/bin/gcc"]),
                "pip": found(installers=["pip"]),
                "a test": found(tests=["/mlgate/bento/src/test_model.py"]),
                "data": found(data=["/mlgate/bento/src/rows.csv"]),
            },
        ),
        "image-user": Proof(
            who(),
            {
                "root": who(uid=0),
                "capabilities": who(capabilities=1),
                "privileges to gain": who(no_new_privileges=0),
                "a root that can be written": who(writable=["/"]),
                "a root that is not read-only": who(kept=["/"]),
                "a volume of its base": who(kept=["/data"]),
                "nothing known": lambda: verdicts.user({}),
            },
        ),
        "image-same": Proof(
            _same(*LAYERS),
            {
                "another layer": _same(*LAYERS[:2], "sha256:" + "4" * 64),
                "a layer more": _same(*LAYERS, LAYERS[0]),
                "no layers": _same(),
            },
        ),
    }
