"""Mends the copy of the template that cookiecutter bakes from: symlinks kept as text, leftovers of use in place.

A zip, or Git on Windows, writes a symlink as a text file that holds its target; cookiecutter needs the folder.
cookiecutter runs this in a temporary copy of the template, so nothing here touches the template itself.
"""

import fnmatch
import os
import shutil
from pathlib import Path

BAKED = "{{cookiecutter.project_slug}}"
LINKS = {"template/.github/actions": "actions", BAKED: "template"}  # in this order: the second copies the first
PRODUCED = ("data/raw.parquet", "data/split.json", "dvc.lock")  # kept in a project's Git, never in the template


def main():
    for link, target in LINKS.items():
        if Path(link).is_file():
            Path(link).unlink()
            shutil.copytree(target, link)
    remove_leftovers(Path(BAKED))


def remove_leftovers(root):
    """Remove what the .gitignore files name (environments, caches, state), and data that a run produced."""
    ignored = [(root, name) for name in PRODUCED]
    for folder, folders, files in os.walk(root):
        here = Path(folder)
        ignored += [(here, line) for line in patterns(here / ".gitignore")]
        for path in [here / name for name in [*folders, *files]]:
            if any(matches(path, base, pattern) for base, pattern in ignored if base in path.parents):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        folders[:] = [name for name in folders if (here / name).exists()]


def patterns(gitignore):
    lines = gitignore.read_text(encoding="utf-8").splitlines() if gitignore.is_file() else []
    return [line.strip().rstrip("/") for line in lines if line.strip() and not line.startswith(("#", "!"))]


def matches(path, base, pattern):
    """As Git reads it: a pattern with a slash counts from its own folder, one without counts anywhere below."""
    name = path.relative_to(base).as_posix() if "/" in pattern else path.name
    return fnmatch.fnmatchcase(name, pattern.lstrip("/"))


if __name__ == "__main__":
    main()
