"""Upload and download as GitHub's artifact actions do, by the protocol of their second version, to act's server.

Kept: which files count, the folder they are relative to, hidden files left out, an artifact a name, all by zip.
"""

from __future__ import annotations

import base64
import glob
import io
import json
import os
import re
import sys
import urllib.request
import zipfile
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

ENV = os.environ
HERE = Path(ENV["GITHUB_WORKSPACE"])


def call(method: str, **content: Any) -> Any:
    url = f"{ENV['ACTIONS_RESULTS_URL']}twirp/github.actions.results.api.v1.ArtifactService/{method}"
    headers = {"Authorization": f"Bearer {ENV['ACTIONS_RUNTIME_TOKEN']}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(content | ids()).encode(), headers)
    return json.load(urllib.request.urlopen(request, timeout=60))


def ids() -> dict[str, str]:
    """Run and job, as the runtime token names them."""
    part = ENV["ACTIONS_RUNTIME_TOKEN"].split(".")[1]
    scopes = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))["scp"]
    run, job = re.search(r"Actions\.Results:([^:\s]+):([^:\s]+)", scopes).groups()
    return {"workflowRunBackendId": run, "workflowJobRunBackendId": job}


def listed() -> tuple[list[Path], Path]:
    """The files, and the folder that their names begin at."""
    lines = [line.strip() for line in ENV["PATHS"].splitlines() if line.strip()]
    roots = [Path(found) for line in lines for found in glob.glob(str(HERE / line))]
    files = {path for root in roots for path in ([root] if root.is_file() else root.rglob("*")) if path.is_file()}
    if ENV["HIDDEN"] != "true":
        files = {path for path in files if not any(part.startswith(".") for part in path.relative_to(HERE).parts)}
    if len(lines) == 1 and len(roots) == 1:
        return sorted(files), roots[0] if roots[0].is_dir() else roots[0].parent
    return sorted(files), Path(os.path.commonpath(roots or [HERE])) if len(roots) != 1 else HERE


def upload() -> None:
    files, root = listed()
    if not files:
        words = f"No files were found with the provided path: {ENV['PATHS'].strip()}. No artifacts will be uploaded."
        if ENV["MISSING"] == "error":
            raise SystemExit(f"::error::{words}")
        print(f"::warning::{words}")
        return
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in files:
            archive.write(path, path.relative_to(root))
    size = len(content.getvalue())
    target = call("CreateArtifact", name=ENV["NAME"], version=4)["signedUploadUrl"]
    for part, data in (("block", content.getvalue()), ("blocklist", b"<BlockList/>")):
        urllib.request.urlopen(urllib.request.Request(f"{target}&comp={part}", data, method="PUT"), timeout=60)
    done = call("FinalizeArtifact", name=ENV["NAME"], size=str(size))
    output("artifact-id", str(done.get("artifactId", "")))
    print(f"uploaded {len(files)} files as {ENV['NAME']}, {size} bytes")


def download() -> None:
    if ENV["RUN_ID"] not in ("", ENV["GITHUB_RUN_ID"]):
        raise SystemExit("::error::the stand-in knows the artifacts of its own run only")
    target, name = HERE / ENV["PATHS"], ENV["NAME"]
    there = [one["name"] for one in call("ListArtifacts").get("artifacts", [])]
    wanted = [one for one in there if (one == name if name else fnmatch(one, ENV["PATTERN"] or "*"))]
    if name and not wanted:
        raise SystemExit(f"::error::Unable to download artifact(s): Artifact not found for name: {name}")
    for one in wanted:
        folder = target if name or ENV["MERGE"] == "true" else target / one
        folder.mkdir(parents=True, exist_ok=True)
        url = call("GetSignedArtifactURL", name=one)["signedUrl"]
        with zipfile.ZipFile(io.BytesIO(urllib.request.urlopen(url, timeout=60).read())) as archive:
            archive.extractall(folder)
        print(f"downloaded {one}")
    output("download-path", str(target))


def output(key: str, value: str) -> None:
    with open(ENV["GITHUB_OUTPUT"], "a", encoding="utf-8") as out:
        out.write(f"{key}={value}\n")


{"upload": upload, "download": download}[sys.argv[1]]()
