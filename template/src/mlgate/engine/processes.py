"""The engine `process`: releases as processes of this machine, with this environment's own Python."""

from __future__ import annotations

from pathlib import Path

from mlgate.engine.local import Local
from mlgate.engine.records import Launch
from mlgate.engine.replica import launch_bento
from mlgate.packing.release import Release


class Processes(Local):
    """BentoML serves the unpacked Bento; nothing but this repository's environment is needed."""

    name = "process"

    def launch(self, environment: str, release: Release, bundle: Path) -> Launch:
        folder = self.project.environment_state(environment)
        return launch_bento(bundle, release.image, release.version, environment, folder)
