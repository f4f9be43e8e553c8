"""A proxy of Go modules in a folder, by the protocol of `go help goproxy`: a version is what a test says it is."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

Modules = dict[tuple[str, str], dict[str, str]]


def proxy(folder: Path, modules: Modules) -> None:
    """Write `module, version → files`; `go.mod` among them is what follows the module's name in its own."""
    for (module, version), files in modules.items():
        versions = folder / module / "@v"
        versions.mkdir(parents=True, exist_ok=True)
        described = f"module {module}\n\ngo 1.21\n{files.get('go.mod', '')}"
        with (versions / "list").open("a", encoding="utf-8") as out:
            out.write(f"{version}\n")
        (versions / f"{version}.info").write_text(
            json.dumps({"Version": version, "Time": "2026-01-01T00:00:00Z"}), encoding="utf-8"
        )
        (versions / f"{version}.mod").write_text(described, encoding="utf-8")
        with zipfile.ZipFile(versions / f"{version}.zip", "w") as packed:
            for name, text in (files | {"go.mod": described}).items():
                packed.writestr(f"{module}@{version}/{name}", text)
