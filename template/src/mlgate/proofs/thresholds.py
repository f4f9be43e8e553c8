"""Changes of `params.yaml` that loosen a threshold: each must be red as long as nobody agreed to it."""

from __future__ import annotations

from collections.abc import Callable

from mlgate.errors import ConfigError
from mlgate.gates.metrics import find
from mlgate.params import Params
from mlgate.project import Project
from mlgate.proofs.proof import Proof
from mlgate.quality.loosened import judge
from mlgate.report import Check

CHECKS = ("thresholds",)


def proofs(project: Project) -> dict[str, Proof]:
    """A proof made from the project's own parameters."""
    now = project.params
    gates = now.gates
    worse = -1.0 if find(gates.metric, now.data.task).higher_is_better else 1.0
    floor = gates.floor.model_copy(update={"threshold": gates.floor.threshold + worse})
    champion = gates.champion.model_copy(update={"margin": 2 * gates.champion.margin})
    fewer = now.quality.model_copy(update={"min_rows": now.quality.min_rows - 1})
    bad = {
        "a lower floor": _against(now, now.model_copy(update={"gates": gates.model_copy(update={"floor": floor})})),
        "a wider margin": _against(
            now, now.model_copy(update={"gates": gates.model_copy(update={"champion": champion})})
        ),
        "fewer rows": _against(now, now.model_copy(update={"quality": fewer})),
        "a former file that can't be read": lambda: judge(ConfigError("damaged"), now, "before", False),
    }
    return {"thresholds": Proof(_against(now, now), bad)}


def _against(old: Params, new: Params) -> Callable[[], Check]:
    return lambda: judge(old, new, "before", False)
