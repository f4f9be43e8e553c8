"""The images that a registry has to keep: those that the ledgers name, as far back as a rollback may have to go."""

from __future__ import annotations

from mlgate.errors import DataError
from mlgate.image import registry
from mlgate.image.reference import Reference
from mlgate.ledger import ENVIRONMENTS, Ledger
from mlgate.project import Project


def retained(project: Project) -> dict[str, list[str]]:
    """Each image by digest to what names it ("production 0123456789ab"), the newest of each environment first."""
    found: dict[str, list[str]] = {}
    for environment in ENVIRONMENTS:
        releases = [entry.release for entry in Ledger(project).entries(environment) if entry.release]
        named = {release.container: release.version for release in releases if release.container}
        for container, version in list(named.items())[: project.params.deploy.retain]:
            found.setdefault(container, []).append(f"{environment} {version}")
    return found


def kept(project: Project) -> str:
    """A sentence on the images that have to be kept, after the registry was asked for each.

    Raises
    ------
    DataError
        If it has lost one of them.
    """
    wanted = retained(project)
    lost = {name: users for name, users in wanted.items() if registry.missing(Reference.parse(name))}
    if lost:
        said = "; ".join(f"{name} ({', '.join(users)})" for name, users in lost.items())
        mend = "exempt what the ledgers name from the registry's retention; rebuild a lost image from its commit"
        raise DataError(f"the registry has lost {said}"[:1000], mend)
    return "; ".join(told(wanted)) or "the ledgers name no images"


def told(wanted: dict[str, list[str]]) -> list[str]:
    """A line an image."""
    return [f"keep in the registry: {name} ({', '.join(users)})" for name, users in wanted.items()]
