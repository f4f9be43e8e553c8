"""Restore uv's cache as setup-uv does where it may, from act's cache server; where act has none, nothing is there.

The key is the lock's, as setup-uv's. Whoever can run code in a job can save one under it: nothing here does. act's
server gives what any run saved to any other, where GitHub keeps a fork's from main: worse than the real thing.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import urllib.request
from pathlib import Path

VERSION = "uv"


def main() -> None:
    server, lock = os.environ.get("ACTIONS_CACHE_URL"), Path(os.environ["FOLDER"], "uv.lock")
    if not server or os.environ["CACHE"] != "true" or not lock.is_file():
        return
    key = f"setup-uv-{hashlib.sha256(lock.read_bytes()).hexdigest()}"
    with urllib.request.urlopen(f"{server}_apis/artifactcache/cache?keys={key}&version={VERSION}", timeout=60) as found:
        said = json.load(found) if found.status == 200 else None
    if said is None:
        print(f"no cache of {key}")
        return
    with urllib.request.urlopen(said["archiveLocation"], timeout=60) as content:
        archive = io.BytesIO(content.read())
    with tarfile.open(fileobj=archive) as packed:
        packed.extractall(os.environ["UV_CACHE_DIR"], filter="fully_trusted")
    print(f"restored the cache of {key}")


main()
