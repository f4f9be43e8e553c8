"""A bake: what it starts with, what it does not carry, and what it never loses."""

from __future__ import annotations

import os
import stat
import sys
import zipfile
from pathlib import Path

import pytest

from mlgate.params import Params


def tree(run, repository: Path) -> str:
    """Git's name for everything in the last commit: content, names, executable bits."""
    done = run(["git", "rev-parse", "HEAD^{tree}"], repository)
    assert done.returncode == 0, done.stderr
    return done.stdout


def command(template: Path, *words: object) -> list[object]:
    return [sys.executable, "-m", "cookiecutter", template, "--no-input", *words]


def test_a_bake_starts_with_one_commit_and_nothing_left_to_commit(baked, run) -> None:
    subjects = run(["git", "log", "--format=%s"], baked).stdout.splitlines()
    assert subjects == ["Start Card fraud from the mlgate template"]
    assert run(["git", "branch", "--show-current"], baked).stdout.strip() == "main"
    assert run(["git", "status", "--porcelain", "--ignored"], baked).stdout == ""


@pytest.mark.parametrize(
    ("use_case", "steps"),
    [
        ("card-fraud", ["uv run mlgate demo", "uv run mlgate doctor"]),
        (
            "own-table",
            ["uv run mlgate adopt FILE --target COLUMN", "git add -A && git commit -m data && uv run dvc repro"],
        ),
    ],
)
def test_a_bake_ends_with_the_next_three_commands(run, tmp_path, template, use_case, steps) -> None:
    done = run(command(template, f"use_case={use_case}"), tmp_path)
    assert [line.strip() for line in done.stdout.splitlines()[-3:]] == ["cd card-fraud", *steps]


def test_a_bake_for_an_own_table_does_not_speak_of_card_fraud_as_its_purpose(bake, tmp_path) -> None:
    repository = bake(tmp_path, use_case="own-table")
    assert (
        Params.read(repository / "params.yaml").project.description == "Predicts one column of a table from the others."
    )


def test_a_bake_carries_no_leftover_of_a_template_that_was_used_in_place(bake, baked, checkout, tmp_path, run) -> None:
    left = [
        ".venv/lib/page.py",
        ".mlgate/mlflow.db",
        ".env",
        ".dvc/cache/files/md5/ab/cd",
        ".dvc/config.local",
        "src/mlgate/__pycache__/cli.cpython-312.pyc",
        "tests/.pytest_cache/README.md",
        "models/model.skops",
        "reports/evaluate.json",
        "data/raw.parquet",
        "data/split.json",
        "dvc.lock",
    ]
    for name in left:
        path = checkout / "template" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{{ a tag that can't be rendered", encoding="utf-8")
    repository = bake(tmp_path / "out", template=checkout)
    assert [name for name in left if (repository / name).exists()] == []
    assert tree(run, repository) == tree(run, baked)
    assert all((checkout / "template" / name).exists() for name in left), "the template itself is left alone"


def test_a_zip_that_holds_the_symlinks_as_text_bakes_the_same_project(bake, baked, checkout, tmp_path, run) -> None:
    archive = tmp_path / "mlgate.zip"
    with zipfile.ZipFile(archive, "w") as content:
        content.mkdir(checkout.name)
        for path in sorted(checkout.rglob("*")):
            name = path.relative_to(tmp_path).as_posix()
            if path.is_symlink():
                content.writestr(name, str(path.readlink()))
            elif path.is_file() and ".git/" not in name:
                content.write(path, name)
    assert tree(run, bake(tmp_path / "out", template=archive)) == tree(run, baked)


def test_two_bakes_of_the_same_answers_are_equal(bake, baked, tmp_path, run) -> None:
    assert tree(run, bake(tmp_path)) == tree(run, baked)


def test_a_bake_without_hooks_still_gives_the_whole_project(run, tmp_path, template, baked) -> None:
    done = run(command(template, "--accept-hooks", "no"), tmp_path)
    assert done.returncode == 0, done.stderr
    expected = set(run(["git", "ls-files"], baked).stdout.split())
    found = {path.relative_to(tmp_path / "card-fraud").as_posix() for path in (tmp_path / "card-fraud").rglob("*")}
    assert expected <= found


@pytest.mark.parametrize("flags", [[], ["-f"], ["-f", "-s"]], ids=["plain", "overwrite", "overwrite-and-skip"])
def test_baking_over_an_existing_folder_loses_nothing(run, tmp_path, template, flags) -> None:
    mine = tmp_path / "card-fraud" / "params.yaml"
    mine.parent.mkdir()
    mine.write_text("mine", encoding="utf-8")
    done = run(command(template, *flags), tmp_path)
    assert done.returncode != 0
    said = f"mlgate: {mine.parent} is not empty (it holds params.yaml): nothing was changed; choose another folder."
    assert (done.stdout + done.stderr).strip() == said
    assert mine.read_text(encoding="utf-8") == "mine"
    assert list(mine.parent.iterdir()) == [mine]


def test_baking_into_a_fresh_clone_leaves_its_git_history_alone(run, tmp_path, template) -> None:
    clone = tmp_path / "card-fraud"
    assert run(["git", "init", "-q", clone], tmp_path).returncode == 0
    assert run(["git", "commit", "-q", "--allow-empty", "-m", "mine"], clone).returncode == 0
    done = run(command(template, "-f"), tmp_path)
    assert done.returncode == 0, done.stderr
    assert run(["git", "log", "--format=%s"], clone).stdout.split() == ["mine"]
    assert "commit when you like" in done.stdout


def test_without_git_the_files_are_there_and_the_reader_is_told(run, tmp_path, template) -> None:
    empty = tmp_path / "bin"
    empty.mkdir()
    done = run(command(template), tmp_path, PATH=str(empty))
    assert done.returncode == 0, done.stderr
    assert "git is not installed, so there is no first commit" in done.stdout
    assert (tmp_path / "card-fraud" / "params.yaml").is_file()


def test_without_an_identity_the_first_commit_is_made_all_the_same(run, tmp_path, template) -> None:
    settings = tmp_path / "gitconfig"
    settings.write_text("[commit]\n\tgpgSign = true\n", encoding="utf-8")  # and no key to sign with
    done = run(command(template), tmp_path, GIT_CONFIG_GLOBAL=str(settings))
    assert done.returncode == 0, done.stderr
    author = run(["git", "log", "--format=%an <%ae>"], tmp_path / "card-fraud").stdout.strip()
    assert author == "mlgate <mlgate@localhost>"


def test_a_git_that_fails_does_not_fail_the_bake(run, tmp_path, template) -> None:
    broken = tmp_path / "bin" / "git"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\necho 'disk on fire' >&2\nexit 128\n", encoding="utf-8")
    broken.chmod(broken.stat().st_mode | stat.S_IEXEC)
    done = run(command(template), tmp_path, PATH=os.pathsep.join([str(broken.parent), os.environ["PATH"]]))
    assert done.returncode == 0, done.stderr
    assert "git made no first commit (disk on fire)" in done.stdout


def test_a_bake_from_inside_a_git_hook_leaves_the_outer_repository_alone(run, tmp_path, template) -> None:
    outer = tmp_path / "outer"
    assert run(["git", "init", "-q", outer], tmp_path).returncode == 0
    inside = {"GIT_DIR": str(outer / ".git"), "GIT_INDEX_FILE": str(outer / ".git" / "index")}
    assert run(command(template), tmp_path, **inside).returncode == 0
    assert (tmp_path / "card-fraud" / ".git").is_dir()
    assert run(["git", "log"], outer).returncode != 0, "the outer repository has no commit"


def test_a_bake_inside_another_repository_is_a_repository_of_its_own(run, bake, tmp_path) -> None:
    assert run(["git", "init", "-q", tmp_path], tmp_path).returncode == 0
    repository = bake(tmp_path / "projects")
    assert run(["git", "rev-parse", "--show-toplevel"], repository).stdout.strip() == str(repository.resolve())


def test_a_run_in_the_template_itself_is_sent_to_make_in_place(mlgate, checkout) -> None:
    done = mlgate(checkout / "template", "validate")
    assert done.returncode == 2
    assert "is the template, not a project yet" in done.stderr
    assert "make in-place" in done.stderr
