"""What a generated repository gives to Kyverno, Flux and Argo Rollouts, run by those for real on the tests' cluster.

No benchmark of speed, but too dear for every change: the first time, their programs are built from source, for some
twenty minutes of two cores. Prints JSON: versions, and what each said. An assertion ends it where one did not do what
docs/kubernetes.md says.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "delivery"))
sys.path.insert(0, str(Path(__file__).parent / "extended"))

import admission
from extensions import version


def main(argv: list[str] | None = None) -> int:
    """Run all, or those that are named."""
    parts = {"kyverno": ("github.com/kyverno/kyverno", admission.run)}
    wanted = sys.argv[1:] if argv is None else argv
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="mlgate-extended-") as work:
        for name, (module, run) in parts.items():
            if not wanted or name in wanted:
                print(f"{name} {version(module)} …", file=sys.stderr)
                folder = Path(work, name)
                folder.mkdir()
                found[name] = {"version": version(module), **run(folder)}
    print(json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
