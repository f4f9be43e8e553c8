"""How many threads a model was trained with: in another number of parts, the same numbers have sums that differ."""

from __future__ import annotations

import os


def threads() -> int:
    """What scikit-learn trains with in this process: OMP_NUM_THREADS, or one thread for each physical core."""
    from joblib import cpu_count
    from threadpoolctl import threadpool_info

    allowed = max((int(pool["num_threads"]) for pool in threadpool_info() if pool["user_api"] == "openmp"), default=1)
    return allowed if os.environ.get("OMP_NUM_THREADS") else min(allowed, int(cpu_count(only_physical_cores=True)))
