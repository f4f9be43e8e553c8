"""Case 3: what a pull request saves in a cache reaches no job that builds, signs, deploys or watches. act's server."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import index
import pytest
import yaml

pytestmark = pytest.mark.thorough

SETUP = "./.github/actions/setup"
UNTRUSTED = "pull-request.yml"
PROBE = "uv run --locked python -c 'import friend; print(\"built with\", friend.WORD)'"


def cut(workflows: dict[str, str], then: str) -> tuple[str, set[str]]:
    """One workflow of every job that has an environment, down to the step that makes it, and then one more; their ids.

    What stands before and in that step is what the workflow says, `cache` above all.
    """
    jobs: dict[str, Any] = {}
    for file, text in workflows.items():
        for name, job in yaml.safe_load(text)["jobs"].items():
            uses = [step.get("uses", "") for step in job.get("steps", [])]
            if SETUP in uses:
                steps = job["steps"][: uses.index(SETUP) + 1]
                kept = {key: job[key] for key in ("runs-on", "permissions", "strategy") if key in job}
                jobs[f"{Path(file).stem}-{name}"] = kept | {"steps": [*steps, {"run": then}]}
    made: dict[str, Any] = {"name": "cut", "on": ["push", "pull_request"], "permissions": {}, "jobs": jobs}
    return yaml.safe_dump(made, sort_keys=False, width=10**6), set(jobs)


@pytest.fixture
def poisoned(scene, tmp_path: Path):
    """`poisoned(change)`: what each trusted job was built with after a pull request saved a poisoned cache.

    `change` is done to the workflows first.
    """
    folder = scene.clone / ".github" / "workflows"
    files = {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.yml"))}
    caches = tmp_path / "caches"

    def run(name: str, event: Any, **options: Any) -> Any:
        """On a machine that nobody used before, but for the cache server."""
        new = {key: str(tmp_path / name / key) for key in ("UV_CACHE_DIR", "STAND_IN_ENVIRONMENTS")}
        done = scene.run("cut.yml", event, caches=caches, **new, **options)
        assert done.exit == 0, done.told()
        return done

    def _poisoned(change: Callable[[dict[str, str]], None]) -> dict[str, str]:
        with index.friendly(tmp_path / "index") as url:
            tiny: dict[str, str | bytes] = dict(index.project(scene.machine.uv, url, tmp_path / "tiny"))
            change(files)
            text, trusted = cut({name: text for name, text in files.items() if name != UNTRUSTED}, PROBE)
            scene.commit("A tiny project", tiny | {".github/workflows/cut.yml": text})
            event = scene.push_main()
            theirs, _ = cut({UNTRUSTED: files[UNTRUSTED]}, "uv run --locked python poison.py")
            scene.commit("A gift", {".github/workflows/cut.yml": theirs, "poison.py": index.POISON})
            done = run("theirs", scene.pull_request("gift", fork="eve"), job="pull-request-data", read_only=True)
            assert "saved setup-uv-" in done.text, done.told()
            done = run("ours", event)
        assert set(done.jobs) == trusted
        return {name: "".join(re.findall(r"^built with (\w+)", job.text, re.M)) for name, job in done.jobs.items()}

    return _poisoned


def test_case_3_no_job_but_a_pull_request_s_own_is_built_with_what_a_fork_saved_in_the_cache(poisoned) -> None:
    words = poisoned(lambda files: None)
    assert {"deliver-gates", "deliver-build", "deliver-staging", "retrain-retrain", "promote-production"} <= set(words)
    assert set(words.values()) <= {"good", "goodgood"}, words


def test_case_3_a_building_job_that_restores_a_cache_is_built_with_the_poison(poisoned) -> None:
    def break_build(files: dict[str, str]) -> None:
        before, job, after = files["deliver.yml"].partition("\n  build:\n")
        after = after.replace(f"- uses: {SETUP}\n", f'- uses: {SETUP}\n        with:\n          cache: "true"\n', 1)
        files["deliver.yml"] = before + job + after

    words = poisoned(break_build)
    assert words.pop("deliver-build") == "poisoned"
    assert set(words.values()) <= {"good", "goodgood"}, words
