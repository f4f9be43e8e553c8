"""One issue per environment: an alarm opens it, each run updates it, and a row of healthy runs closes it.

The issue is found by its marker and its author, so that nobody's text can pass for it. How many runs in a row were
healthy is kept in the issue itself. An alarm does not fail the job: the issue is the alarm, and a red job means that
nobody is watching.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import run_verb
from actionlib import sticky
from actionlib.markdown import COMMENT_CHARACTERS, cut, escape
from actionlib.problems import GATE_FAILED, USAGE, ActionError, ended
from actionlib.rest import Client
from actionlib.verdicts import Verdict, read
from actionlib.workflow import output, plain

ENVIRONMENTS = ("staging", "production")
QUIET = ("healthy", "watch")
ALARMS = ("investigate", "retrain", "rollback")
NOTHING = ("nothing is released to", "answered no prediction", "no prediction log", "no complete window")
_STATE = re.compile(r"<!-- healthy runs: ([0-9]{1,4}) -->")


def main() -> int:
    output({"decision": "error", "status": "error", "issue": ""})
    environment, needed = os.environ.get("ENVIRONMENT", ""), os.environ.get("HEALTHY_RUNS", "3")
    if environment not in ENVIRONMENTS:
        raise ActionError(f"there is no environment {environment[:40]!r}", f"one of {', '.join(ENVIRONMENTS)}")
    if not needed.isdigit() or not 1 <= int(needed) <= 1000:
        raise ActionError(f"healthy-runs is {needed[:20]!r}", "a whole number from 1 on")
    token = os.environ.pop("GITHUB_TOKEN", "")  # the verb has no use for it
    Path("reports/monitor.json").unlink(missing_ok=True)
    code = run_verb.main(
        ["mlgate", "monitor", f"--env={environment}", f"--as-of={os.environ.get('AS_OF', '')}"], "warning"
    )
    os.environ["GITHUB_TOKEN"] = token
    verdict = read(Path("reports/monitor.json"))
    word = decision(code, verdict)
    output({"decision": word})
    if word == "nothing":
        print("nothing to watch yet")
        return 0
    if word == "error" or verdict is None:
        return code or GATE_FAILED
    found = kept(Client.from_environment(), environment, word, verdict, int(needed))
    output({"issue": found})
    print(f"{environment}: {word}, {found or 'no issue'}")
    return 0


def decision(code: int, verdict: Verdict | None) -> str:
    """The word of the decision table; `nothing` before the first traffic, `error` where the verb could not judge."""
    if verdict is None or code not in (0, GATE_FAILED, USAGE):
        return "error"
    word = next((note.partition(":")[0] for note in verdict.notes if note.partition(":")[0] in (*QUIET, *ALARMS)), "")
    if word:
        return word
    evidence = verdict.checks[0].evidence if verdict.checks else ""
    return "nothing" if any(words in evidence for words in NOTHING) else "error"


def kept(client: Client, environment: str, word: str, verdict: Verdict, needed: int) -> str:
    """Bring the environment's issue in step with the decision; its address while it is open."""
    marker = f"<!-- mlgate:drift:{environment} -->"

    def find() -> Any:
        issues = client.pages("/issues?state=open&per_page=100&sort=created&direction=asc")
        return next((i for i in sticky.ours(issues, marker) if "pull_request" not in i), None)

    if word in ALARMS:
        content = {"title": title(environment, word), "body": body(marker, environment, word, verdict, 0, needed)}
        label = plain(os.environ.get("LABEL", ""))
        made = {**content, "labels": [label]} if label else content
        issue = sticky.once(
            find,
            lambda one: client.call("PATCH", f"/issues/{one['number']}", content),
            lambda: client.call("POST", "/issues", made, repeatable=False),
        )
        return sticky.address(issue)
    issue = find()
    return healed(client, issue, marker, environment, word, verdict, needed) if issue else ""


def healed(client: Client, issue: Any, marker: str, environment: str, word: str, verdict: Verdict, needed: int) -> str:
    """Count a run without an alarm; `watch` neither counts nor starts anew."""
    said = _STATE.search(issue["body"])
    runs = (int(said[1]) if said else 0) + (word == "healthy")
    content: dict[str, Any] = {"body": body(marker, environment, word, verdict, runs, needed)}
    if runs < needed:
        return sticky.address(client.call("PATCH", f"/issues/{issue['number']}", content))
    client.call("PATCH", f"/issues/{issue['number']}", {**content, "state": "closed", "state_reason": "completed"})
    print(f"issue {issue['number']} closed after {runs} healthy runs")
    return ""


def title(environment: str, word: str) -> str:
    words = {"retrain": "the world changed: retrain", "rollback": "the model decays: roll back"}
    return f"{environment}: {words.get(word, 'live traffic changed: investigate')}"


def body(marker: str, environment: str, word: str, verdict: Verdict, healthy: int, needed: int) -> str:
    """What a person needs to decide, with the evidence; all text of the report is escaped."""
    server, name, run = (os.environ.get(f"GITHUB_{key}", "") for key in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    where = f"{server}/{name}/actions/runs/{run}"
    link = f"[The run]({where}) keeps plots in its artifact `reports-{environment}`. " if run.isdigit() else ""
    reason = next((note for note in verdict.notes if note.startswith(f"{word}:")), word)
    lines = [
        marker,
        f"<!-- healthy runs: {healthy} -->",
        f"**{escape(environment)}: {escape(reason)}**",
        "",
        f"{link}This issue is updated by each run, and closes after {needed} healthy ones in a row"
        + (f" ({healthy} so far)." if healthy else "."),
        "",
        run_verb.page(verdict),
    ]
    return cut("\n".join(lines), COMMENT_CHARACTERS)


if __name__ == "__main__":
    sys.exit(ended(main))
