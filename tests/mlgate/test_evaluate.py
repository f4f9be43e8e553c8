"""`mlgate evaluate` on artefacts of the real split, training and model file; the ledger is a real Git branch."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlgate.errors import ConfigError, DataError, InfraError
from mlgate.files import digest, write_json
from mlgate.judging import standing
from mlgate.ledger import Ledger
from mlgate.packing.release import ModelCard, Release, image_digest
from mlgate.project import Project, git
from mlgate.report import Check, Report
from mlgate.table.split import split
from mlgate.training import modelfile
from mlgate.training.fit import fit
from mlgate.verbs import evaluate
from mlgate.versions import snapshot

SOURCE = Path(evaluate.__file__).parent.parent
PARAMS = """\
project: {{name: Toy, slug: toy, owner: someone}}
data: {{task: {task}, target: y, id: id, time: {time}, cluster: {cluster}}}
quality: {{min_rows: 1}}
split: {{holdout: {holdout}}}
model: {{}}
gates: {{metric: {metric}, capacity: 20, floor: {{threshold: {floor}}}, champion: {{margin: {margin}}}}}
monitor: {{window: 1d}}
serving: {{ports: {{staging: 4310, production: 4320}}}}
"""
DEFAULTS = {
    "task": "binary",
    "time": "when",
    "cluster": "who",
    "holdout": "20d",
    "metric": "average_precision",
    "floor": 0.3,
    "margin": 0.1,
}
FEATURES = '"""Two inputs."""\n\n\ndef features(rows, history):\n    return rows[["a", "b"]]\n'
MODEL = '"""What a bundle declares."""\n'


def table(task: str = "binary", days: int = 60, seed: int = 3, signal: float = 1.6) -> pd.DataFrame:
    """100 rows a day, 300 customers, two informative inputs."""
    random = np.random.default_rng(seed)
    n = 100 * days
    a, b = random.normal(size=(2, n))
    noise = random.normal(size=n)
    y = signal * a + b + noise if task == "regression" else np.digitize(signal * a + b + noise, [2.0, 3.5])
    return pd.DataFrame(
        {
            "id": np.arange(n),
            "when": pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(n) * 864, unit="s"),
            "who": random.integers(0, 300, n),
            "a": a,
            "b": b,
            "y": np.minimum(y, 1) if task == "binary" else y,
        }
    )


def features(rows: pd.DataFrame, history: pd.DataFrame | None) -> pd.DataFrame:
    return rows[["a", "b"]]


def build(params: object) -> object:
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    task = params.data.task  # type: ignore[attr-defined]
    return make_pipeline(StandardScaler(), LinearRegression() if task == "regression" else LogisticRegression())


def train(project: Project, frame: pd.DataFrame) -> ModelCard:
    """What `ingest`, `validate` and `train` leave, by their own code, without DVC and MLflow."""
    project.__dict__.pop("params", None)
    project.raw.parent.mkdir(exist_ok=True)
    project.raw.write_bytes(snapshot.encode(frame))
    frame = snapshot.read(project.raw, project.params)
    fitted = fit(frame, project.params, features, build)
    parts = fitted.split
    write_json(
        project.root / "data" / "split.json",
        {"holdout_digest": parts.holdout_digest, "data_digest": digest(project.raw)},
    )
    shutil.rmtree(project.models, ignore_errors=True)
    project.models.mkdir()
    path = modelfile.save(fitted.pipeline, project.models)
    (project.models / "holdout.parquet").write_bytes(snapshot.encode(fitted.holdout))
    card = ModelCard(
        model="toy",
        file=path.name,
        format="skops",
        digest=digest(path),
        inputs="sha256:" + "1" * 64,
        estimator="LogisticRegression",
        task=project.params.data.task,
        classes=fitted.labels,
        features=["a", "b"],
        trained_until=parts.trained_until.isoformat() if parts.trained_until else None,
        train_rows=int(parts.train.sum()),
        train_digest=parts.train_digest,
        data_digest=digest(project.raw),
        holdout_digest=parts.holdout_digest,
        holdout_rows=int(parts.holdout.sum()),
    )
    write_json(project.models / "model.json", card.model_dump(mode="json"))
    return card


def release_of(project: Project, card: ModelCard) -> Release:
    """The bundle of the model in `models/`, in the contract's layout, and its record."""
    folder = project.state / "releases" / "new"
    source = folder / "src"
    shutil.copytree(SOURCE, source / "mlgate", ignore=shutil.ignore_patterns("__pycache__"))
    (source / "model").mkdir()
    for name, text in (("__init__", ""), ("features", FEATURES), ("model", MODEL)):
        (source / "model" / f"{name}.py").write_text(text)
    for name in ("params.yaml", "uv.lock"):
        shutil.copy(project.root / name, source)
    shutil.copytree(project.models, source / "artifacts")
    image = image_digest(folder)
    release = Release(
        model="toy",
        version=card.digest[7:19],
        image=image,
        source_commit=project.commit,
        data_digest=card.data_digest,
        model_digest=card.digest,
        holdout_digest=card.holdout_digest,
        holdout_rows=card.holdout_rows,
        trained_until=card.trained_until,
        built="2026-03-01T00:00:00+00:00",
    )
    target = folder.parent / release.hex
    shutil.rmtree(target, ignore_errors=True)
    folder.rename(target)
    return release


def deploy(project: Project, card: ModelCard, **files: bytes | None) -> Release:
    """Put the model in `models/` into env/production; a keyword replaces or removes a file beside the record."""
    release = release_of(project, card)
    holdout = pd.read_parquet(project.models / "holdout.parquet")
    kept = snapshot.encode(holdout[["row_hash", *(n for n in holdout if n.startswith("score"))]])
    content = {"holdout.parquet": kept, "model.json": (project.models / "model.json").read_bytes()}
    for name, text in files.items():
        content[name.replace("_", ".")] = text
    wanted = {name: text for name, text in content.items() if text is not None}
    Ledger(project).write("production", release, wanted, "deploy(production): toy", {})
    return release


def configure(project: Project, **answers: object) -> None:
    (project.root / "params.yaml").write_text(PARAMS.format(**DEFAULTS | answers))
    project.__dict__.pop("params", None)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A committed repository without a model."""
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "MLGATE_STATE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("model.features.features", features)
    root = tmp_path / "toy"
    (root / "src" / "model").mkdir(parents=True)
    project = Project(root)
    configure(project)
    (root / "uv.lock").write_text("version = 1\n")
    (root / ".gitignore").write_text(".mlgate/\nreports/\nmodels/\n")
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "-c", "user.name=someone", "-c", "user.email=someone@localhost", "commit", "-q", "-m", "first")
    return project


def checks(report: Report) -> dict[str, Check]:
    return {check.id: check for check in report.checks}


def statuses(report: Report) -> dict[str, str]:
    return {check.id: check.status for check in report.checks}


def test_first_release_is_judged_by_the_floor_alone_and_says_so(project: Project) -> None:
    train(project, table())
    report = evaluate.run(project)
    assert statuses(report) == {"holdout": "pass", "power": "skip", "floor": "pass", "first-release": "pass"}
    assert report.exit_code == 0
    assert "no champion yet" in checks(report)["power"].evidence


def test_metrics_with_intervals_are_written_for_the_release(project: Project) -> None:
    train(project, table())
    evaluate.run(project)
    found = json.loads((project.reports / "metrics.json").read_text())
    assert set(found) == {"average_precision", "roc_auc", "log_loss", "brier", "precision_at_capacity"}
    for value in found.values():
        assert value["low"] < value["value"] < value["high"]


@pytest.mark.parametrize(("task", "metric"), [("multiclass", "accuracy"), ("regression", "r2")])
def test_other_tasks_pass_through_the_same_gates(project: Project, task: str, metric: str) -> None:
    configure(project, task=task, metric=metric, cluster="null")
    card = train(project, table(task))
    deploy(project, card)
    report = evaluate.run(project)
    assert report.status == "pass"
    assert "identical" in checks(report)["champion"].evidence


def test_model_below_the_floor_is_red(project: Project) -> None:
    configure(project, floor=0.95)
    train(project, table())
    report = evaluate.run(project)
    assert (statuses(report)["floor"], report.exit_code) == ("fail", 1)


def test_same_model_as_the_champion_passes_on_scores_kept_in_the_ledger(project: Project) -> None:
    deploy(project, train(project, table()))
    shutil.rmtree(project.state / "releases")
    report = evaluate.run(project)
    assert statuses(report)["champion"] == "pass"
    assert "kept in the ledger" in checks(report)["champion"].evidence


def test_clearly_worse_challenger_is_blocked(project: Project) -> None:
    frame = table()
    deploy(project, train(project, frame))
    spoiled = frame.assign(a=np.where(frame["when"] < "2026-02-10", -frame["a"], frame["a"]))
    with_same_holdout = split(snapshot.read(project.raw, project.params), project.params).holdout_digest
    card = train(project, spoiled)
    assert card.holdout_digest == with_same_holdout
    report = evaluate.run(project)
    assert (statuses(report)["champion"], report.exit_code) == ("fail", 1)


def test_new_data_version_scores_the_champion_again_by_its_own_code(project: Project) -> None:
    release = deploy(project, train(project, table(days=60)))
    train(project, table(days=90))
    report = evaluate.run(project)
    found = checks(report)
    assert report.status == "pass", report
    assert f"champion {release.version}, scored anew by its own bundle" in found["champion"].evidence
    assert "newer than the champion's training rows" in found["champion-holdout"].evidence


def test_champions_own_features_are_used_not_todays(project: Project) -> None:
    card = train(project, table(days=60))
    release = deploy(project, card)
    folder = project.state / "releases" / release.hex
    (folder / "src" / "model" / "features.py").write_text(FEATURES.replace('rows[["a", "b"]]', 'rows[["a", "b"]] * 0'))
    blind = release.model_copy(update={"image": image_digest(folder)})
    folder.rename(folder.parent / blind.hex)
    kept = {"model.json": (project.models / "model.json").read_bytes()}
    Ledger(project).write("production", blind, kept, "deploy(production): blind", {})
    train(project, table(days=90))
    found = checks(evaluate.run(project))["champion"]
    assert found.status == "pass"
    assert found.observed is not None
    assert found.observed > 0.3  # a champion that sees nothing has the base rate as its average precision


def test_champion_that_saw_the_holdout_is_no_comparison(project: Project) -> None:
    deploy(project, train(project, table(days=90)))
    train(project, table(days=60))
    report = evaluate.run(project)
    assert statuses(report)["champion-holdout"] == "fail"
    assert statuses(report)["champion"] == "error"
    assert report.exit_code == 1


def test_champion_whose_bundle_is_gone_ends_in_exit_3_and_an_error(project: Project) -> None:
    deploy(project, train(project, table(days=60)))
    train(project, table(days=90))
    shutil.rmtree(project.state / "releases")
    with pytest.raises(InfraError, match="not on this machine") as caught:
        evaluate.run(project)
    assert "mlgate package" in caught.value.mend
    assert statuses(Report.read(project.reports / "evaluate.json"))["champion"] == "error"


def test_champion_whose_bundle_was_changed_is_not_run(project: Project, tmp_path: Path) -> None:
    release = deploy(project, train(project, table(days=60)))
    train(project, table(days=90))
    canary = tmp_path / "ran"
    code = project.state / "releases" / release.hex / "src" / "model" / "features.py"
    code.write_text(f"open({str(canary)!r}, 'w')\n" + FEATURES)
    with pytest.raises(InfraError, match="not the champion's that the ledger names"):
        evaluate.run(project)
    assert not canary.exists()


def test_champion_that_breaks_on_todays_rows_is_an_error(project: Project) -> None:
    deploy(project, train(project, table(days=60)))
    train(project, table(days=90))
    raw = snapshot.read(project.raw, project.params)
    train(project, raw)
    release = Ledger(project).read("production")
    assert release is not None
    folder = project.state / "releases" / release.hex
    (folder / "src" / "model" / "features.py").write_text("def features(rows, history):\n    return rows[['gone']]\n")
    broken = release.model_copy(update={"image": image_digest(folder)})
    folder.rename(folder.parent / broken.hex)
    kept = {"model.json": Ledger(project).file("production", "model.json") or b""}
    Ledger(project).write("production", broken, kept, "deploy(production): broken", {})
    report = evaluate.run(project)
    assert statuses(report)["champion"] == "error"
    assert "could not score the new holdout" in checks(report)["champion"].evidence


@pytest.mark.parametrize("content", [None, b"", b"not parquet"], ids=["missing", "empty", "damaged"])
def test_champions_scores_that_cannot_be_read_are_an_error(project: Project, content: bytes | None) -> None:
    card = train(project, table())
    deploy(project, card, holdout_parquet=content)
    report = evaluate.run(project)
    assert statuses(report)["champion"] == "error"
    assert report.exit_code == 1


def test_champions_scores_that_lack_a_row_or_hold_nan_are_an_error(project: Project) -> None:
    card = train(project, table())
    kept = pd.read_parquet(project.models / "holdout.parquet")[["row_hash", "score"]]
    deploy(project, card, holdout_parquet=snapshot.encode(kept.iloc[1:]))
    assert "1 rows" in checks(evaluate.run(project))["champion"].evidence
    deploy(project, card, holdout_parquet=snapshot.encode(kept.assign(score=kept["score"].where(kept.index != 5))))
    found = checks(evaluate.run(project))["champion"]
    assert (found.status, "NaN" in found.evidence) == ("error", True)


def test_champion_of_another_task_is_refused(project: Project) -> None:
    card = train(project, table())
    other = card.model_copy(update={"classes": ["no", "yes"]}).model_dump_json().encode()
    deploy(project, card, model_json=other)
    report = evaluate.run(project)
    assert statuses(report)["champion-holdout"] == "fail"
    assert statuses(report)["champion"] == "error"


def test_damaged_ledger_is_never_a_first_release(project: Project) -> None:
    card = train(project, table())
    deploy(project, card)
    branch = Ledger(project).branch("production")
    branch.add({"release.json": b"{}"}, "damage", branch.head())
    report = evaluate.run(project)
    assert statuses(report)["champion"] == "error"
    assert "first-release" not in statuses(report)


def test_clone_without_the_ledger_is_never_a_first_release(project: Project) -> None:
    deploy(project, train(project, table()))
    head = Ledger(project).head("production")
    project.git("update-ref", "refs/remotes/origin/env/production", head)
    for ref in ("refs/heads/env/production", "refs/mlgate/seen/env/production"):
        project.git("update-ref", "-d", ref)
    report = evaluate.run(project)
    assert statuses(report)["champion"] == "error"
    assert "git fetch origin env/production:env/production" in checks(report)["champion"].mend


def spoil_target(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(target=np.where(frame.index == 7, 1 - frame["target"], frame["target"]))


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (spoil_target, "target of row 7"),
        (lambda frame: frame.iloc[1:].reset_index(drop=True), "rows, the data give"),
        (lambda frame: frame.assign(cluster=np.arange(len(frame), dtype=np.uint64)), "cluster of row"),
        (lambda frame: frame.iloc[::-1].reset_index(drop=True), "row_hash of row 0"),
        (lambda frame: frame.drop(columns="target"), "lacks the columns target"),
        (lambda frame: frame.assign(target=frame["target"].astype(str)), "target of row"),
    ],
    ids=["label", "row", "cluster", "order", "column", "type"],
)
def test_case_11_holdout_that_was_tampered_with_is_red(project: Project, spoil: object, word: str) -> None:
    train(project, table())
    path = project.models / "holdout.parquet"
    path.write_bytes(snapshot.encode(spoil(pd.read_parquet(path))))  # type: ignore[operator]
    report = evaluate.run(project)
    assert statuses(report) == {"holdout": "fail", "power": "error", "floor": "error", "champion": "error"}
    assert word in checks(report)["holdout"].evidence
    assert report.exit_code == 1


def test_case_11_training_rows_in_the_holdout_are_red(project: Project) -> None:
    from mlgate.table.split import row_hashes

    train(project, table())
    frame = snapshot.read(project.raw, project.params)
    parts = split(frame, project.params)
    path = project.models / "holdout.parquet"
    stored = pd.read_parquet(path)
    hashes = stored["row_hash"].to_numpy(copy=True)
    hashes[3] = row_hashes(frame, project.params)[parts.train][0]
    path.write_bytes(snapshot.encode(stored.assign(row_hash=hashes)))
    assert "training rows" in checks(evaluate.run(project))["holdout"].evidence


def test_case_11_one_flipped_byte_of_the_data_is_red(project: Project) -> None:
    train(project, table())
    content = bytearray(project.raw.read_bytes())
    content[len(content) // 2] ^= 1
    project.raw.write_bytes(content)
    report = evaluate.run(project)
    assert statuses(report)["holdout"] == "fail"
    assert report.exit_code == 1


def test_moving_the_cut_after_training_is_red(project: Project) -> None:
    train(project, table())
    configure(project, holdout="10d")
    assert "another holdout" in checks(evaluate.run(project))["holdout"].evidence


@pytest.mark.parametrize("name", ["model.json", "model.skops", "holdout.parquet"])
def test_missing_model_file_is_red_and_says_what_to_run(project: Project, name: str) -> None:
    train(project, table())
    (project.models / name).unlink()
    report = evaluate.run(project)
    assert report.exit_code == 1
    assert "mlgate train" in checks(report)["holdout"].mend


def test_too_few_positives_are_an_error_with_the_number_needed(project: Project) -> None:
    configure(project, holdout="2d")
    train(project, table())
    report = evaluate.run(project)
    assert statuses(report)["floor"] == "error"
    assert "needs 50" in checks(report)["floor"].evidence


def test_margin_that_cannot_be_seen_is_refused(project: Project) -> None:
    configure(project, margin=0.005)
    deploy(project, train(project, table()))
    found = checks(evaluate.run(project))["power"]
    assert found.status == "fail"
    assert "80 % needs" in found.evidence
    assert "raise gates.champion.margin" in found.mend


def test_metric_of_another_task_is_a_configuration_error(project: Project) -> None:
    train(project, table())
    configure(project, metric="rmse")
    with pytest.raises(ConfigError, match="no metric of a binary task"):
        evaluate.run(project)


def test_nothing_changed_repeats_the_verdict_without_judging_again(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(project, table())
    first = evaluate.run(project)
    monkeypatch.setattr(evaluate, "_judge", lambda *_: pytest.fail("judged again"))
    for _ in range(2):
        again = evaluate.run(project)
        assert again.checks == first.checks
        assert again.subject == first.subject
        assert again.notes == [*first.notes, "nothing changed: the verdict stands"]


def test_a_retrained_model_that_was_merged_is_not_judged_again(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(project, table())
    first = evaluate.run(project)
    metrics = (project.reports / "metrics.json").read_bytes()
    shutil.move(project.reports, project.root / "judged elsewhere")
    standing.bring(project.root / "judged elsewhere", project.reports / "retrain")
    with monkeypatch.context() as patch:
        patch.setattr(evaluate, "_judge", lambda *_: pytest.fail("judged again"))
        again = evaluate.run(project)
    assert (again.checks, again.subject) == (first.checks, first.subject)
    assert (project.reports / "metrics.json").read_bytes() == metrics
    configure(project, floor=0.95)
    assert evaluate.run(project).status == "fail"


def test_red_verdict_is_always_judged_again(project: Project) -> None:
    configure(project, floor=0.95)
    train(project, table())
    assert evaluate.run(project).status == "fail"
    assert "nothing changed: the verdict stands" not in evaluate.run(project).notes


def test_case_7_a_verdict_does_not_stand_on_a_snapshot_that_became_a_symlink(project: Project) -> None:
    """To the same rows: where it points now says nothing about where it will."""
    train(project, table())
    assert evaluate.run(project).status == "pass"
    project.raw.symlink_to(project.raw.rename(project.root.parent / "elsewhere.parquet"))
    report = evaluate.run(project)
    (holdout,) = (check for check in report.checks if check.id == "holdout")
    assert (holdout.status, "is a symlink" in holdout.evidence) == ("fail", True)


def test_new_champion_or_changed_holdout_ends_a_standing_verdict(project: Project) -> None:
    card = train(project, table())
    evaluate.run(project)
    deploy(project, card)
    assert "champion" in statuses(evaluate.run(project))
    path = project.models / "holdout.parquet"
    path.write_bytes(snapshot.encode(spoil_target(pd.read_parquet(path))))
    assert evaluate.run(project).exit_code == 1


def test_unseen_holdout_without_time_needs_the_champions_own_rules(project: Project) -> None:
    frame = table().drop(columns="when")
    rules: dict[str, object] = {"time": "null", "holdout": 0.3}
    configure(project, **rules)
    deploy(project, train(project, frame))
    more = table(days=80).drop(columns="when")
    train(project, more)
    report = evaluate.run(project)
    assert statuses(report)["champion-holdout"] == "pass", report
    assert "by the same hash" in checks(report)["champion-holdout"].evidence
    configure(project, **rules | {"holdout": 0.4})
    train(project, more)
    assert statuses(evaluate.run(project))["champion-holdout"] == "fail"


def test_no_model_at_all_is_one_message(project: Project) -> None:
    report = evaluate.run(project)
    assert report.exit_code == 1
    assert "mlgate train" in checks(report)["holdout"].mend
    with pytest.raises(DataError):
        snapshot.read(project.raw, project.params)


def test_case_11_scores_that_are_not_this_models_are_red(project: Project) -> None:
    train(project, table())
    path = project.models / "holdout.parquet"
    held = pd.read_parquet(path)
    path.write_bytes(snapshot.encode(held.assign(score=held["target"] * 0.98 + 0.01)))
    report = evaluate.run(project)
    assert statuses(report) == {"holdout": "fail", "power": "error", "floor": "error", "champion": "error"}
    assert "not this model's" in checks(report)["holdout"].evidence
