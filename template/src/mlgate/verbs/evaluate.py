"""`evaluate`: may this model replace the one in production? Fails closed: what can't be judged does not pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mlgate.errors import DataError, InfraError

if TYPE_CHECKING:
    from mlgate.gates.metrics import Metric
    from mlgate.judging.holdout import Holdout
    from mlgate.judging.rival import Rival
    from mlgate.packing.release import ModelCard
    from mlgate.project import Project
    from mlgate.report import Check, Report


@click.command()
def command() -> int:
    """Gate the model in models/: the floor, and no worse than the champion in production.

    Exit 0: it may go on. Exit 1: a gate is red, or could not judge. Every number is in reports/evaluate.json;
    what each gate does is in docs/gates.md; its thresholds are the section `gates` of params.yaml.

    \b
    Example:  uv run mlgate evaluate
    """
    from mlgate.project import Project

    return run(Project.find()).exit_code


def run(project: Project) -> Report:
    """Judge the model in `models/` and write `reports/evaluate.json` and `reports/metrics.json`.

    Raises
    ------
    ConfigError
        If `gates.metric` does not fit the task.
    InfraError
        If the champion's bundle is needed and is not here; the check `champion` says so too.
    """
    from mlgate.console import recording, working
    from mlgate.judging.standing import evaluation_key, keep, standing

    with recording(project, "evaluate") as report:
        key = evaluation_key(project)
        former = standing(project, key)
        if former is not None:
            told = "nothing changed: the verdict stands"
            report.checks, report.artifacts = former.checks, former.artifacts
            report.notes = [*(note for note in former.notes if note != told), told]
            report.subject.data_digest, report.subject.model_digest = (
                former.subject.data_digest,
                former.subject.model_digest,
            )
        else:
            keep(project, "", report)
            with working("judging the model"):
                _judge(project, report)
    keep(project, key, report)
    return report


def _judge(project: Project, report: Report) -> None:
    from mlgate.gates.metrics import find
    from mlgate.judging import holdout
    from mlgate.judging.rival import rival
    from mlgate.packing.release import read_card

    metric = find(project.params.gates.metric, project.params.data.task)
    try:
        card = read_card(project.models)
        report.subject.data_digest, report.subject.model_digest = card.data_digest, card.digest
        rows = holdout.read(project, card)
    except DataError as error:
        return _untrusted(error, report)
    with rival(project, card, rows) as champion:
        _gates(project, card, metric, rows, champion, report)


def _untrusted(error: DataError, report: Report) -> None:
    report.checks.append(_check("holdout", "fail", str(error), error.mend))
    for gate in ("power", "floor", "champion"):
        report.checks.append(_check(gate, "error", "not judged: the holdout can't be trusted"))


def _gates(project: Project, card: ModelCard, metric: Metric, rows: Holdout, champion: Rival, report: Report) -> None:
    from mlgate.gates.floor import floor_gate
    from mlgate.gates.power import power_check
    from mlgate.judging import slices
    from mlgate.judging.measured import measure
    from mlgate.judging.own_scores import require_own_scores

    try:
        require_own_scores(project, card, rows)
    except DataError as error:
        return _untrusted(error, report)
    evidence = f"{len(rows.y):,} rows, {card.holdout_digest[:19]}, as the data and the model give them"
    report.checks.append(_check("holdout", "pass", evidence))
    known = measure(project, rows, report).get(metric.name)
    gates = project.params.gates
    first = champion.release is None and champion.problem is None
    margin, confidence = gates.champion.margin, gates.champion.confidence
    try:
        power = power_check(rows.y, rows.s, rows.clusters, metric, margin, confidence, first_release=first)
    except DataError as error:
        power = _check("power", "skip" if first else "error", str(error), error.mend)
    floor = floor_gate(rows.y, rows.s, rows.clusters, metric, gates.floor.threshold, gates.floor.confidence, known)
    report.checks += [power, floor]
    if first:
        report.checks.append(_check("first-release", "pass", "nothing is in production yet: the floor alone decides"))
    scores = None if first else _compare(project, champion, metric, rows, report)
    slices.tell(project, metric, rows, scores, report)


def _compare(project: Project, champion: Rival, metric: Metric, rows: Holdout, report: Report) -> Any:
    """Judge against the champion; its scores on the holdout, or None where they can't be had."""
    from mlgate.gates.champion import champion_gate

    gate = project.params.gates.champion
    if champion.release is None:
        problem = champion.problem
        report.checks.append(_check("champion", "error", str(problem), problem.mend if problem else ""))
        return None
    try:
        report.checks.append(_check("champion-holdout", "pass", champion.fair()))
    except DataError as error:
        report.checks.append(_check("champion-holdout", "fail", str(error), error.mend))
        report.checks.append(_check("champion", "error", "not judged: the rows are no fair test of the champion"))
        return None
    except InfraError as error:
        report.checks.append(_check("champion-holdout", "error", str(error), error.mend))
        raise
    try:
        scores, source = champion.scores()
    except (DataError, InfraError) as error:
        report.checks.append(_check("champion", "error", str(error), error.mend))
        if isinstance(error, InfraError):
            raise
        return None
    check = champion_gate(rows.y, rows.s, scores, rows.clusters, metric, gate.margin, gate.confidence)
    check.evidence += f"; champion {champion.release.version}, {source}"
    report.checks.append(check)
    return scores


TITLES = {
    "holdout": "The holdout is the one that the data give",
    "power": "The champion gate can see its margin",
    "floor": "The metric clears its floor",
    "champion": "No worse than the champion",
    "champion-holdout": "The champion has not seen the holdout",
    "first-release": "First release",
}


def _check(name: str, status: Any, evidence: str, mend: str = "") -> Check:
    from mlgate.report import Check

    return Check(id=name, title=TITLES[name], status=status, evidence=evidence, mend=mend)
