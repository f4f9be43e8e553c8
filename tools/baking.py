"""Bakes this checkout into a folder of build/, as the tools need it: default answers, first commit, no questions."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

TEMPLATE = Path(__file__).resolve().parent.parent
BUILD = TEMPLATE / "build"
STATE = Path(os.environ.get("MLGATE_TOOLS_STATE") or BUILD / "state")
# Of all this checkout, what a bake and its hooks read.
READ = ("cookiecutter.json", "hooks", "template", "actions", "docs", "{{cookiecutter.project_slug}}")


def bake(output: Path) -> Path:
    """Bake the default project into a new folder and return the repository; CalledProcessError if that fails.

    cookiecutter begins with a copy of the whole template, here with build/ and a service that may run in it, and ends
    with its removal: thousands of files, after which some disks (ext4 without a journal) are slow for minutes. So it
    is given a folder of links to what it reads.
    """
    output.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in READ:
            (Path(folder) / name).symlink_to(TEMPLATE / name)
        command = [sys.executable, "-m", "cookiecutter", folder, "--no-input", "--default-config", "-o", str(output)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    (repository,) = (path for path in output.iterdir() if (path / "params.yaml").is_file())
    return repository


def environment(**extra: str) -> dict[str, str]:
    """What a baked repository's own tools should see: none of the environment that runs this tool."""
    own = {"VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT", "MLGATE_STATE", "GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"}
    return {key: value for key, value in os.environ.items() if key not in own} | identity() | extra


def identity() -> dict[str, str]:
    """A name for commits where the machine has none configured, so that the loop can commit."""
    configured = subprocess.run(["git", "config", "user.email"], cwd=TEMPLATE, capture_output=True, check=False)
    if configured.returncode == 0:
        return {}
    roles = ("AUTHOR", "COMMITTER")
    names = {f"GIT_{role}_NAME": "mlgate" for role in roles}
    return names | {f"GIT_{role}_EMAIL": "mlgate@localhost" for role in roles}
