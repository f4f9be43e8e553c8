"""`evaluate` tells how the model does in parts of the holdout, and where it moved; it gates none of them."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from test_evaluate import configure, deploy, project, table, train

from mlgate.errors import ConfigError
from mlgate.ledger import Ledger
from mlgate.project import Project
from mlgate.verbs import evaluate
from mlgate.versions import snapshot

__all__ = ["project"]  # the fixture


def world(signal: float = 1.6, blind: str = "") -> pd.DataFrame:
    """The table of the evaluate tests with a column of three parts; in one of them the inputs may say nothing."""
    frame = table(days=60, signal=signal)
    frame["part"] = np.array(["north", "south", "tiny"])[np.minimum(frame["id"] % 200, 101) // 100 + (frame["id"] == 7)]
    if blind:
        frame.loc[frame["part"] == blind, ["a", "b"]] = 0.0
    return frame


def slices_of(found: Project) -> dict[str, dict]:
    said = json.loads((found.reports / "slices.json").read_text())
    return {entry["slice"]: entry for entry in said["slices"]}


def with_slices(found: Project, *columns: str) -> None:
    path = found.root / "params.yaml"
    path.write_text(path.read_text().replace("capacity: 20,", f"capacity: 20, slices: [{', '.join(columns)}],"))
    found.__dict__.pop("params", None)


def test_without_slices_nothing_is_told(project: Project) -> None:
    train(project, world())
    evaluate.run(project)
    assert not (project.reports / "slices.json").exists()


def test_a_first_release_is_told_by_part_with_intervals(project: Project) -> None:
    with_slices(project, "part")
    train(project, world())
    report = evaluate.run(project)
    assert report.status == "pass"
    found = slices_of(project)
    assert set(found) == {"part=north", "part=south"}
    for entry in found.values():
        low, value, high = (entry["challenger"][key] for key in ("low", "value", "high"))
        assert low < value < high
        assert "difference" not in entry
    assert sum(entry["rows"] for entry in found.values()) == 2_000


def test_the_part_that_got_worse_is_named_and_the_other_is_not(project: Project) -> None:
    configure(project, floor=0.05, margin=0.9)
    with_slices(project, "part")
    deploy(project, train(project, world()))
    champion_knows_the_answers_in(project, "south")
    report = evaluate.run(project)
    found = slices_of(project)
    assert found["part=south"]["moved"] is True
    assert found["part=south"]["difference"]["high"] < 0
    assert found["part=north"]["moved"] is False
    told = [note for note in report.notes if note.startswith("slice ")]
    assert [note.split(":")[0] for note in told] == ["slice part=south"]


def champion_knows_the_answers_in(project: Project, part: str) -> None:
    """Have the ledger keep scores of a champion that is better in one part of the holdout."""
    ledger = Ledger(project)
    release, card = ledger.read("production"), ledger.file("production", "model.json")
    assert release is not None
    assert card is not None
    holdout = pd.read_parquet(project.models / "holdout.parquet")
    raw = pd.read_parquet(project.raw).tail(len(holdout))
    here = (raw["part"] == part).to_numpy()
    better = np.where(here, 0.8 * holdout["score"] + 0.2 * holdout["target"], holdout["score"])
    kept = snapshot.encode(holdout[["row_hash"]].assign(score=better))
    ledger.write("production", release, {"holdout.parquet": kept, "model.json": card}, "better", {})


def test_a_part_with_too_few_cases_says_so(project: Project) -> None:
    with_slices(project, "part")
    frame = world()
    frame.loc[frame.index % 50 == 0, "part"] = "tiny"
    train(project, frame)
    evaluate.run(project)
    assert "a verdict needs" in slices_of(project)["part=tiny"]["unjudged"]


@pytest.mark.parametrize(("column", "words"), [("nowhere", "no column 'nowhere'"), ("who", "slices are for 20")])
def test_a_column_that_makes_no_slices_is_a_configuration_error(project: Project, column: str, words: str) -> None:
    with_slices(project, column)
    train(project, world())
    with pytest.raises(ConfigError, match=words):
        evaluate.run(project)
