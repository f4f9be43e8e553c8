"""The page of a pull request, out of the reports of its jobs: pure text from verdicts, escaped throughout."""

from __future__ import annotations

from collections.abc import Mapping

from actionlib.markdown import escape, table
from actionlib.verdicts import MARK, Check, Verdict, shown, worst

WORDS = {
    "pass": "every gate is green",
    "fail": "a gate is red",
    "error": "something could not be judged, which counts as red",
    "skip": "nothing was judged",
}


def page(verdicts: Mapping[str, Verdict], jobs: Mapping[str, str], links: Mapping[str, str]) -> str:
    """The whole page; `jobs` are results by name, `links` addresses by words."""
    status = overall(verdicts, jobs)
    parts = [f"## {MARK[status]} mlgate: {WORDS[status]}", _red(verdicts), _jobs(verdicts, jobs)]
    parts += [_data(verdicts), _model(verdicts), _image(verdicts), _gates(verdicts), _links(verdicts, links)]
    return "\n".join(part for part in parts if part)


def overall(verdicts: Mapping[str, Verdict], jobs: Mapping[str, str]) -> str:
    """The worst of all; a job that ended otherwise than well is red whatever its report says."""
    statuses = [verdict.status for verdict in verdicts.values()]
    statuses += ["error" if result == "cancelled" else "fail" for result in jobs.values() if result not in _GOOD]
    return worst(statuses)


_GOOD = ("success", "skipped")


def _red(verdicts: Mapping[str, Verdict]) -> str:
    red = [(verdict.verb, check) for verdict in verdicts.values() for check in verdict.checks if check.red]
    lines = [
        f"- {MARK[check.status]} **{escape(check.id)}** ({escape(verb)}): {escape(check.evidence)}"
        + (f". *{escape(check.mend)}*" if check.mend else "")
        for verb, check in red[:20]
    ]
    return "\n".join([*lines, f"- and {len(red) - 20} more"] if len(red) > 20 else lines) + ("\n" if lines else "")


def _jobs(verdicts: Mapping[str, Verdict], jobs: Mapping[str, str]) -> str:
    """Jobs that failed; often by what no report could say."""
    bad = [f"- ❌ job **{escape(name)}**: {escape(result)}" for name, result in jobs.items() if result not in _GOOD]
    return "\n".join(bad) + "\n" if bad else ""


def _data(verdicts: Mapping[str, Verdict]) -> str:
    verdict = verdicts.get("validate")
    if verdict is None:
        return "### Data\n\nnot judged: the job left no report\n"
    return "### Data\n\n" + "\n".join(f"- {escape(note)}" for note in verdict.notes) + "\n"


def _model(verdicts: Mapping[str, Verdict]) -> str:
    verdict = verdicts.get("evaluate")
    if verdict is None:
        return "### Model\n\nnot judged: the job left no report\n"
    lines = ["### Model\n", comparison(verdict), ""]
    slices = [note for note in verdict.notes if note.startswith("slice ")]
    lines += [f"- {escape(note)}" for note in verdict.notes if note not in slices]
    if slices:
        lines += ["", "<details><summary>Slices (for information, no gate)</summary>", ""]
        lines += [f"- {escape(note)}" for note in slices] + ["", "</details>"]
    return "\n".join(lines) + "\n"


def comparison(verdict: Verdict) -> str:
    """The model against the one in production, in a sentence."""
    champion, floor = verdict.check("champion"), verdict.check("floor")
    if champion is None or champion.interval is None or champion.observed is None:
        said = champion or verdict.check("first-release")
        first = escape(said.evidence) if said else "nothing was compared with production"
        return f"{first}. {_floor(floor)}"
    low, high = champion.interval
    verb = "better than" if low > 0 else "worse than" if high < 0 else "about as good as"
    allowed = "" if champion.threshold is None else f", and {-champion.threshold:.4g} worse would be too much"
    words = {"pass": "it may replace it", "fail": "it may **not** replace it"}.get(champion.status, "not judged")
    number = f"{champion.observed:+.4f} [{low:+.4f}, {high:+.4f}]"
    return f"This model is {verb} production's: {number} {escape(champion.unit)}{allowed}; {words}. {_floor(floor)}"


def _floor(floor: Check | None) -> str:
    return f"Its own value: {escape(floor.number)}, floor {floor.threshold}." if floor else ""


def _image(verdicts: Mapping[str, Verdict]) -> str:
    verdict = verdicts.get("package")
    if verdict is None:
        return "### Image\n\nnot built: the model was not packaged\n"
    rows = [
        (check.title, f"{MARK[check.status]} {check.status}", check.number, check.evidence)
        for check in verdict.checks
        if check.id.startswith("image")
    ]
    started = verdicts.get("deploy")
    rows += [
        (check.title, f"{MARK[check.status]} {check.status}", check.number, check.evidence)
        for check in (started.checks if started else [])
    ]
    notes = "\n".join(f"- {escape(note)}" for note in verdict.notes)
    return "### Image\n\n" + table(("what", "verdict", "observed", "evidence"), rows) + "\n" + notes + "\n"


def _gates(verdicts: Mapping[str, Verdict]) -> str:
    rows = [
        (verdict.verb, check.id, f"{MARK[check.status]} {check.status}", check.number, _text(check), check.evidence)
        for verdict in verdicts.values()
        for check in verdict.checks
    ]
    head = ("verb", "check", "verdict", "observed", "threshold", "evidence")
    title = f"<details><summary>All {len(rows)} checks</summary>"
    return f"### Gates\n\n{title}\n\n{table(head, rows)}\n</details>\n" if rows else ""


def _text(check: Check) -> str:
    return "" if check.threshold is None else shown(check.threshold)


def _links(verdicts: Mapping[str, Verdict], links: Mapping[str, str]) -> str:
    subject: dict[str, str] = {}
    for verdict in verdicts.values():
        subject |= {name: value for name, value in verdict.subject.items() if value}
    named = [f"{name.replace('_', ' ')} {escape(value[:19])}" for name, value in sorted(subject.items())]
    return " · ".join([*(f"[{words}]({address})" for words, address in links.items()), *named]) + "\n"
