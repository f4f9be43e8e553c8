"""`adopt`: any table becomes the project; code, parameters, tests and data version, written whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mlgate.errors import ConfigError, DataError

if TYPE_CHECKING:
    from pathlib import Path

    from mlgate.adopt.choose import Gates
    from mlgate.adopt.columns import Findings, Wishes
    from mlgate.params import Params
    from mlgate.project import Project
    from mlgate.report import Report


@click.command()
@click.argument("file", metavar="FILE")
@click.option("--target", required=True, metavar="COLUMN", help="What is to be predicted.")
@click.option("--time", metavar="COLUMN", help="When the row happened; splits and windows follow it.")
@click.option("--id", "key", metavar="COLUMN", help="Identifies a row; one that repeats becomes the cluster.")
@click.option("--cluster", metavar="COLUMN", help="Rows that share it depend on each other, such as a customer.")
@click.option("--task", type=click.Choice(["classification", "regression"]), help="Else found from the target.")
@click.option("--positive", metavar="VALUE", help="Of two classes the one to be found; else 1, true, yes or the rarer.")
@click.option("--drop", multiple=True, metavar="COLUMN", help="Leave a column out; may be given more than once.")
@click.option("--until", metavar="DATE", help="Only rows before it, by --time; later ones can be replayed as traffic.")
@click.option("--encoding", metavar="NAME", help="Of a CSV file that isn't UTF-8, such as cp1250; else found.")
@click.option("--decimal", type=click.Choice([".", ","]), help="Mark before decimals in a CSV file; else found.")
@click.option("--force", is_flag=True, help="Rewrite files that have changes which are not committed.")
def command(file: str, key: str | None, force: bool, drop: tuple[str, ...], **said: str | None) -> int:
    """Make any table the project: FILE is CSV, TSV (also .gz), Parquet or a URL of one.

    Columns, task and features are found and said; src/model, params.yaml, tests, the README's section and the data card
    are written as readable code, and the data version is taken. Everything that it leaves out is named.

    \b
    Example:  uv run mlgate adopt churn.csv --target churned --time signed_up --id customer_id
    """
    from mlgate.adopt.columns import Wishes
    from mlgate.project import Project

    return run(Project.find(), file, Wishes(id=key, drop=drop, **said), force=force).exit_code  # type: ignore[arg-type]


def run(project: Project, file: str, wishes: Wishes, *, force: bool = False) -> Report:
    """Adopt a table.

    Raises
    ------
    ConfigError
        If the call does not fit the table, or files with uncommitted changes would be rewritten.
    DataError
        If the table can't be read or learnt from.
    """
    from mlgate.adopt import swap, tell, write
    from mlgate.console import recording, working

    undone = swap.recover(project)  # before anything is read
    with recording(project, "adopt") as report:
        params = project.params
        if undone:
            report.notes.append("a run that was interrupted has been undone first")
        with working(f"reading {file}"):
            found = _understood(file, wishes)
        with working("trying the generated code on the training rows"):
            new, gates = _prepared(project, params, found, wishes, file)
        notes = tell.notes(found, gates)
        before = (
            (project.root / "README.md").read_text("utf-8") if (project.root / "README.md").is_file() else "# Project\n"
        )
        new["README.md"] = write.readme(found, before, notes)
        gone = _gone(project, new, before)
        changed = swap.differing(project, new, gone)
        _require_clean(project, changed, force)
        with swap.swapped(project, new, gone):
            _ingest(project)
        tell.record(report, found, gates, notes, changed)
    return report


def _understood(file: str, wishes: Wishes) -> Findings:
    from mlgate.adopt import encoding, leaks, sniff, source
    from mlgate.adopt.infer import infer
    from mlgate.adopt.layout import Layout
    from mlgate.verbs.ingest import parse_until

    until = parse_until(wishes.until)
    if until and not wishes.time:
        raise ConfigError("--until without --time", "name the column that says when a row happened")
    with source.local(file) as path:
        source.require_file(path)
        name = encoding.named(wishes.encoding) if wishes.encoding else ""
        layout = Layout() if sniff.is_parquet(path) else sniff.layout(path, name)
        found = infer(source.table(path, layout), file, layout, wishes, until)
    found = found.without(leaks.leaks(found))
    if not any(column.part not in ("", "constant") for column in found.columns):
        why = "; ".join(f"{name}: {reason}" for name, reason in list(found.left_out.items())[:5])
        raise DataError(f"no column is left to learn from ({why or 'all are constant'})", "give a table with features")
    return found


def _prepared(
    project: Project, params: Params, found: Findings, wishes: Wishes, file: str
) -> tuple[dict[str, str], Gates]:
    """All texts, after the generated code ran in a folder of its own."""
    import tempfile
    from pathlib import Path

    from mlgate.adopt import choose, trial, write
    from mlgate.params import parse
    from mlgate.yaml_file import read_yaml

    new = write.sources(found, params)
    path = file if "://" in file else str(Path(file).resolve())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first = write.params_yaml(found, params, wishes, path, None)
        for place, text in {**new, "src/model/__init__.py": "", "params.yaml": first}.items():
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            (folder / place).write_text(text, "utf-8")
        tried = trial.attempt(parse(read_yaml(folder / "params.yaml")), folder / "src")
        gates = choose.gates(found, tried)
        new["params.yaml"] = write.params_yaml(found, params, wishes, _stored(project, path), gates)
        (folder / "params.yaml").write_text(new["params.yaml"], "utf-8")
        parse(read_yaml(folder / "params.yaml"))
    new["data/DATA_CARD.md"] = write.card(found, params.project.name, params.project.owner)
    return new, gates


def _stored(project: Project, path: str) -> str:
    """Relative where the file lies in the repository, so that it holds in every clone."""
    from pathlib import Path

    if "://" not in path and Path(path).is_relative_to(project.root):
        return Path(path).relative_to(project.root).as_posix()
    return path


def _gone(project: Project, new: dict[str, str], readme: str) -> list[str]:
    """What belongs to the use case that was there at birth; after a first adoption nothing is removed."""
    from mlgate.adopt.write import START

    if START in readme:
        return []
    kept = {*new, "src/model/__init__.py", "src/model/service.py"}
    folders: list[Path] = [project.root / name for name in ("src/model", "tests/data", "tests/model")]
    files = [p for folder in folders for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    return sorted(name for name in (p.relative_to(project.root).as_posix() for p in files) if name not in kept)


def _require_clean(project: Project, changed: list[str], force: bool) -> None:
    lines = project.git("--no-optional-locks", "status", "--porcelain", "--untracked-files=all", "-z").split("\0")
    edited = [line[2:].strip() for line in lines if line and (line[:2] != "??" or line[3:] in changed)]
    if changed and edited and not force:
        shown = ", ".join(edited[:5]) + (" …" if len(edited) > 5 else "")
        raise ConfigError(
            f"there are changes that are not committed: {shown}",
            "commit them first, or give --force: adopt rewrites "
            + ", ".join(changed[:4])
            + (" …" if changed[4:] else ""),
        )


def _ingest(project: Project) -> None:
    from mlgate.adopt.trial import code_of
    from mlgate.project import Project as Fresh
    from mlgate.verbs import ingest

    with code_of(project.root / "src"):
        ingest.run(Fresh(project.root))
