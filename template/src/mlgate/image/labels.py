"""What an image says of itself: where it comes from, and the digests that lead back to data, code and model."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from urllib.parse import urlsplit

from mlgate.files import digest
from mlgate.packing.release import Release
from mlgate.params import Params
from mlgate.project import Project

OCI = "org.opencontainers.image"
BENTO = "mlgate.bento-digest"


def labels(release: Release, bundle: Path, base: str, source: str, created: str) -> dict[str, str]:
    """Labels of the image of one release; `bundle` is the release's own source, `created` its commit's time."""
    project = Params.read(bundle / "params.yaml").project
    metrics = json.dumps(release.model_dump(mode="json")["metrics"], sort_keys=True, separators=(",", ":"))
    name, _, base_digest = base.rpartition("@")
    found = {
        f"{OCI}.title": project.slug,
        f"{OCI}.description": " ".join(project.description.split()),
        f"{OCI}.version": release.version,
        f"{OCI}.revision": release.source_commit,
        f"{OCI}.created": created,
        f"{OCI}.source": source,
        f"{OCI}.base.name": name,
        f"{OCI}.base.digest": base_digest,
        BENTO: release.image,
        "mlgate.data-digest": release.data_digest,
        "mlgate.model-digest": release.model_digest,
        "mlgate.model-version": release.model_version,
        "mlgate.metrics-digest": f"sha256:{hashlib.sha256(metrics.encode()).hexdigest()}",
        "mlgate.card-digest": digest(bundle / "artifacts" / "model.json"),
        "mlgate.lock-digest": digest(bundle / "uv.lock"),
    }
    return {name: value for name, value in found.items() if value}


def source(project: Project) -> str:
    """Where the code is, as a link without a login; empty where the repository has no remote."""
    url = project.git("remote", "get-url", "origin", check=False)
    if scp := re.fullmatch(r"(?:[\w.-]+@)?([\w.-]+):(?!//)(.+)", url):
        return f"https://{scp[1]}/{scp[2].removesuffix('.git')}"
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http", "ssh") or not parts.hostname:
        return ""
    port = f":{parts.port}" if parts.port and parts.scheme != "ssh" else ""
    scheme = "https" if parts.scheme == "ssh" else parts.scheme
    return f"{scheme}://{parts.hostname}{port}{parts.path.removesuffix('.git')}"
