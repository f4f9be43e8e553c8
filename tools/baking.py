"""Bakes this checkout into a folder of build/, as the tools need it: default answers, first commit, no questions."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TEMPLATE = Path(__file__).resolve().parent.parent
BUILD = TEMPLATE / "build"
STATE = Path(os.environ.get("MLGATE_TOOLS_STATE") or BUILD / "state")


def bake(output: Path) -> Path:
    """Bake the default project into a new folder and return the repository; CalledProcessError if that fails."""
    output.mkdir(parents=True)
    command = [sys.executable, "-m", "cookiecutter", str(TEMPLATE), "--no-input", "--default-config", "-o", str(output)]
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
