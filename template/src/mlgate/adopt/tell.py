"""What adopt says when it is done: what was found, what was left out and why, what the gates will be able to judge."""

from __future__ import annotations

from mlgate.adopt import encoding, personal
from mlgate.adopt.choose import Gates
from mlgate.adopt.columns import Findings
from mlgate.report import Check, Report


def notes(found: Findings, gates: Gates) -> list[str]:
    """What the reader should know, a sentence each; the same go into the README."""
    target = found.target.name
    said = [
        f"{found.task}: {target} from {len(found.columns)} columns of {len(found.rows):,} labelled rows",
        *encoding.said(found.layout.encoding),
        *found.notes,
    ]
    watched = [column.name for column in found.by_part("constant")]
    if watched:
        said.append(f"constant, so the model leaves them out and the monitor watches them: {', '.join(watched)}")
    texts = ", ".join(column.source for column in found.by_part("text"))
    if texts:
        said.append(
            f"free text, whose words the model learns: {texts}; it may name people: read it, or leave it out by --drop"
        )
    special = ", ".join(column.source for column in found.columns if personal.is_special(column.source))
    if special:
        said.append(
            f"its name says what the law protects (GDPR, article 9): {special}; leave it out by --drop, or say why"
        )
    dates = [column.name for column in found.by_part("date")]
    if dates and not found.by_role("time"):
        said.append(f"dates: {', '.join(dates)}; `--time {dates[0]}` splits by it, if it says when a row happened")
    said.append(f"gate: {gates.metric}, floor {gates.floor:g} ({gates.floor_words}), margin {gates.margin:g}")
    return said + ([f"weak gate: {gates.weak}"] if gates.weak else [])


def record(report: Report, found: Findings, gates: Gates, notes: list[str], changed: list[str]) -> None:
    """Fill the report of a run that went through."""
    words = f"{len(found.columns)} columns kept, {len(found.left_out)} left out"
    rows = float(len(found.rows))
    report.checks.append(
        Check(
            id="table", title="The table can be learnt from", status="pass", observed=rows, unit="rows", evidence=words
        )
    )
    report.checks.append(
        Check(
            id="gateable",
            title="The holdout is large enough for the gates",
            status="skip" if gates.weak else "pass",
            evidence=gates.weak or f"{gates.metric}: {gates.margin_words}",
        )
    )
    report.artifacts += changed
    report.notes += notes + [f"left out: {name} ({why})" for name, why in found.left_out.items()]
    if changed:
        report.notes.append(
            f"written or removed: {', '.join(changed)}, and the data version; look at it, commit, `uv run dvc repro`"
        )
    else:
        report.notes.append("nothing to write: the project already is this table's")
