"""A verb as a step: its exit code, outputs that always have a value, and a green that a report confirms."""

from __future__ import annotations

from pathlib import Path

import pytest

RUN = "lib/run_verb.py"
GOOD = {"id": "floor", "title": "floor", "status": "pass"}
BAD = {"id": "floor", "title": "floor", "status": "fail", "evidence": "0.3 is below 0.4", "mend": "more rows"}


def test_a_green_verb_is_called_in_the_locked_environment_and_shown(step, uv, report, tmp_path) -> None:
    env = uv("evaluate", 0, report("evaluate", GOOD, data_digest="sha256:ab"))
    done = step(RUN, tmp_path, "mlgate", "evaluate", **env)
    assert done.code == 0
    assert done.outputs["status"] == "pass"
    assert done.outputs["data-digest"] == "sha256:ab"
    assert (tmp_path / "bin" / "called").read_text().split() == ["run", "--locked", "mlgate", "evaluate"]
    assert "### ✅ evaluate: pass" in done.summary
    assert "PYTHONPATH" not in (tmp_path / "bin" / "environ").read_text()


def test_a_red_verb_fails_the_step_and_names_the_check(step, uv, report, tmp_path) -> None:
    done = step(RUN, tmp_path, "mlgate", "evaluate", **uv("evaluate", 1, report("evaluate", BAD)))
    assert done.code == 1
    assert done.outputs["status"] == "fail"
    assert "::error title=evaluate%3A floor::0.3 is below 0.4; next: more rows" in done.log


@pytest.mark.parametrize(("code", "status"), [(1, "fail"), (2, "error"), (3, "error"), (255, "fail")])
def test_an_exit_code_is_believed_over_a_green_report(step, uv, report, tmp_path, code: int, status: str) -> None:
    done = step(RUN, tmp_path, "mlgate", "evaluate", **uv("evaluate", code, report("evaluate", GOOD)))
    assert done.code == min(code, 3) if code < 255 else done.code == 1
    assert done.outputs["status"] == status


def test_a_red_report_is_believed_over_an_exit_code_and_fails_the_step(step, uv, report, tmp_path) -> None:
    done = step(RUN, tmp_path, "mlgate", "evaluate", **uv("evaluate", 0, report("evaluate", BAD)))
    assert done.outputs["status"] == "fail"
    assert done.code == 1


@pytest.mark.parametrize("words", [("mlgate", "evaluate"), ("--show", "validate,train,evaluate", "dvc", "repro")])
def test_a_step_whose_judge_left_no_report_is_red_whatever_its_exit_code(step, uv, report, tmp_path, words) -> None:
    done = step(RUN, tmp_path, *words, **uv("repro", 0))
    assert (done.code, done.outputs["status"]) == (1, "error")
    assert "::error title=evaluate%3A evaluate::no report of evaluate, so nothing was judged; next: " in done.log


def test_a_report_of_an_earlier_run_says_nothing_of_this_one(step, uv, report, tmp_path) -> None:
    import json
    import os

    (tmp_path / "reports").mkdir()
    old = tmp_path / "reports" / "evaluate.json"
    old.write_text(json.dumps(report("evaluate", GOOD)), encoding="utf-8")
    os.utime(old, (1_000_000, 1_000_000))
    done = step(RUN, tmp_path, "mlgate", "evaluate", **uv("evaluate", 1))
    assert done.outputs["status"] == "fail"
    assert "pass" not in done.summary


def test_an_option_without_a_value_is_left_out_and_a_hostile_one_stays_one_word(step, uv, tmp_path) -> None:
    env = uv("validate")
    step(RUN, tmp_path, "mlgate", "validate", "--against=", "--until=-rf $(touch pwned)", **env)
    called = (tmp_path / "bin" / "called").read_text().splitlines()
    assert called == ["run", "--locked", "mlgate", "validate", "--until=-rf $(touch pwned)"]
    assert not (tmp_path / "pwned").exists()


def test_without_uv_the_step_says_what_to_use_first_and_each_output_has_a_value(step, tmp_path) -> None:
    done = step(RUN, tmp_path, "mlgate", "validate", PATH=str(tmp_path))
    assert done.code == 2
    assert "use the action `setup`" in done.log
    assert "Traceback" not in done.log
    assert done.outputs["status"] == "error"


def test_what_a_verb_prints_is_no_workflow_command(step, uv, tmp_path) -> None:
    done = step(RUN, tmp_path, "mlgate", "validate", **uv("validate", says="::add-mask::a\n"))
    before = done.log[: done.log.index("::add-mask::a")]
    assert before.count("::stop-commands::") == 1


def test_nothing_but_the_projects_own_programs_is_run(step, uv, tmp_path: Path) -> None:
    done = step(RUN, tmp_path, "rm", "-rf", **uv("validate"))
    assert done.code == 2
    assert not (tmp_path / "bin" / "called").exists()
