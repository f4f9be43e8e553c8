"""`mlgate demo`: the whole loop on this machine, told step by step, with the verbs that anyone would type."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mlgate.errors import ConfigError

if TYPE_CHECKING:
    from mlgate.project import Project
    from mlgate.report import Report
    from mlgate.story import Step, Story

HEALTHY_DAYS = DRIFTED_DAYS = "3"


@click.command()
@click.option("--keep", is_flag=True, help="Leave the services up; `mlgate serve --env production --stop` ends them.")
def command(keep: bool) -> int:
    """Data, gates, release, live traffic, drift, retraining, promotion and rollback, in about twenty lines.

    It commits to this repository, so it wants one in which nothing has happened yet.

    \b
    Example:  uv run mlgate demo --keep
    """
    from mlgate.project import Project

    return run(Project.find(), keep).exit_code


def run(project: Project, keep: bool = False) -> Report:
    """Run the loop; whatever happens, the services are stopped afterwards unless `keep`."""
    from mlgate.console import stdout
    from mlgate.engine.shield import shielded
    from mlgate.report import Report
    from mlgate.story import Story

    _refuse_unless_fresh(project)
    _refuse_unless_ports_are_free(project)
    report = Report(verb="demo", subject=project.subject())
    story = Story(project, stdout())
    story.console.print(f"The loop of [bold]{project.params.project.slug}[/], with the commands that you would type:")
    try:
        proving = _build(story)
        _release(story)
        story.finish(proving, _notes, "reports/prove.json")
        _watch(story)
        _drift(story)
        _repair(story)
        if keep:
            story.console.print("Left running: `uv run mlgate status` shows where, `mlgate serve --env E --stop` ends.")
    finally:
        with shielded():
            story.settle()
            if not keep and (stopped := _stop(project)):
                story.console.print(f"Stopped: {' and '.join(stopped)}.")
            report.checks = story.checks
            report.close().write(project.reports / "demo.json")
    story.console.print(f"The whole loop in {report.seconds:.0f} s. Look around: git log --oneline --all --graph")
    return report


def _refuse_unless_fresh(project: Project) -> None:
    if project.raw.exists() or project.git("branch", "--list", "env/*"):
        raise ConfigError(
            "this repository already has data or releases, and the demo commits to it",
            "run it in a fresh clone of the first commit, or bake another project",
        )
    if project.changed:
        raise ConfigError(f"uncommitted changes: {', '.join(project.changed[:3])}", "commit them first")
    if not project.params.data.source.get("drift"):
        raise ConfigError("the demo needs a simulated world that changes (data.source.drift)", "see docs/adopt.md")


def _refuse_unless_ports_are_free(project: Project) -> None:
    """Now, rather than in the middle of the loop, after which it could not begin anew."""
    if project.engine in ("process", "container"):
        from mlgate.engine.bluegreen import check_port

        for environment in project.params.serving.ports:
            check_port(project, environment)


def _build(story: Story) -> Step:
    """From nothing to a judged model in Git; the proofs go on while it is released."""
    from mlgate.story import observed

    params = story.project.params
    story.tell("ingest", ["ingest"], _notes, "data/raw.parquet, dvc.lock")
    story.tell(
        "repro",
        ["dvc", "repro", "--quiet"],
        lambda r: (
            f"validate, train, evaluate: {params.gates.metric} {observed(r, 'floor')}, "
            f"floor {params.gates.floor.threshold}: {r.status if r else ''}"
        ),
        "reports/evaluate.json",
    )
    proving = story.begin("prove", ["prove"])
    story.tell("commit", ["git", "add", "-A"], lambda r: "the data version goes into Git", "git show --stat")
    story.tell("commit", ["git", "commit", "-qm", "data: first version"], lambda r: "main is deployable", "git log")
    return proving


def _release(story: Story) -> None:
    ports = story.project.params.serving.ports
    story.tell("package", ["package"], _notes, "reports/package.json")
    story.tell(
        "deploy", ["deploy", "--env", "staging"], _notes, f"git show env/staging, http://127.0.0.1:{ports['staging']}"
    )
    story.tell("promote", ["promote"], _notes, f"git show env/production, http://127.0.0.1:{ports['production']}")


def _watch(story: Story) -> None:
    story.tell("replay", ["replay", "--env", "production", "--days", HEALTHY_DAYS], _notes, "reports/replay.json")
    story.tell("monitor", ["monitor", "--env", "production"], _notes, "reports/monitor.html")


def _drift(story: Story) -> None:
    story.tell("replay", ["replay", "--env", "production", "--days", DRIFTED_DAYS], _notes, "params.yaml: drift")
    story.tell("monitor", ["monitor", "--env", "production"], _notes, "reports/monitor.html", expected=1)


def _repair(story: Story) -> None:
    from mlgate.story import observed

    until = _when_labels_are_in(story.project)
    story.tell(
        "retrain",
        ["retrain", "--until", until],
        lambda r: f"data until {until}; challenger minus champion on the new holdout: {observed(r, 'champion')}",
        "reports/retrain.md",
    )
    story.tell("merge", ["git", "merge", "-q", "--ff-only", "mlgate/retrain"], lambda r: "retrained on main", "git log")
    story.tell("checkout", ["dvc", "checkout", "--quiet"], lambda r: "and its model, from DVC's cache", "models/")
    story.tell("package", ["package"], _notes, "reports/package.json")
    story.tell("deploy", ["deploy", "--env", "staging"], _notes, "mlgate history --env staging")
    story.tell("promote", ["promote"], _notes, "mlgate history --env production")
    story.tell("rollback", ["rollback", "--env", "production"], _notes, "git log env/production")


def _when_labels_are_in(project: Project) -> str:
    """Three weeks of changed rows to learn from, the gap in which labels arrive, and a holdout after it."""
    from datetime import date, timedelta

    params = project.params
    changed = max(date.fromisoformat(str(change["from"])) for change in params.data.source["drift"])
    holdout = params.split.holdout if isinstance(params.split.holdout, timedelta) else timedelta(0)
    return str(changed + timedelta(weeks=3) + (params.split.gap or timedelta(0)) + holdout)


def _notes(report: Report | None) -> str:
    """The first note of a report, with digests short and without the approver's address."""
    import re

    if not report or not report.notes:
        return report.status if report else "done"
    short = re.sub(r"(sha256:[0-9a-f]{12})[0-9a-f]{52}", r"\1…", report.notes[0])
    return re.sub(r", by [^,]*<[^>]*>$", "", short)


def _stop(project: Project) -> list[str]:
    """Stop what runs, a copy that never got its proxy included; which environments that were."""
    from concurrent.futures import ThreadPoolExecutor

    from mlgate.engine import engine_of

    environments = list(project.params.serving.ports)
    with ThreadPoolExecutor() as pool:  # each waits for its own copies
        stopped = pool.map(engine_of(project).stop, environments)
        return [name for name, ran in zip(environments, stopped, strict=True) if ran]
