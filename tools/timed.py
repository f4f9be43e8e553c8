"""Runs a command and keeps how long it took: `python tools/timed.py test pytest -n 2` writes build/bench/test.json."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import patient

BENCH = Path(__file__).resolve().parent.parent / "build" / "bench"


def keep(name: str, steps: dict[str, float]) -> Path:
    """Write the seconds of each step to `build/bench/<name>.json` and return that file."""
    BENCH.mkdir(parents=True, exist_ok=True)
    path = BENCH / f"{name}.json"
    rounded = {step: round(seconds, 2) for step, seconds in steps.items()}
    content = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "seconds": rounded}
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return path


def main(argv: list[str]) -> int:
    name, *command = argv
    started = time.monotonic()
    code = patient.run(command)
    seconds = time.monotonic() - started
    keep(name, {name: seconds})
    print(f"{name}: {seconds:.0f} s, exit code {code}", flush=True)
    return code


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
