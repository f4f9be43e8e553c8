"""Mends the copy of the template that cookiecutter bakes from: symlinks kept as text, leftovers of use in place.
Then it has the answers, and the folder that is to hold the project, judged before anything is baked.

A zip, or Git on Windows, writes a symlink as a text file that holds its target; cookiecutter needs the folder.
cookiecutter runs this in a temporary copy of the template, so nothing here touches the template itself.
"""

import fnmatch
import json
import os
import shutil
from pathlib import Path

BAKED = "{{cookiecutter.project_slug}}"
# in this order: the last copies the others
LINKS = {"template/.github/actions": "actions", "template/docs": "docs", BAKED: "template"}
# the same folder, named by a function of accepted.py; a replay of answers from elsewhere has no extensions
JUDGED = "{{vacant(cookiecutter) if vacant is defined else cookiecutter.project_slug}}"
HERE = "mlgate_hooks"  # the name under which cookiecutter can import the hooks, and nothing else
PRODUCED = ("data/raw.parquet", "data/split.json", "dvc.lock")  # kept in a project's Git, never in the template


def main():
    for link, target in LINKS.items():
        if Path(link).is_file():
            Path(link).unlink()
            shutil.copytree(target, link)
    remove_leftovers(Path(BAKED))
    ask_before_the_bake(Path("cookiecutter.json"))


def ask_before_the_bake(questions):
    """Have the answers judged as a part of the questions, the folder as it is named: see accepted.py."""
    shutil.copytree("hooks", HERE)
    Path(BAKED).rename(JUDGED)
    content = json.loads(questions.read_text(encoding="utf-8"))
    content |= {
        "_extensions": [f"{HERE}.accepted.accepted", f"{HERE}.accepted.Vacant"],
        "__accepted": "{{ cookiecutter | accepted }}",
    }
    questions.write_text(json.dumps(content), encoding="utf-8")


def remove_leftovers(root):
    """Remove what the .gitignore files name (environments, caches, state), and data that a run produced."""
    rules = [(root, f"/{name}") for name in PRODUCED]
    for folder, folders, files in os.walk(root):
        here = Path(folder)
        rules += [(here, line) for line in lines(here / ".gitignore")]
        for path in [here / name for name in [*folders, *files]]:
            if ignored(path, rules):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        folders[:] = [name for name in folders if (here / name).exists()]


def lines(gitignore):
    text = gitignore.read_text(encoding="utf-8") if gitignore.is_file() else ""
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def ignored(path, rules):
    """As Git reads them: the last rule that matches decides, and `!` takes back what an earlier one ignored."""
    verdict = False
    for base, rule in rules:
        pattern = rule.removeprefix("!").rstrip("/")
        # with a slash in it, a pattern counts from its own folder; without, anywhere below
        if base in path.parents:
            name = path.relative_to(base).as_posix() if "/" in pattern else path.name
            if fnmatch.fnmatchcase(name, pattern.removeprefix("/")):
                verdict = not rule.startswith("!")
    return verdict


if __name__ == "__main__":
    main()
