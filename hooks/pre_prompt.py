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
    """Remove what the project's .gitignore names (environments, caches, state), and data that a run produced."""
    lines = (root / ".gitignore").read_text(encoding="utf-8").splitlines()
    ignored = [line.strip("/") for line in lines if line.strip() and not line.startswith("#")]
    for folder, folders, files in os.walk(root):
        for name in [*folders, *files]:
            path = Path(folder, name)
            inside = path.relative_to(root).as_posix()
            if inside in PRODUCED or any(fnmatch.fnmatch(part, p) for part in (name, inside) for p in ignored):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        folders[:] = [name for name in folders if Path(folder, name).exists()]


if __name__ == "__main__":
    main()
