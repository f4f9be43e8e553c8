"""Every file that adopt writes, as path -> content: code, tests, params.yaml, the README's section, the data card."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mlgate.adopt import choose, code, code_model
from mlgate.adopt.code_text import render
from mlgate.adopt.columns import Column, Findings, Wishes
from mlgate.params import Params

START, END = "<!-- adopt:start -->", "<!-- adopt:end -->"
PLACEHOLDER = choose.Gates("", 0.5, 0.05, "", "", "", "")
TREES = {"max_iter": 100, "learning_rate": 0.1, "max_leaf_nodes": 31, "min_samples_leaf": 20, "l2_regularization": 1.0}
CLASSES, RIDGE = {"C": 1.0, "max_iter": 2_000}, {"alpha": 1.0}


def sources(found: Findings, params: Params) -> dict[str, str]:
    """`src/model` and its tests."""
    file = shown(found.path)
    made = {
        "src/model/data.py": code.data(found, file),
        "src/model/schema.py": code.schema(found, file, params.project.owner),
        "src/model/features.py": code_model.features(found),
        "src/model/model.py": code_model.model(found),
    }
    return made | code.tests(found)


def params_yaml(found: Findings, params: Params, wishes: Wishes, path: str, gates: choose.Gates | None) -> str:
    """`params.yaml`; project, serving, image, deploy stay as they were. Without `gates`, those that only parse."""
    settled = gates or replace(
        PLACEHOLDER, metric={"regression": "mae", "multiclass": "accuracy"}.get(found.task, "roc_auc")
    )
    return render(
        "params",
        {found.task} | ({"until"} if wishes.until else set()),
        {
            "file": shown(found.path),
            **{name: quoted(getattr(params.project, name)) for name in ("name", "slug", "owner", "description")},
            **_data_section(found, wishes, path),
            **_quality_and_split(found),
            "model": "\n".join(f"  {name}: {number(value)}" for name, value in _model(found).items()),
            "metric": settled.metric,
            "metric_words": settled.metric_words,
            "floor": number(settled.floor),
            "floor_words": settled.floor_words,
            "margin": number(settled.margin),
            "margin_words": settled.margin_words,
            **_monitor_section(found),
            "serving": _mapping(params.serving.model_dump(mode="json", exclude_unset=True), "  "),
            **{name: _mapping(getattr(params, name).model_dump(mode="json"), "  ") for name in ("image", "deploy")},
        },
    )


def _data_section(found: Findings, wishes: Wishes, path: str) -> dict[str, str]:
    key, time, cluster = (found.by_role(role) for role in ("identifier", "time", "cluster"))
    return {
        "task": found.task,
        "target": quoted(found.target.name),
        "positive": quoted(found.classes[1]) if found.task == "binary" else "",
        "id": quoted(key.name if key else None),
        "time": quoted(time.name if time else None),
        "cluster": quoted(cluster.name) + " # its rows depend on each other"
        if cluster
        else "null               # rows are declared independent; `adopt --cluster COLUMN` says otherwise",
        "path": quoted(path),
        "until": quoted(wishes.until),
    }


def _quality_and_split(found: Findings) -> dict[str, str]:
    held, held_words = choose.holdout(found)
    nulls = float(found.rows.isna().mean().max())
    copies = float(found.rows.duplicated().mean())
    return {
        "min_rows": str(max(20, len(found.rows) // 2)),
        "max_null_share": number(min(1.0, max(0.5, round(nulls + 0.1, 2)))),
        "max_duplicate_share": number(min(1.0, round(2 * copies + 0.05, 2)) if copies else 0.0),
        "holdout": held if isinstance(held, str) else number(held),
        "holdout_words": held_words,
    }


def _monitor_section(found: Findings) -> dict[str, str]:
    window = choose.window(found)
    newest = "event" if found.by_role("time") else "answer"
    return {
        "window": window.length,
        "window_words": window.words,
        "season": window.season or "null                # windows are compared with all of the reference",
        "k": str(window.k),
        "n": str(window.n),
        "window_rows": str(window.min_rows),
        "clock": "events",
        "clock_words": f"now is the newest {newest}; write `wall` once the traffic is live, so that silence is heard",
    }


def _model(found: Findings) -> dict[str, Any]:
    settings = TREES if choose.is_trees(found) else RIDGE if found.task == "regression" else CLASSES
    return {**settings, "seed": 7}


def readme(found: Findings, before: str, notes: list[str]) -> str:
    """The README with its section between the markers written anew, or appended."""
    section = render("readme", set(), {**_card(found), "notes": "\n".join(f"- {cell(note)}" for note in notes)})
    if START in before and END in before:
        head, rest = before.split(START, 1)
        return head + section.strip() + rest.split(END, 1)[1]
    return before.rstrip("\n") + "\n\n" + section


def card(found: Findings, name: str, owner: str) -> str:
    """`data/DATA_CARD.md`."""
    target = found.rows[found.target.name]
    time = found.by_role("time")
    shares = target.value_counts(normalize=True).head(20)
    spread = ", ".join(f"{label}: {share:.1%}" for label, share in shares.items())
    lines = []
    for column in (*found.columns, found.target):
        values = found.rows[column.name]
        lines.append(
            f"| `{column.name}` | {column.kind} | {values.isna().mean():.1%} | {cell(_range(column, values))} |"
        )
    return render(
        "card",
        set(),
        {
            **_card(found),
            "name": cell(name),
            "owner": cell(owner),
            "spread_name": "Classes" if found.task != "regression" else "Target",
            "spread": cell(spread if found.task != "regression" else _range(found.target, target)),
            "period": f"{found.rows[time.name].min()} to {found.rows[time.name].max()}" if time else "no time column",
            "columns": "\n".join(lines),
        },
    )


def _card(found: Findings) -> dict[str, str]:
    every = (*found.columns, found.target)
    return {
        "file": shown(found.path),
        "rows": f"{len(found.rows):,}",
        "task": found.task,
        "target": found.target.name,
        "columns": "\n".join(f"| `{c.name}` | {cell(c.source)} | {c.part or c.role} |" for c in every),
        "left_out": "\n".join(f"- {cell(name)}: {cell(why)}" for name, why in found.left_out.items()) or "nothing",
    }


def _range(column: Column, values: pd.Series[Any]) -> str:
    if column.kind == "text" or column.role in ("identifier", "cluster"):
        return f"{values.nunique()} values" if column.part != "text" else "free text"
    if column.kind == "moment":
        return f"{values.min()} to {values.max()}"
    return f"{float(values.min()):.4g} to {float(values.max()):.4g}, median {float(values.median()):.4g}"


def shown(path: str) -> str:
    """A file's name that is safe in a comment, a docstring and Markdown."""
    return re.sub(r"[^A-Za-z0-9_ .,()+-]", "_", Path(path).name)[:80] or "a table"


def cell(text: str) -> str:
    """Text that stays inert in a Markdown table."""
    return re.sub(r"([\\`*_\[\]<>|#!])", r"\\\1", re.sub(r"\s+", " ", text))[:300]


def quoted(value: object) -> str:
    """A YAML scalar: JSON is YAML."""
    return json.dumps(value, ensure_ascii=not str(value).isprintable())


def number(value: float) -> str:
    """Without an exponent, which YAML would read as text."""
    return str(value) if isinstance(value, int) else np.format_float_positional(value, trim="0")


def _mapping(values: dict[str, Any], indent: str) -> str:
    lines = []
    for key, value in values.items():
        if isinstance(value, dict) and value:
            lines += [f"{indent}{key}:", _mapping(value, indent + "  ")]
        else:
            lines.append(f"{indent}{key}: {quoted(value) if value != {} else '{}'}")
    return "\n".join(lines)
