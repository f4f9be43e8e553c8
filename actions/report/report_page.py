"""The page of a pull request, out of the reports of its jobs: pure text from verdicts, escaped throughout."""

from __future__ import annotations

from collections.abc import Mapping

from actionlib.markdown import escape, table
from actionlib.verdicts import MARK, Check, Verdict, worst

WORDS = {
    "pass": "every gate is green",
    "fail": "a gate is red",
    "error": "something could not be judged, which counts as red",
    "skip": "nothing was judged",
}


def page(verdicts: Mapping[str, Verdict], jobs: Mapping[str, str], links: Mapping[str, str]) -> str:
    """The whole page; `jobs` are results by name, `links` addresses by words."""
    status = overall(verdicts, jobs)
    parts = [f"## {MARK[status]} mlgate: {WORDS[status]}\n", _counted(verdicts, status)]
    parts += [_red(verdicts), _jobs(verdicts, jobs), _data(verdicts), _model(verdicts), _image(verdicts)]
    parts += [_gates(verdicts), _links(verdicts, links)]
    return "\n".join(part for part in parts if part)


def _counted(verdicts: Mapping[str, Verdict], status: str) -> str:
    """How much was judged, and what follows for whoever may merge."""
    checks = [check for verdict in verdicts.values() for check in verdict.checks]
    red, left = sum(check.red for check in checks), sum(check.status == "skip" for check in checks)
    said = f"{len(checks)} checks: {len(checks) - red - left} green, {red} red, {left} not judged."
    return said + ("" if status == "pass" else " It must not be merged before what is red is mended.") + "\n"


def overall(verdicts: Mapping[str, Verdict], jobs: Mapping[str, str]) -> str:
    """The worst of all; a job that ended otherwise than well is red whatever its report says."""
    statuses = [verdict.status for verdict in verdicts.values()]
    statuses += ["error" if result == "cancelled" else "fail" for result in jobs.values() if result not in _GOOD]
    return worst(statuses)


_GOOD = ("success", "skipped")


def _red(verdicts: Mapping[str, Verdict]) -> str:
    red = [(verdict.verb, check) for verdict in verdicts.values() for check in verdict.checks if check.red]
    lines = [
        f"- {MARK[check.status]} **{escape(check.id)}** ({escape(verb)}): {_reason(check)}"
        + (f". *Next: {escape(check.mend)}*" if check.mend else "")
        for verb, check in red[:20]
    ]
    return "\n".join([*lines, f"- and {len(red) - 20} more"] if len(red) > 20 else lines) + ("\n" if lines else "")


def _reason(check: Check) -> str:
    return escape(check.evidence) if check.evidence else f"{escape(check.title)}: no"


def _jobs(verdicts: Mapping[str, Verdict], jobs: Mapping[str, str]) -> str:
    """Jobs that failed; often by what no report could say."""
    bad = [f"- ❌ job **{escape(name)}**: {escape(result)}" for name, result in jobs.items() if result not in _GOOD]
    return "\n".join(bad) + "\n" if bad else ""


def _data(verdicts: Mapping[str, Verdict]) -> str:
    verdict = verdicts.get("validate")
    if verdict is None:
        return "### Data\n\nnot judged: the job left no report\n"
    change = verdict.check("data-change")
    told = change.evidence.split("; ") if change else []
    lines = [f"- {escape(change.title)}: {escape(change.evidence)}"] if change else []
    if change and len(told) > 1:
        lines = [f"{escape(change.title)}:\n", *(f"- {escape(part)}" for part in told), ""]
    # the console's notes say the change once more
    lines += [f"- {escape(note)}" for note in verdict.notes if not set(note.split("; ")) <= set(told)]
    return "\n".join(["### Data\n", *lines]) + "\n"


def _model(verdicts: Mapping[str, Verdict]) -> str:
    verdict = verdicts.get("evaluate")
    if verdict is None:
        return "### Model\n\nnot judged: the job left no report\n"
    others = [check for said in verdicts.values() for check in said.checks if check.red and check.id != "champion"]
    lines = [
        "### Model\n",
        comparison(verdict, bool(others)),
        "",
        "On the holdout, with the interval that the gates use:",
        "",
    ]
    slices = [note for note in verdict.notes if note.startswith("slice ")]
    lines += [f"- {escape(note)}" for note in verdict.notes if note not in slices]
    if slices:
        lines += ["", "<details><summary>Slices (for information, no gate)</summary>", ""]
        lines += [f"- {escape(note)}" for note in slices] + ["", "</details>"]
    return "\n".join(lines) + "\n"


def comparison(verdict: Verdict, stopped: bool = False) -> str:
    """The model against the one in production, in a sentence; `stopped` where another gate is red."""
    champion, floor = verdict.check("champion"), verdict.check("floor")
    if champion is None or champion.interval is None or champion.observed is None:
        said = champion or verdict.check("first-release")
        first = escape(said.evidence) if said else "nothing was compared with production"
        return f"{first}. {_floor(floor)}"
    low, high = champion.interval
    verb = "better than" if low > 0 else "worse than" if high < 0 else "about as good as"
    allowed = "" if champion.threshold is None else f", and {-champion.threshold:.4g} worse would be too much"
    words = {"pass": "it may replace it", "fail": "it may **not** replace it"}.get(champion.status, "not judged")
    if stopped and champion.status == "pass":
        words = "but another gate is red, so it may **not** replace it"
    number = f"{champion.observed:+.4f} [{low:+.4f}, {high:+.4f}]"
    return f"This model is {verb} production's: {number} {escape(champion.unit)}{allowed}; {words}. {_floor(floor)}"


def _floor(floor: Check | None) -> str:
    return f"Its own value: {escape(floor.number)}, of which the lower end must reach {floor.limit}." if floor else ""


def _image(verdicts: Mapping[str, Verdict]) -> str:
    verdict = verdicts.get("package")
    if verdict is None:
        return "### Image\n\nnot built: the model was not packaged\n"
    started = verdicts.get("deploy")
    rows = [
        (check.title, f"{MARK[check.status]} {check.status}", check.number, check.limit, check.evidence)
        for check in [*verdict.checks, *(started.checks if started else [])]
        if check.id not in _BEFORE
    ]
    notes = "\n".join(f"- {escape(note)}" for note in verdict.notes)
    return "### Image\n\n" + table(("what", "verdict", "observed", "threshold", "evidence"), rows) + "\n" + notes + "\n"


_BEFORE = ("clean-tree", "model-digest", "model-types", "model-format", "verdict")  # asked before anything is built


def _gates(verdicts: Mapping[str, Verdict]) -> str:
    """What was not judged, in sight; then every check, a table a verb."""
    checks = [check for verdict in verdicts.values() for check in verdict.checks]
    left = [f"- {MARK['skip']} **{escape(c.id)}**: {escape(c.evidence)}" for c in checks if c.status == "skip"]
    skipped = "Not judged, and why:\n\n" + "\n".join(left) + "\n\n" if left else ""
    title = f"<details><summary>All {len(checks)} checks</summary>"
    tables = "\n".join(table(_head(verdict.verb), [_row(c) for c in verdict.checks]) for verdict in verdicts.values())
    return f"### Gates\n\n{skipped}{title}\n\n{tables}\n</details>\n" if checks else ""


def _head(verb: str) -> tuple[str, ...]:
    return (escape(verb), "verdict", "observed", "threshold", "evidence")


def _row(check: Check) -> tuple[str, ...]:
    named = check.id if check.title in ("", check.id) else f"{check.id}: {check.title}"
    return (named, f"{MARK[check.status]} {check.status}", check.number, check.limit, check.evidence)


def _links(verdicts: Mapping[str, Verdict], links: Mapping[str, str]) -> str:
    subject: dict[str, str] = {}
    for verdict in verdicts.values():
        subject |= {name: value for name, value in verdict.subject.items() if value}
    named = [f"{name.replace('_', ' ')} {escape(value[:19])}" for name, value in sorted(subject.items())]
    return " · ".join([*(f"[{words}]({address})" for words, address in links.items()), *named]) + "\n"
