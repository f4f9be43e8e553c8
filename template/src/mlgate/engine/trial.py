"""A release tried apart from any environment: started on a free port, smoked on its golden rows, stopped."""

from __future__ import annotations

import shutil

from mlgate.engine import replica as copies
from mlgate.engine.bundles import ARTIFACTS, bundle_of
from mlgate.engine.shield import open_to_ctrl_c, shielded
from mlgate.engine.smoke import smoke
from mlgate.errors import InfraError
from mlgate.packing.release import Release
from mlgate.project import Project
from mlgate.report import Check

NAME = "trial"


def attempt(project: Project, release: Release) -> list[Check]:
    """What the smoke test finds of the Bento as a process of this machine; nothing of it is left afterwards.

    Raises
    ------
    DataError
        If the release is not on this machine, or its files are not those that were built.
    """
    bundle = bundle_of(project, release)
    folder, golden = project.environment_state(NAME), bundle / ARTIFACTS / "golden.json"
    launch = copies.launch_bento(bundle, release.image, release.version, NAME, folder)
    with shielded():
        copy = copies.start(launch, project.environ())
        try:
            with open_to_ctrl_c():
                copies.wait_ready(copy)
                return smoke(copy.url, golden, release.version, project.params.deploy.latency_ms)
        except InfraError as error:
            title = "The release starts"
            return [Check(id="ready", title=title, status="fail", evidence=str(error), mend=error.mend)]
        finally:
            copies.stop(copy)
            shutil.rmtree(folder, ignore_errors=True)
