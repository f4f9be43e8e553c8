"""The bill of materials of an image (CycloneDX): of the lock's Python packages those in it, and system packages."""

from __future__ import annotations

import json
import shutil
import uuid
from pathlib import Path
from typing import Any

from mlgate.errors import InfraError
from mlgate.files import write_json
from mlgate.image.reference import Reference
from mlgate.packing.release import Release
from mlgate.project import Project, run
from mlgate.provenance import system

FILE = "sbom.cdx.json"
_EXPORT = ("export", "--format", "cyclonedx1.5", "--locked", "--no-dev", "--quiet")


def write(project: Project, release: Release, path: Path) -> list[str]:
    """Write the bill of a pushed release as CycloneDX 1.5; the same image gives the same bytes.

    Returns
    -------
    list of str
        Sentences for the report.

    Raises
    ------
    InfraError
        If uv or the registry fails.
    """
    records = system.records(Reference.parse(release.container))
    python, installed = _present(_python(project), system.wheels(records)), system.packages(records)
    write_json(path, _bill(release, python, installed))
    said = f"{len(installed)} of the system" if installed else "none of the system: the image records no dpkg or apk"
    return [f"bill of materials: {len(python['components'])} Python packages, {said}"]


def _bill(release: Release, python: dict[str, Any], installed: list[dict[str, str]]) -> dict[str, Any]:
    """One bill of both; the image takes the place of the project in uv's."""
    image = {
        "type": "container",
        "bom-ref": release.container,
        "name": release.model,
        "version": release.version,
        "hashes": [{"alg": "SHA-256", "content": release.container.rpartition(":")[2]}],
    }
    root, edges = python["metadata"]["component"]["bom-ref"], python.get("dependencies", [])
    needed = {ref for edge in edges if edge["ref"] == root for ref in edge.get("dependsOn", [])} - {root}
    needed |= {component["bom-ref"] for component in installed}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": python["specVersion"],
        "version": 1,
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, release.container)}",
        "metadata": {**python["metadata"], "timestamp": release.built.isoformat(), "component": image},
        "components": [*python["components"], *installed],
        "dependencies": [
            {"ref": release.container, "dependsOn": sorted(needed)},
            *(edge for edge in edges if edge["ref"] != root),
        ],
    }


def _present(bill: dict[str, Any], wheels: set[tuple[str, str]]) -> dict[str, Any]:
    """Of all that the lock has for any Python and platform, what this image has; all where it records no wheel."""
    if not wheels:
        return bill
    root = bill["metadata"]["component"]["bom-ref"]
    parts = [one for one in bill["components"] if (system.normal(one["name"]), one["version"]) in wheels]
    there = {root, *(one["bom-ref"] for one in parts)}
    edges = [
        {**edge, "dependsOn": [ref for ref in edge.get("dependsOn", []) if ref in there]}
        for edge in bill.get("dependencies", [])
        if edge["ref"] in there
    ]
    return {**bill, "components": parts, "dependencies": edges}


def _python(project: Project) -> dict[str, Any]:
    """uv's own bill of what the lock installs for serving."""
    if not (uv := shutil.which("uv")):
        raise InfraError("uv is not on PATH", "install uv: pip install uv")
    found: dict[str, Any] = json.loads(run([uv, *_EXPORT], project.root))
    return found
