"""Decide as re-actors/alls-green does: each job a success, or a failure or skip that is allowed by name."""

import json
import os
import sys

jobs = json.loads(os.environ["JOBS"])
failures, skips = (set(os.environ[key].replace(",", " ").split()) for key in ("FAILURES", "SKIPS"))
red = [
    f"{name}: {job['result']}"
    for name, job in jobs.items()
    if not (
        job["result"] == "success"
        or (job["result"] == "skipped" and name in skips)
        or (job["result"] in ("failure", "cancelled") and name in failures)
    )
]
print("all green" if not red else f"::error::not green: {', '.join(red)}")
sys.exit(bool(red) or not jobs)
