"""Brings the reports of all jobs into the step's summary and one comment, which later runs update in place."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

from actionlib import sticky
from actionlib.markdown import COMMENT_CHARACTERS, cut, escape, summarise
from actionlib.problems import GATE_FAILED, ActionError, ended
from actionlib.rest import Client, Refused
from actionlib.verdicts import Verdict, read, worst
from actionlib.workflow import annotate, output
from report_page import overall, page

MARKER = "<!-- mlgate:pull-request -->"
ORDER = ("pull", "validate", "train", "evaluate", "package", "deploy", "prove", "pytest")
JUDGES = {"data": "validate", "performance": "evaluate", "image": "package", "prove": "prove"}
MOST_FILES = 200
NO_REPORT = "no report"


def main() -> int:
    output({"status": "error", "comment": ""})
    verdicts = collected(Path(os.environ.get("REPORTS", "reports")))
    jobs = doubted(results(os.environ.get("NEEDS", "{}")), verdicts)
    note = os.environ.get("NOTE", "")
    text = (f"> ⚠️ {escape(note)}\n\n" if note else "") + page(verdicts, jobs, links(os.environ))
    summarise(text)
    status = overall(verdicts, jobs)
    output({"status": status})
    number = os.environ.get("PULL_REQUEST", "")
    address = commented(number, text) if number else ""
    output({"comment": address})
    print(f"{status}: {len(verdicts)} reports, {address or 'no comment'}")
    return silent(jobs)


def collected(folder: Path) -> dict[str, Verdict]:
    """Reports by verb in the order of the loop; of two reports of a verb the worse one counts."""
    found: dict[str, Verdict] = {}
    for path in sorted(folder.rglob("*.json"))[:MOST_FILES] if folder.is_dir() else []:
        if path.stem not in ORDER:
            continue
        verdict = read(path)
        former = found.get(path.stem)
        if verdict and (former is None or worst([former.status, verdict.status]) != former.status):
            found[path.stem] = verdict
    return {verb: found[verb] for verb in ORDER if verb in found}


def results(needs: str) -> dict[str, str]:
    """Results of jobs by name, out of `toJSON(needs)`."""
    try:
        return {str(name): str(job["result"]) for name, job in json.loads(needs).items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ActionError("`needs` is not what toJSON(needs) gives", "pass it as it is") from error


def doubted(jobs: dict[str, str], verdicts: dict[str, Verdict]) -> dict[str, str]:
    """A job that judges and ended well without a report judged nothing."""
    quiet = {job for job, verb in JUDGES.items() if jobs.get(job) == "success" and verb not in verdicts}
    return {job: NO_REPORT if job in quiet else result for job, result in jobs.items()}


def silent(jobs: dict[str, str]) -> int:
    """The exit code: a job that ended badly is red itself, one that judged nothing is red here alone."""
    found = [job for job, result in jobs.items() if result == NO_REPORT]
    for job in found:
        mend = f"look at its step that uploads `reports-{job}`, and run that job again"
        annotate("error", f"job {job} ended well but left no report, so nothing was judged; next: {mend}")
    return GATE_FAILED if found else 0


def links(environ: os._Environ[str]) -> dict[str, str]:
    server, name, run = (environ.get(f"GITHUB_{key}", "") for key in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    if not (re.fullmatch(r"https?://[\w.:-]+", server) and re.fullmatch(r"[\w.-]+/[\w.-]+", name) and run.isdigit()):
        return {}
    return {
        "the run": f"{server}/{name}/actions/runs/{run}",
        "what the gates do": f"{server}/{name}/blob/HEAD/docs/gates.md",
    }


def commented(number: str, text: str) -> str:
    """Write the comment; where the token may not (a fork, a read-only token), say so and leave it at the summary."""
    if not number.isdigit():
        raise ActionError(f"{number[:20]!r} is no pull request", "pass github.event.pull_request.number")
    try:
        return sticky.comment(Client.from_environment(), int(number), MARKER, cut(text, COMMENT_CHARACTERS))
    except Refused as error:
        annotate("notice", f"no comment, the report is in the summary: {error} ({error.mend})")
        return ""


if __name__ == "__main__":
    sys.exit(ended(main))
