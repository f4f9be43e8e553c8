"""`train`: fit the pipeline on the training rows, record the run in MLflow, and put the model in `models/`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mlgate.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from mlgate.packing.release import ModelCard
    from mlgate.project import Project
    from mlgate.report import Report
    from mlgate.training.fit import Fitted


@click.command()
def command() -> int:
    """Fit the pipeline on the training rows and record the run. Nothing changed means nothing to do.

    \b
    Example:  uv run mlgate train
    """
    from mlgate.project import Project

    return run(Project.find()).exit_code


def run(project: Project) -> Report:
    """Train, record, and replace `models/` as a whole.

    Raises
    ------
    DataError
        If there is no validated snapshot, or the model can't be fitted or written; `models/` stays.
    InfraError
        If MLflow or the disk fails; `models/` stays.
    """
    from mlgate.console import recording, working
    from mlgate.folder import recover
    from mlgate.versions import store

    with recording(project, "train") as report:
        recover(project.models)
        inputs = _inputs(project)
        card = _unchanged(project, inputs)
        if card is not None:
            report.notes.append("nothing changed: the model in models/ is the one that training would give")
        else:
            with working("training"):
                card = _train(project, inputs, report)
        with working("recording the model's version"):
            store.record(project, "train", "evaluate")  # evaluate has no files: a later `dvc repro` adds no entry
        _tell(card, report)
    return report


def _inputs(project: Project) -> str:
    """Digest of what the model depends on; DataError where `validate` has not seen this snapshot."""
    import importlib.metadata
    import json

    from mlgate.files import digest, digest_tree
    from mlgate.training.fit import inputs_digest

    path = project.root / "data" / "split.json"
    try:
        said = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is missing or damaged", "run `mlgate validate` first") from error
    data = digest(project.raw) if project.raw.is_file() else ""
    if not data or said.get("data_digest") != data:
        raise DataError("data/raw.parquet is not the snapshot that was validated", "run `mlgate validate` first")
    source = project.root / "src" / "model"
    skip = [p.relative_to(source).as_posix() for p in source.rglob("*.pyc")]
    names = ("scikit-learn", "numpy", "pandas", "skops")
    versions = {name: importlib.metadata.version(name) for name in names}
    return inputs_digest(project.params, data, digest_tree(source, skip), versions)


def _unchanged(project: Project, inputs: str) -> ModelCard | None:
    """The card in `models/` if it came from the same inputs and every file is whole."""
    from mlgate.packing.release import read_card

    try:
        card = read_card(project.models)
    except DataError:
        return None
    whole = all((project.models / name).is_file() for name in ("profile.json", "holdout.parquet"))
    return card if whole and card.inputs == inputs else None


def _train(project: Project, inputs: str, report: Report) -> ModelCard:
    import warnings

    from mlgate.folder import replacement
    from mlgate.training import tracking, tracking_server
    from mlgate.training.fit import fit
    from mlgate.versions import snapshot
    from model import features, model

    warm = tracking_server.warming(project)
    frame = snapshot.read(project.raw, project.params)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = fit(frame, project.params, features.features, model.build)
    with replacement(project.models) as folder:
        card = _write(project, folder, fitted, frame, inputs)
        warm.join()
        version = tracking.record(project, _told(project, card, fitted))
    report.notes.append(f"MLflow: {project.params.project.slug} version {version} at {tracking_server.shown(project)}")
    return card


def _write(project: Project, folder: Path, fitted: Fitted, frame: Any, inputs: str) -> ModelCard:
    """The four files of `models/`, into `folder`."""
    from mlgate.drift.profile import build_profile
    from mlgate.files import digest, write_json
    from mlgate.packing.release import ModelCard
    from mlgate.training import modelfile
    from mlgate.training.threads import threads
    from mlgate.versions.snapshot import encode

    params, parts = project.params, fitted.split
    path = modelfile.save(fitted.pipeline, folder)
    times = frame.loc[parts.train, params.data.time] if params.data.time else None
    scores = fitted.holdout[
        [n for n in map(str, fitted.holdout) if n.startswith("score") or (n == "time" and params.data.time)]
    ]
    (folder / "profile.json").write_text(build_profile(fitted.inputs[parts.train], times, scores, params).to_json())
    (folder / "holdout.parquet").write_bytes(encode(fitted.holdout))
    card = ModelCard(
        model=params.project.slug,
        file=path.name,
        format="joblib" if path.suffix == ".joblib" else "skops",
        digest=digest(path),
        inputs=inputs,
        estimator=_name(fitted.pipeline),
        task=params.data.task,
        classes=fitted.labels,
        features=list(map(str, fitted.inputs.columns)),
        trained_until=parts.trained_until.isoformat() if parts.trained_until else None,
        train_rows=int(parts.train.sum()),
        train_digest=parts.train_digest,
        data_digest=digest(project.raw),
        holdout_digest=parts.holdout_digest,
        holdout_rows=int(parts.holdout.sum()),
        params=params.model,
        threads=threads(),
    )
    write_json(folder / "model.json", card.model_dump(mode="json"))
    return card


def _told(project: Project, card: ModelCard, fitted: Fitted) -> Any:
    from mlgate.gates.metrics import for_task
    from mlgate.training import tracking

    holdout = fitted.split.holdout
    example = fitted.inputs[holdout].head(5)
    y = fitted.y[holdout]
    values = {f"holdout.{name}": float(metric.value(y, fitted.scores)) for name, metric in for_task(card.task).items()}
    return tracking.Run(
        card=card,
        model=fitted.pipeline,
        example=example,
        predictions=fitted.pipeline.predict(example),
        training=fitted.inputs[fitted.split.train],
        metrics={name: value for name, value in values.items() if value == value},  # not NaN
        commit=project.commit,
    )


def _name(pipeline: Any) -> str:
    last = pipeline.steps[-1][1] if hasattr(pipeline, "steps") else pipeline
    return f"{type(last).__module__}.{type(last).__qualname__}"


def _tell(card: ModelCard, report: Report) -> None:
    from mlgate.packing.release import version_of
    from mlgate.report import Check

    report.subject.data_digest, report.subject.model_digest = card.data_digest, card.digest
    report.artifacts += [f"models/{name}" for name in (card.file, "model.json", "profile.json", "holdout.parquet")]
    report.notes.append(f"model {version_of(card.digest)}: {card.train_rows:,} rows, {len(card.features)} features")
    safe = card.format == "skops"
    said = "skops: read without running code, types on our allow-list" if safe else ""
    report.checks.append(
        Check(
            id="model-format",
            title="The model file can be read without running code",
            status="pass" if safe else "skip",
            evidence=said or "joblib, as src/model/model.py declares: loading runs code; its digest alone protects it",
        )
    )
