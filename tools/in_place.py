"""`make in-place ARGS="train"`: runs a verb on the live source of template/, with every trace of it in build/in-place.

template/ is not a project yet: its name and owner are answers. So the verb runs in a mirror, a bake that is brought
up to date with template/ before each run and keeps its own data, models, releases and Git history between runs.
Changes belong in template/: the next run overwrites what differs in the mirror.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import patient
from baking import BUILD, TEMPLATE, bake, environment

MIRROR = BUILD / "in-place"
PRODUCED = {"data/raw.parquet", "data/split.json", "dvc.lock"}  # what the verbs make, and the mirror keeps


def main(argv: list[str]) -> int:
    repository = synchronised(MIRROR)
    print(f"in {repository.relative_to(TEMPLATE)}, from the live source of template/", file=sys.stderr)
    environ = environment(PYTHONPATH=str(repository / "src"))
    return patient.run([sys.executable, "-m", "mlgate", *(argv or ["--help"])], repository, environ)


def synchronised(mirror: Path) -> Path:
    """The mirror's repository, its files equal to a bake of this moment, and that difference committed."""
    if not mirror.exists():
        return bake(mirror)
    (repository,) = (path for path in mirror.iterdir() if (path / "params.yaml").is_file())
    with tempfile.TemporaryDirectory() as scratch:
        fresh = bake(Path(scratch) / "fresh")
        wanted = names(fresh)
        gone = names(repository, "--with-tree=HEAD") - wanted - PRODUCED
        for name in gone:
            (repository / name).unlink(missing_ok=True)
        for name in wanted:
            (repository / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(fresh / name, repository / name)
    git(repository, "add", "-A", "--pathspec-from-file=-", "--pathspec-file-nul", paths=wanted | gone)
    if git(repository, "diff", "--cached", "--name-only"):
        git(repository, "commit", "-q", "-m", "Bring the mirror up to date with template/")
    return repository


def names(repository: Path, *arguments: str) -> set[str]:
    """Files that Git tracks there, relative to the repository."""
    return set(git(repository, "ls-files", "-z", *arguments).strip("\0").split("\0"))


def git(repository: Path, *arguments: str, paths: Iterable[str] = ()) -> str:
    done = subprocess.run(
        ["git", *arguments],
        cwd=repository,
        env=environment(),
        input="\0".join(sorted(paths)),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
