"""`make bench`: runs each script of bench/ and keeps the JSON it prints in build/bench/<name>.json."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from timed import BENCH

SCRIPTS = Path(__file__).resolve().parent.parent / "bench"


def main(argv: list[str]) -> int:
    scripts = sorted(path for path in SCRIPTS.glob("*.py") if not argv or path.stem in argv)
    if not scripts:
        print(f"error: no benchmark of that name; there are {', '.join(p.stem for p in sorted(SCRIPTS.glob('*.py')))}")
        return 2
    return max(measure(path) for path in scripts)


def measure(script: Path) -> int:
    print(f"{script.stem} …", flush=True)
    done = subprocess.run([sys.executable, str(script)], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        print(f"error: {script} ended with exit code {done.returncode}")
        return 1
    found = json.loads(done.stdout)
    BENCH.mkdir(parents=True, exist_ok=True)
    (BENCH / f"{script.stem}.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=2), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
