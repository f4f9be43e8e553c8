"""How long a bake takes, from a fresh clone and from this checkout as it was used, against cookiecutter with no hooks.

Prints JSON: medians of five in seconds, and the ratio to the floor measured in the same run. Everything is written to
memory where the system has a folder for that: some disks take seconds for the files of one bake right after those of
the bake before were deleted (ext4 without a journal does), which nobody who bakes once ever meets.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
REPEATS = 5
MEMORY = Path("/dev/shm")
WHERE = MEMORY if os.access(MEMORY, os.W_OK) else Path(tempfile.gettempdir())


def seconds(template: Path, *flags: str) -> float:
    """Median wall-clock seconds of a bake with the default answers, first commit included."""
    taken = []
    for _ in range(REPEATS):
        with tempfile.TemporaryDirectory(dir=WHERE) as output:
            command = [sys.executable, "-m", "cookiecutter", str(template), "--no-input", "-o", output, *flags]
            started = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=os.environ | {"TMPDIR": str(WHERE)})
            taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def main() -> int:
    with tempfile.TemporaryDirectory(dir=WHERE) as scratch:
        clone = Path(scratch) / "clone"
        subprocess.run(["git", "clone", "--quiet", "--no-local", str(CHECKOUT), str(clone)], check=True)
        fresh, floor = seconds(clone), seconds(clone, "--accept-hooks", "no")
    found = {"fresh_clone": fresh, "used_checkout": seconds(CHECKOUT), "without_hooks": floor, "ratio": fresh / floor}
    print(json.dumps({**{key: round(value, 2) for key, value in found.items()}, "written_to": str(WHERE)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
