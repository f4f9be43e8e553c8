"""What is mounted below a folder: whoever removes the folder must not walk into it."""

from __future__ import annotations

import subprocess
from pathlib import Path

TABLE = Path("/proc/self/mounts")


def mounted(folder: Path) -> list[Path]:
    """Where something is mounted below a folder, the innermost first."""
    if not TABLE.is_file():
        return []
    lines = TABLE.read_bytes().decode("utf-8", "surrogateescape").splitlines()
    places = [Path(line.split()[1].replace(r"\040", " ")) for line in lines]
    return sorted((place for place in places if folder.resolve() in place.parents), reverse=True)


def unmount(folder: Path) -> None:
    for place in mounted(folder):
        subprocess.run(["umount", "--lazy", str(place)], capture_output=True, check=False)
