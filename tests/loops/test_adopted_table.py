"""The whole loop on tables of others: adopted, then every verb as it is, run by the commands that a user would type."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pytest
from repository import ask, fast_path, give_ports, report
from sklearn import datasets

pytestmark = pytest.mark.loop
ELEC2 = Path(__file__).resolve().parents[3] / "shared" / "data" / "elec2.csv"
RED = 1  # exit code of a verdict


@dataclass
class Story:
    """A repository, and what its verbs answered: exit code and printed text, in order."""

    folder: Path
    mlgate: object
    run: object
    temporary: Path
    said: dict[str, tuple[int, str]] = field(default_factory=dict)

    def verb(self, *words: str, name: str = "", code: int = 0) -> None:
        done = self.mlgate(self.folder, *words, TMPDIR=str(self.temporary))
        self.said[name or words[0]] = done.returncode, done.stdout + done.stderr
        assert done.returncode == code, done.stdout + done.stderr

    def git(self, *words: str) -> str:
        done = self.run(["git", *words], self.folder)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def commit(self, message: str) -> None:
        self.git("add", "-A")
        self.git("commit", "-qm", message)

    def trained(self, file: Path, *words: str) -> None:
        """Adopted, trained, judged and committed."""
        self.verb("adopt", str(file), *words)
        self.commit("adopt")
        own = {"PYTHONPATH": str(self.folder / "src"), "TMPDIR": str(self.temporary)}
        done = self.run(["dvc", "repro"], self.folder, **own)
        assert done.returncode == 0, done.stdout + done.stderr
        self.commit("train")

    def delivered(self) -> None:
        self.verb("package")
        self.verb("deploy", "--env", "staging")
        self.verb("promote")

    def monitored(self, name: str, code: int) -> None:
        self.verb("monitor", "--env", "production", code=code)
        checks = report(self.folder, "monitor")["checks"]
        self.said[name] = code, " ".join(check["id"] for check in checks if check["status"] == "fail")


@pytest.fixture(scope="module")
def begin(project_copy, mlgate, run, module_folder, ended):
    def _begin(name: str) -> Story:
        repository = project_copy(module_folder(name))
        give_ports(repository)
        ended(repository)
        story = Story(repository, mlgate, run, module_folder("temporary"))
        story.commit("ports of their own")
        return story

    return _begin


@pytest.fixture(scope="module")
def whole(begin, run, module_folder) -> Story:
    """Once round: on elec2 where it is beside the checkout, else on scikit-learn's table of breast cancer."""
    story = begin("whole")
    (_in_time if ELEC2.is_file() else _without_time)(story, module_folder("table"))
    story.git("merge", "-q", "--ff-only", "mlgate/retrain")
    done = run(["dvc", "checkout", "-q"], story.folder)
    assert done.returncode == 0, done.stdout + done.stderr
    story.delivered()
    story.verb("rollback", "--env", "production")
    return story


def _in_time(story: Story, _: Path) -> None:
    """Until four weeks before the Victorian market opened; its months come as traffic."""
    story.trained(ELEC2, "--target", "price_up", "--time", "timestamp", "--until", "1997-04-07")
    story.verb("prove")
    story.delivered()
    story.verb("replay", "--env", "production", "--days", "28")
    story.monitored("before", 0)
    story.verb("replay", "--env", "production", "--days", "70")
    story.monitored("after", RED)
    story.verb("retrain", "--until", "1997-07-14")


def _without_time(story: Story, folder: Path) -> None:
    """The first rows; then cells that are measured three times as large, and a source that has grown."""
    file = folder / "cells.csv"
    every = datasets.load_breast_cancer(as_frame=True).frame.rename_axis("sample").reset_index()
    every.head(450).to_csv(file, index=False)
    story.trained(file, "--target", "target", "--id", "sample")
    story.verb("prove")
    story.delivered()
    story.verb("replay", "--env", "production")
    story.monitored("before", 0)
    rows = pd.read_parquet(story.folder / "data" / "raw.parquet")
    rows.assign(mean_radius=rows["mean_radius"] * 3).to_csv(folder / "later.csv", index=False)
    story.verb("replay", "--env", "production", "--file", str(folder / "later.csv"))
    story.monitored("after", RED)
    every.to_csv(file, index=False)
    story.verb("retrain")


class TestTheWholeLoop:
    def test_every_check_of_the_adopted_project_is_proved(self, whole: Story) -> None:
        checks = report(whole.folder, "prove")["checks"]
        assert {check["status"] for check in checks} <= {"pass", "skip"}
        assert sum(check["status"] == "pass" for check in checks) >= len(checks) - 2
        assert all(check["evidence"] for check in checks if check["status"] == "skip")

    def test_the_monitor_is_quiet_before_the_change_and_names_the_columns_after_it(self, whole: Story) -> None:
        assert whole.said["before"] == (0, "")
        moved = ("vicprice", "vicdemand", "transfer") if ELEC2.is_file() else ("mean_radius",)
        assert {f"data-drift/{name}" for name in moved} <= set(whole.said["after"][1].split())

    def test_retraining_took_the_newer_rows_through_the_same_gates(self, whole: Story) -> None:
        status = {check["id"]: check["status"] for check in report(whole.folder, "retrain")["checks"]}
        assert [status[name] for name in ("new-data", "floor", "champion")] == ["pass"] * 3

    def test_production_is_back_at_the_first_release_and_answers(self, whole: Story) -> None:
        images = whole.git("log", "--format=%(trailers:key=Image,valueonly,separator=%x2C)", "env/production").split()
        assert len(images) == 3
        assert images[0] == images[2] != images[1]
        assert _answer(whole, "production").status_code == 200

    def test_one_row_is_answered_without_a_frame_as_that_agreed_on_the_holdout(self, whole: Story) -> None:
        assert fast_path(whole.folder, "production") == dict.fromkeys(("pipeline", "features", "frame", "together"), "")

    def test_nothing_is_left_uncommitted(self, whole: Story) -> None:
        assert whole.git("status", "--porcelain") == ""

    @pytest.mark.parametrize("command", [("pytest", "-q"), ("ruff", "check", "src/model", "tests"), ("mypy",)])
    def test_its_own_tests_and_linters_are_green(self, whole: Story, command: tuple[str, ...]) -> None:
        done = whole.run(list(command), whole.folder, PYTHONPATH=str(whole.folder / "src"))
        assert done.returncode == 0, done.stdout + done.stderr

    def test_no_verb_and_no_service_leaves_a_temporary_file(self, whole: Story) -> None:
        assert [path.name for path in whole.temporary.iterdir() if path.name.startswith("mlgate-")], "they are there"
        for environment in ("staging", "production"):
            whole.verb("serve", "--env", environment, "--stop")
        left = [path.name for path in whole.temporary.iterdir()]
        assert [name for name in left if not name.startswith("db_init_lock-")] == [], "MLflow keeps that, empty"


@pytest.mark.parametrize(
    ("name", "prediction"),
    [("diabetes", "prediction"), ("digits", "label")],
)
def test_other_tasks_are_served_and_watched(begin, tmp_path: Path, name: str, prediction: str) -> None:
    story = begin(name)
    getattr(datasets, f"load_{name}")(as_frame=True).frame.to_csv(tmp_path / "table.csv", index=False)
    story.trained(tmp_path / "table.csv", "--target", "target")
    story.verb("package")
    story.verb("deploy", "--env", "staging")
    answer = _answer(story, "staging")
    assert answer.status_code == 200, answer.text
    assert prediction in answer.json()["predictions"][0]
    story.verb("replay", "--env", "staging")
    story.verb("monitor", "--env", "staging")
    assert story.git("status", "--porcelain") == ""


def test_a_table_that_is_too_small_to_gate_is_told_so_by_every_verb(begin, tmp_path: Path) -> None:
    story = begin("iris")
    datasets.load_iris(as_frame=True).frame.to_csv(tmp_path / "iris.csv", index=False)
    story.verb("adopt", str(tmp_path / "iris.csv"), "--target", "target")
    assert "holdout-size" in story.said["adopt"][1]
    story.commit("adopt")
    for verb in ("validate", "package"):
        story.verb(verb, code=RED)
        assert "Traceback" not in story.said[verb][1]
    sizes = {check["id"]: check for check in report(story.folder, "validate")["checks"]}
    assert sizes["holdout-size"]["status"] == "fail"


def _answer(story: Story, environment: str):
    """What the service says to the first row of the release's own golden request."""
    golden = next(story.folder.glob(".mlgate/releases/*/src/artifacts/golden.json"))
    return ask(story.folder, environment, pd.read_json(golden, typ="series")["rows"][:1])
