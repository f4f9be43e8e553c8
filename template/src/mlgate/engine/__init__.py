"""What runs releases: processes or containers on this machine, a cluster, or nothing of ours; all behind `Engine`."""

from mlgate.engine.choice import ENGINES, elsewhere, engine_of
from mlgate.engine.interface import Engine, Running

__all__ = ["ENGINES", "Engine", "Running", "elsewhere", "engine_of"]
