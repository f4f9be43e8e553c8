"""Under cruft: no repository of its own, and what changes in the template arrives in the project."""

from __future__ import annotations

from pathlib import Path


def git(run, folder: Path, *arguments: str) -> str:
    done = run(["git", *arguments], folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def change_the_template(run, checkout: Path) -> None:
    for name in ("actions/README.md", "template/src/model/__init__.py"):
        path = checkout / name
        path.write_text(path.read_text(encoding="utf-8") + "# news\n", encoding="utf-8")
    git(run, checkout, "commit", "-qam", "news")


def test_cruft_says_the_same_sentence_of_an_answer_that_could_not_work(run, checkout, tmp_path) -> None:
    answers = ["--extra-context", '{"owner": "-dash"}']
    done = run(["cruft", "create", checkout, "--no-input", "--output-dir", tmp_path / "out", *answers], tmp_path)
    assert done.returncode != 0
    assert "mlgate: owner '-dash' is not a GitHub name" in done.stderr


def test_cruft_makes_no_repository_and_an_update_brings_what_changed(run, checkout, tmp_path) -> None:
    done = run(["cruft", "create", checkout, "--no-input", "--output-dir", tmp_path / "out"], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    repository = tmp_path / "out" / "card-fraud"
    assert not (repository / ".git").exists()
    assert (repository / ".github" / "actions" / "pins.toml").is_file()
    git(run, repository, "init", "-q")
    git(run, repository, "add", "-A")
    git(run, repository, "commit", "-qm", "mine")

    change_the_template(run, checkout)
    assert run(["cruft", "check"], repository).returncode == 1
    done = run(["cruft", "update", "-y"], repository)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in (".github/actions/README.md", "src/model/__init__.py"):
        assert (repository / name).read_text(encoding="utf-8").endswith("# news\n"), name
    git(run, repository, "commit", "-qam", "updated")
    assert run(["cruft", "check"], repository).returncode == 0


def test_a_plain_bake_can_be_linked_and_then_updated_with_edits_kept(run, bake, checkout, tmp_path) -> None:
    repository = bake(tmp_path / "out", template=checkout)
    done = run(["cruft", "link", checkout, "--no-input"], repository)
    assert done.returncode == 0, done.stdout + done.stderr
    mine = repository / "src" / "model" / "mine.py"
    mine.write_text("", encoding="utf-8")
    git(run, repository, "add", "-A")
    git(run, repository, "commit", "-qm", "linked")

    change_the_template(run, checkout)
    done = run(["cruft", "update", "-y"], repository)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (repository / "src" / "model" / "__init__.py").read_text(encoding="utf-8").endswith("# news\n")
    assert mine.exists()
