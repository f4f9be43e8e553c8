"""kustomize, by itself or as part of kubectl: what is there renders."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from mlgate.errors import ConfigError, InfraError
from mlgate.project import run


@dataclass(frozen=True)
class Kustomize:
    """The program that renders, and its version."""

    command: tuple[str, ...]
    version: str

    @classmethod
    def find(cls) -> Kustomize | None:
        """`kustomize` on the PATH, else `kubectl` with its own; None where there is neither."""
        if path := shutil.which("kustomize"):
            return cls((path, "build"), _version(run([path, "version"], Path.cwd())))
        if path := shutil.which("kubectl"):
            said = run([path, "version", "--client"], Path.cwd())
            return cls((path, "kustomize"), _version(said.rpartition("Kustomize")[2]))
        return None

    def build(self, folder: Path) -> str:
        """The manifests of the kustomization in `folder`; ConfigError in kustomize's own words."""
        try:
            return run([*self.command, str(folder)], folder)
        except InfraError as error:
            words = str(error).rpartition("Error: ")[2].replace(f"{folder}/", "")
            raise ConfigError(
                f"deploy/ can't be rendered: {words}", "mend deploy/, commit it, package again"
            ) from error


def _version(said: str) -> str:
    found = re.search(r"v[0-9]+\.[0-9]+\.[0-9]+\S*", said)
    return found[0] if found else "of unknown version"
