"""What a registry says of an image: its digest, its manifest, its blobs; asked a few times, and then given up."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from mlgate.errors import ConfigError, DataError, InfraError
from mlgate.image.credentials import authorise
from mlgate.image.reference import Reference

ATTEMPTS, FIRST_PAUSE, LONGEST_PAUSE = 4, 0.4, 8.0
TIMEOUT = httpx.Timeout(20.0, connect=5.0)
MANIFEST_LIMIT = 4 * 1024 * 1024
INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
MANIFESTS = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
_AGAIN = (408, 429, 500, 502, 503, 504)


def digest(reference: Reference) -> str:
    """The digest that `reference` stands for now, or empty where the registry has no such image."""
    answer = _ask("HEAD", reference, f"manifests/{reference.version}")
    if answer is None:
        return ""
    return reference.digest or answer.headers.get("docker-content-digest", "") or _digest(_manifest(reference))


def manifest(reference: Reference) -> dict[str, Any]:
    """The manifest or index; DataError where it is gone, or is not what its digest says."""
    import json

    content = _manifest(reference)
    if reference.digest and _digest(content) != reference.digest:
        raise DataError(f"{reference.name} answers {reference.digest[:19]} with other bytes", "ask who runs it")
    found = json.loads(content)
    if not isinstance(found, dict):
        raise DataError(f"{reference.name}@{reference.version} is no manifest", "push the image again")
    return found


def missing(reference: Reference) -> list[str]:
    """Digests of the image that the registry has lost: its manifest, or blobs that the manifest names."""
    if not digest(reference):
        return [reference.version]
    found = manifest(reference)
    if found.get("mediaType") in INDEXES or "manifests" in found:
        children = [str(entry["digest"]) for entry in found.get("manifests", [])]
        parts = [Reference(reference.registry, reference.repository, child) for child in children]
        return [lost for part in parts for lost in missing(part)]
    blobs = [str(entry["digest"]) for entry in (found["config"], *found.get("layers", []))]
    return [name for name in dict.fromkeys(blobs) if _ask("HEAD", reference, f"blobs/{name}") is None]


def save_blob(reference: Reference, name: str, path: Path) -> None:
    """Write a blob to `path`; DataError where it is gone, or its bytes are not those of its digest."""
    found = hashlib.sha256()

    def keep(answer: httpx.Response) -> None:
        with path.open("wb") as file:
            for part in answer.iter_bytes():
                found.update(part)
                file.write(part)

    answer = _ask("GET", reference, f"blobs/{name}", keep)
    if answer is None or f"sha256:{found.hexdigest()}" != name:
        said = "has lost" if answer is None else "has other bytes for"
        raise DataError(f"{reference.name} {said} {name[:19]}", "push the image again")


def _manifest(reference: Reference) -> bytes:
    kept: list[bytes] = []

    def keep(answer: httpx.Response) -> None:
        kept[:] = []
        for part in answer.iter_bytes():
            kept.append(part)
            if sum(map(len, kept)) > MANIFEST_LIMIT:
                raise DataError(f"the manifest of {reference.name} is over 4 MB", "push a plain image")

    if _ask("GET", reference, f"manifests/{reference.version}", keep) is None:
        raise DataError(f"{reference.name}@{reference.version} is not in the registry", "push the image again")
    return b"".join(kept)


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _ask(method: str, reference: Reference, path: str, keep: Any = None) -> httpx.Response | None:
    """The registry's answer, or None where it says that there is no such thing.

    Raises
    ------
    ConfigError
        If it does not let us in.
    InfraError
        If it does not answer, or is overloaded or broken, at every attempt.
    """
    said = ""
    for pause in [*_pauses(), None]:
        try:
            answer = _once(method, reference, path, keep)
        except httpx.TransportError as error:
            said, asked = f"{type(error).__name__}: {error}", 0.0
        else:
            if answer.status_code == 404:
                return None
            if answer.is_success:
                return answer
            if answer.status_code in (401, 403):
                raise ConfigError(f"{reference.registry} refuses us ({answer.status_code})", _login(reference))
            if answer.status_code not in _AGAIN:
                raise InfraError(f"{reference.registry} answers {answer.status_code} to {path[:40]}", "ask who runs it")
            said, asked = f"it answers {answer.status_code}", _seconds(answer.headers.get("retry-after", ""))
        if pause is not None:
            time.sleep(min(LONGEST_PAUSE, max(pause, asked)))
    mend = "run the same verb again when the registry answers; what serves now goes on serving"
    raise InfraError(f"{reference.registry} failed {ATTEMPTS} times: {said}"[:300], mend)


def _once(method: str, reference: Reference, path: str, keep: Any) -> httpx.Response:
    headers = {"accept": ", ".join((*MANIFESTS, *INDEXES))}
    with httpx.Client(timeout=TIMEOUT, follow_redirects=True, headers=headers) as client:
        answer = _send(client, method, f"{reference.url}/{path}", {}, keep)
        if answer.status_code == 401:
            allowed = authorise(client, reference, answer.headers.get("www-authenticate", ""))
            answer = _send(client, method, f"{reference.url}/{path}", allowed, keep)
    return answer


def _send(client: httpx.Client, method: str, url: str, headers: dict[str, str], keep: Any) -> httpx.Response:
    with client.stream(method, url, headers=headers) as answer:
        if answer.is_success and keep is not None:
            keep(answer)
    return answer


def _pauses() -> Iterator[float]:
    for attempt in range(ATTEMPTS - 1):
        yield FIRST_PAUSE * 2**attempt * random.uniform(0.8, 1.2)  # noqa: S311 - spreads callers, guards nothing


def _seconds(text: str) -> float:
    return float(text) if text.isdecimal() else 0.0


def _login(reference: Reference) -> str:
    return f"`docker login {reference.registry}` (or podman, cosign), as someone who may read {reference.repository}"
