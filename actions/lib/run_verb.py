"""Runs a verb of the project's own locked environment and shows its report: log, annotations, summary, outputs.

`run_verb.py [--show REPORT,REPORT] PROGRAM WORD…` runs `uv run --locked PROGRAM WORD…`. A word `--option=` without a
value is left out. The exit code is the verb's, and 1 where that was 0 and a report is red or the last one shown, which
judges, is not there: what no report confirms is never `pass`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from actionlib.markdown import escape, summarise, table
from actionlib.problems import GATE_FAILED, INFRASTRUCTURE, ActionError, ended
from actionlib.verdicts import MARK, Check, Verdict, fresh, worst
from actionlib.workflow import annotate_all, group, output

PROGRAMS = ("mlgate", "dvc", "pytest", "pre-commit")
UNSET = {"status": "error", "exit-code": "3", "data-digest": "", "model-digest": "", "image-digest": ""}


def main(argv: list[str], level: str = "error") -> int:
    """Run and show; `level` is that of the annotations for what is red."""
    output(UNSET)  # whatever happens next, each output has a value
    show, words = _parsed(argv)
    started = time.time() - 2  # file systems keep coarse times
    with group(" ".join(words)):
        code = call(words)
    found = [verdict for name in show if (verdict := fresh(Path("reports"), name, started))]
    if code == 0 and show and show[-1] not in [verdict.verb for verdict in found]:
        found.append(unjudged(show[-1]))
    status = _status(code, found)
    code = code or (GATE_FAILED if status in ("fail", "error") else 0)
    for verdict in found:
        summarise(page(verdict))
    annotate_all((level, title, message) for title, message in _red(found, words, code))
    subject = {name: next((v.subject[name] for v in reversed(found) if v.subject.get(name)), "") for name in _SUBJECT}
    digests = {name.replace("_", "-"): value for name, value in subject.items()}
    output({"status": status, "exit-code": str(code), **digests})
    print(f"{' '.join(words[:2])}: {status}")
    return code


def unjudged(verb: str) -> Verdict:
    """What to think of a verb that said nothing: its stage was taken out of dvc.yaml, or it did not run."""
    why, mend = f"no report of {verb}, so nothing was judged", f"let dvc.yaml and this step run `mlgate {verb}`"
    return Verdict(verb, "error", [Check(verb, verb, "error", None, None, None, "", why, mend)])


_SUBJECT = ("data_digest", "model_digest", "image_digest")


def page(verdict: Verdict) -> str:
    """A report for the step's summary."""
    lines = [f"### {MARK[verdict.status]} {escape(verdict.verb)}: {verdict.status}", ""]
    rows = [(c.id, f"{MARK[c.status]} {c.status}", c.number, c.limit, c.evidence) for c in verdict.checks]
    lines.append(table(("check", "verdict", "observed", "threshold", "evidence"), rows))
    lines += [f"- **{escape(c.id)}**: {escape(c.mend)}" for c in verdict.checks if c.red and c.mend]
    lines += [f"- {escape(note)}" for note in verdict.notes]
    return "\n".join(lines) + "\n"


def _parsed(argv: list[str]) -> tuple[list[str], list[str]]:
    show: list[str] = []
    if argv[:1] == ["--show"]:
        show, argv = [name for name in argv[1].split(",") if name.isalnum()], argv[2:]
    words = [word for word in argv if not (word.startswith("--") and word.endswith("="))]
    if not words or words[0] not in PROGRAMS:
        raise ActionError(f"run_verb.py runs one of {', '.join(PROGRAMS)}", "see actions/lib/run_verb.py")
    return show or [word for word in words[1:2] if words[0] == "mlgate"], words


def call(words: list[str]) -> int:
    """Run `uv run --locked WORDS` and return its exit code, between 0 and 3."""
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    try:
        done = subprocess.run(["uv", "run", "--locked", *words], env=environ, check=False, stdin=subprocess.DEVNULL)
    except FileNotFoundError as error:
        raise ActionError("uv is not on the PATH", "use the action `setup` before this one") from error
    return done.returncode if 0 <= done.returncode <= INFRASTRUCTURE else GATE_FAILED


def _status(code: int, found: list[Verdict]) -> str:
    """The worst report; green only where the exit code says so too."""
    status = worst([verdict.status for verdict in found]) if found else "pass"
    if code == 0:
        return status
    red = "fail" if code == GATE_FAILED else "error"
    return status if status in ("fail", "error") else red


def _red(found: list[Verdict], words: list[str], code: int) -> list[tuple[str, str]]:
    rows = [
        (f"{verdict.verb}: {check.id}", check.evidence + (f"; next: {check.mend}" if check.mend else ""))
        for verdict in found
        for check in verdict.checks
        if check.red
    ]
    if code and not rows:
        rows.append((" ".join(words[:2]), f"ended with {code}; the log above says why"))
    return rows


if __name__ == "__main__":
    sys.exit(ended(lambda: main(sys.argv[1:])))
