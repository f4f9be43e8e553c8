"""Live traffic that each check of `monitor` warns of, and what the report of the step must then say and decide."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
from scene import Scene
from spoiling import text
from steps import Case, Files
from traffic import LOG, REFERENCE, labelled, logged, reference, traffic, watching

OFTEN = "in 3 of the last 3 windows"
MOVED = rf"distribution moved: 0\.\d+ \(distance 0 to 1\), expected below 0\.\d+, {OFTEN}"
# Case → the decision, and check → what its evidence says. No other check of that report may be red.
RED: dict[str, tuple[str, dict[str, str]]] = {
    "moved": (
        "retrain",
        {
            "data-drift/amount": MOVED,
            "data-drift/kind": rf"values never seen: \d\.\d %, expected below \d\.\d %, {OFTEN}",
            "prediction-drift": MOVED,
        },
    ),
    "lost": ("investigate", {"data-drift/gap": rf"more is missing: \d\.\d %, expected below \d\.\d %, {OFTEN}"}),
    "rescored": ("investigate", {"prediction-drift": MOVED}),
    "decayed": ("retrain", {"performance": r"300 rows; holdout 0\.\d+; sum \d+\.\d, an alarm from 4; 900 of 900"}),
    "silent": ("investigate", {"silence": "window from 03-1[0-9]; the reference has 300 there"}),
}
DAYS = 3


def cases(scene: Scene) -> dict[str, Case]:
    """The three days after the reference, in the same words as production's service would log them."""
    frame, times = traffic(7, REFERENCE + DAYS)
    other, _ = traffic(7, REFERENCE + DAYS, REFERENCE)
    higher = frame["score"] ** 0.5
    profile, params = reference(), text(scene, "params.yaml")

    def watched(name: str, rows: pd.DataFrame, sign: int = 1, **inputs: str) -> Case:
        folder, labels = scene.folder / "predictions" / name, scene.folder / f"labels-{name}.csv"
        folder.mkdir(parents=True)
        labels.write_text(labelled(frame, times, sign), encoding="utf-8")
        (folder / LOG).write_text(logged(scene, rows, times), encoding="utf-8")
        files: Files = {"params.yaml": watching(params, folder, labels)}
        return Case("check-drift", files, ledger={"profile.json": profile.encode()}, inputs=inputs)

    later = (times.max() + timedelta(days=10)).isoformat()
    return {
        "quiet": watched("quiet", frame),
        "moved": watched("moved", frame.assign(amount=2 * frame["amount"], kind=other["kind"], score=higher)),
        "lost": watched("lost", frame.assign(gap=other["gap"])),
        "rescored": watched("rescored", frame.assign(score=higher)),
        "decayed": watched("decayed", frame, sign=-1),
        "silent": watched("silent", frame, **{"as-of": later}),
    }
