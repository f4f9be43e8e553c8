"""A workflow in which some jobs only hand on what a test gives them, so that the others run alone, as they are."""

from __future__ import annotations

from typing import Any

import yaml

from mlgate.report import Check, Report

FLOOR = Check(id="floor", title="The floor", status="pass", observed=0.6, interval=(0.5, 0.7), threshold=0.4)


def report(verb: str, *checks: Check, notes: tuple[str, ...] = ()) -> str:
    """What `mlgate VERB` leaves in reports/; a green floor where no check is given."""
    made = Report(verb=verb, checks=list(checks or [FLOOR]), notes=list(notes))
    return str(made.close().model_dump_json())


def handed(workflow: str, reports: dict[str, dict[str, str]], outputs: dict[str, dict[str, str]]) -> str:
    """The workflow with the jobs in `reports` (job → file → content) cut down to that and to their own uploads of it.

    What else such a job is (needs, `if`, rights, the names of its artifacts) stays; `outputs` are its outputs by name.
    """
    content = yaml.safe_load(workflow)
    content["on"] = content.pop(True)  # YAML 1.1
    for name, files in reports.items():
        job = content["jobs"][name]
        uploads = [step for step in job["steps"] if str(step.get("with", {}).get("name")).startswith("reports-")]
        job["steps"] = [_writing(f"reports/{file}", text) for file, text in files.items()] + uploads
        job["steps"] = job["steps"] or [{"run": "true"}]
        job["outputs"] = outputs.get(name, {})
    return yaml.safe_dump(content, sort_keys=False, width=10**6)


def _writing(path: str, text: str) -> dict[str, Any]:
    command = 'mkdir -p reports && printf %s "$CONTENT" >"$FILE"'
    return {"run": command, "env": {"FILE": path, "CONTENT": text}}
