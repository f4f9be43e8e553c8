"""`make in-place`: verbs on the live source of template/, with every trace of them outside it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from mlgate.files import digest


def in_place(run, checkout: Path, *arguments: str):
    done = run([sys.executable, checkout / "tools" / "in_place.py", *arguments], checkout)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def mirror_of(checkout: Path) -> Path:
    return checkout / "build" / "in-place" / "card-fraud"


def test_a_verb_sees_an_edit_of_the_template_at_once_and_leaves_the_template_clean(run, checkout) -> None:
    in_place(run, checkout, "--help")
    mirror = mirror_of(checkout)
    kept = mirror / "data" / "raw.parquet"
    kept.write_bytes(b"made by a verb")

    cli = checkout / "template" / "src" / "mlgate" / "cli.py"
    cli.write_text(
        cli.read_text(encoding="utf-8").replace("Keep main deployable", "Keep main shippable"), encoding="utf-8"
    )
    (checkout / "template" / "docs").mkdir(exist_ok=True)
    (checkout / "template" / "docs" / "new.md").write_text("new\n", encoding="utf-8")
    assert "Keep main shippable" in in_place(run, checkout, "--help").stdout
    assert (mirror / "docs" / "new.md").is_file()
    (checkout / "template" / "docs" / "new.md").unlink()
    in_place(run, checkout, "--help")

    assert not (mirror / "docs" / "new.md").exists()
    assert kept.read_bytes() == b"made by a verb"
    assert run(["git", "status", "--porcelain"], mirror).stdout == "?? data/raw.parquet\n"
    left = run(["git", "status", "--porcelain", "--ignored", "template"], checkout).stdout
    assert left == " M template/src/mlgate/cli.py\n"


@pytest.mark.parametrize("text", [False, True], ids=["links", "links-as-text"])
def test_the_tools_bake_what_a_user_does_and_copy_nothing_of_build(run, checkout, baked, text: bool) -> None:
    for link in [path for path in checkout.rglob("*") if path.is_symlink()] if text else ():  # as a zip keeps them
        target = str(link.readlink())
        link.unlink()
        link.write_text(target, encoding="utf-8")
    (checkout / "build").mkdir(exist_ok=True)
    os.mkfifo(checkout / "build" / "pipe")  # which cookiecutter can't copy
    in_place(run, checkout, "--help")
    trees = [run(["git", "rev-parse", "HEAD^{tree}"], folder).stdout for folder in (baked, mirror_of(checkout))]
    assert trees[0]
    assert trees[0] == trees[1]


@pytest.mark.loop
def test_a_model_trained_in_place_is_the_model_trained_in_a_bake(run, mlgate, checkout, project_copy, tmp_path) -> None:
    repository = project_copy(tmp_path)
    mirror = mirror_of(checkout)
    for verb in ("ingest", "validate", "train"):
        done = mlgate(repository, verb)
        assert done.returncode == 0, done.stdout + done.stderr
        in_place(run, checkout, verb)
    for name in ("data/raw.parquet", "models/model.skops", "models/model.json"):
        assert digest(mirror / name) == digest(repository / name), name
