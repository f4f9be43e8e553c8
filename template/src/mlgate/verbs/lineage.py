"""`mlgate lineage`: from a digest back to the data, the code, the metrics and the people behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlgate.ledger.lineage import Line
    from mlgate.packing.release import Release
    from mlgate.project import Project
    from mlgate.report import Check, Report


@click.command()
@click.argument("digest")
@click.option("--remote", metavar="NAME", help="Whose env/* branches are the truth; else MLGATE_REMOTE, or our own.")
def command(digest: str, remote: str | None) -> int:
    """Trace DIGEST (image, Bento, model, data, version, commit, or the start of one) through the ledger.

    Shows where and when it ran and by whose word, the commit and its author, the data version, the registered model
    and the metrics with their intervals. Exit 1 if it is unknown, names several things, or a link does not hold.

    \b
    Example:  uv run mlgate lineage sha256:0123456789ab
    """
    from mlgate.project import Project

    return run(Project.find(remote=remote), digest).exit_code


def run(project: Project, digest: str) -> Report:
    """Trace `digest`; one check a link of the chain, named VERSION/LINK where there are several releases."""
    from mlgate.console import recording
    from mlgate.ledger import ENVIRONMENTS, Ledger
    from mlgate.ledger.lineage import trace

    with recording(project, "lineage") as report:
        ledger = Ledger(project)
        lines = trace({env: ledger.entries(env) for env in ENVIRONMENTS}, digest)
        if len(lines) == 1:
            report.subject.image_digest = lines[0].release.image
            report.subject.model_digest = lines[0].release.model_digest
            report.subject.data_digest = lines[0].release.data_digest
        sources = _sources(project, [line.release.source_commit for line in lines])
        for line in lines:
            prefix = f"{line.release.version}/" if len(lines) > 1 else ""
            for check in _chain(line, sources[line.release.source_commit]):
                check.id = prefix + check.id
                report.checks.append(check)
    return report


@dataclass(frozen=True)
class Source:
    """What Git here has of a release's commit: whose it is, its data/snapshot.json and its dvc.lock; empty: nothing."""

    said: str = ""
    snapshot: bytes = b""
    lock: bytes = b""


def _sources(project: Project, commits: list[str]) -> dict[str, Source]:
    """By commit; two questions to Git, however many there are."""
    from mlgate.ledger.plumbing import objects

    form, asked = "--format=%H%x00%an <%ae>, %cI: %s", "\n".join(commits).encode()
    told = project.git("log", "-z", "--no-walk=unsorted", "--ignore-missing", form, "--stdin", stdin=asked).split("\0")
    said = dict(zip(told[::2], told[1::2], strict=False))  # the last one ends as well
    files = [f"{commit}:{name}" for commit in commits for name in ("data/snapshot.json", "dvc.lock")]
    found = [one[1] if one else b"" for one in objects(project.root, files)]
    return {commit: Source(said.get(commit, ""), *found[2 * i : 2 * i + 2]) for i, commit in enumerate(commits)}


def _chain(line: Line, source: Source) -> Iterator[Check]:
    from mlgate.report import Check

    release = line.release
    about = f"{release.model} {release.version}, Bento {release.image}, built {release.built.isoformat()}"
    yield Check(id="release", title="The release", status="pass", evidence=about)
    container = release.container or "no image was pushed for it"
    yield Check(id="container", title="Container", status="pass" if release.container else "skip", evidence=container)
    for stay in line.stays:
        by = stay.first.trailers.get("Approved-By", "nobody named")
        until = f"until {stay.last.when} ({stay.last.subject}, {stay.last.commit[:12]})" if stay.last else "until now"
        said = f"from {stay.first.when} ({stay.first.subject}, {stay.first.commit[:12]}), by {by}, {until}"
        yield Check(id=stay.environment, title=f"In {stay.environment}", status="pass", evidence=said)
    yield _source(source, release)
    yield _data(source, release)
    registered = f"MLflow version {release.model_version}" if release.model_version else "not registered in MLflow"
    trained = f"trained until {release.trained_until}" if release.trained_until else "rows without time"
    said = f"{release.model_digest}; {registered}; {trained}"
    yield Check(id="model", title="Model", status="pass", evidence=said)
    held = f"holdout of {release.holdout_rows:,} rows, {release.holdout_digest[:19]}"
    for name, found in sorted(release.metrics.items()):
        interval = None if found.low is None or found.high is None else (found.low, found.high)
        yield Check(
            id=f"metric/{name}", title=name, status="pass", observed=found.value, interval=interval, evidence=held
        )


def _source(source: Source, release: Release) -> Check:
    """Who wrote the code that it was built from."""
    from mlgate.report import Check

    if source.said:
        said = f"{release.source_commit[:12]} by {source.said}"
        return Check(id="source", title="Source commit", status="pass", evidence=said)
    said = f"{release.source_commit} is not in this clone: `git fetch REMOTE {release.source_commit}`"
    return Check(id="source", title="Source commit", status="skip", evidence=said)


def _data(source: Source, release: Release) -> Check:
    """What its commit records of the data, compared with what the release says."""
    from mlgate.report import Check

    title, commit = "Data version", release.source_commit[:12]
    if not source.snapshot:
        said = f"{release.data_digest}; commit {commit} or its data/snapshot.json is not in this clone"
        return Check(id="data", title=title, status="skip", evidence=said)
    digest, about = _recorded(source)
    if digest == release.data_digest:
        return Check(id="data", title=title, status="pass", evidence=f"{digest}, {about}")
    mend = f"look at `git show {commit} -- data`: what was released was not made of what was committed"
    other = f"the release names {release.data_digest}, its commit {digest or 'nothing that can be read'}"
    return Check(id="data", title=title, status="fail", evidence=other, mend=mend)


def _recorded(source: Source) -> tuple[str, str]:
    """The digest that a commit's snapshot.json names, and its rows and DVC's hash in words; empty where damaged."""
    import json

    from mlgate.errors import ConfigError
    from mlgate.yaml_file import parse_yaml

    try:
        found = json.loads(source.snapshot)
        digest, rows = str(found["digest"]), f"{found['rows']:,} rows"
    except (ValueError, KeyError, TypeError):
        return "", ""
    try:
        outs = parse_yaml(source.lock, "dvc.lock")["stages"]["ingest"]["outs"]
        (out,) = [out for out in outs if out["path"] == "data/raw.parquet"]
        return digest, f"{rows}, DVC md5 {out['md5']}, {out['size']:,} bytes"
    except (ConfigError, KeyError, TypeError, ValueError):
        return digest, f"{rows}, no record of DVC"
