"""In the place of uv: runs the verbs of the repository's mlgate. Two verbs need a model and data, and are stood in for.

`package --push` lays a release of the commit checked out, with the image of one small file pushed for real; `pull` has
nothing to pull.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path


def push(crane: str, repository: str, name: str) -> str:
    """Push an image that holds a file of its own; REPOSITORY@DIGEST."""
    with tempfile.TemporaryDirectory() as folder:
        layer = Path(folder) / "layer.tar"
        with tarfile.open(layer, "w") as archive:
            entry = tarfile.TarInfo("release")
            entry.size = len(name)
            archive.addfile(entry, io.BytesIO(name.encode()))
        tag = f"{repository}:{hashlib.sha256(name.encode()).hexdigest()[:12]}"
        command = [crane, "append", "--insecure", "-f", str(layer), "-t", tag]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return f"{repository}@{done.stdout.strip().rpartition('@')[2]}"


def package() -> None:
    sys.path.insert(0, os.environ["RUNBOOK_TOYS"])
    from toy_repository import toy_release

    from mlgate.project import Project

    project = Project.find()
    project.state.mkdir(exist_ok=True)
    release = toy_release(project, project.commit)
    container = push(os.environ["RUNBOOK_CRANE"], os.environ["RUNBOOK_REPOSITORY"], release.image)
    path = project.state / "releases" / release.hex / "release.json"
    record = json.loads(path.read_text()) | {"container": container}
    path.write_text(json.dumps(record, indent=2) + "\n")


def main(arguments: list[str]) -> int:
    if arguments[:2] != ["run", "mlgate"]:
        print(f"the runbook calls uv {arguments}, which the test does not know", file=sys.stderr)
        return 2
    verb = arguments[2]
    if verb == "package":
        package()
    elif verb != "pull":
        os.execv(sys.executable, [sys.executable, "-m", "mlgate", *arguments[2:]])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
