"""Who we are to a registry: what `docker login` or `podman login` left on this machine, exchanged for a token."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from mlgate.errors import ConfigError, InfraError
from mlgate.image.reference import Reference
from mlgate.project import run

_PARAMETER = re.compile(r'([a-z]+)="([^"]*)"')
_HUB = "https://index.docker.io/v1/"


def authorise(client: httpx.Client, reference: Reference, challenge: str) -> dict[str, str]:
    """The headers that answer a registry's challenge (`Basic`, or `Bearer` with a realm); none where we can't."""
    scheme, _, rest = challenge.partition(" ")
    known = _credentials(reference.registry)
    if scheme.lower() == "basic":
        return {"authorization": f"Basic {known}"} if known else {}
    asked = dict(_PARAMETER.findall(rest))
    realm = asked.pop("realm", "")
    if scheme.lower() != "bearer" or not realm.startswith(("https://", "http://")):
        return {}
    if realm.startswith("http://") and not reference.loopback:
        raise ConfigError(f"{reference.registry} wants our password without TLS, at {realm[:80]}", "use another one")
    query = {name: asked[name] for name in ("service", "scope") if name in asked}
    query.setdefault("scope", f"repository:{reference.repository}:pull")
    answer = client.get(realm, params=query, headers={"authorization": f"Basic {known}"} if known else {})
    if not answer.is_success:
        return {}
    said = answer.json()
    token = said.get("token") or said.get("access_token") if isinstance(said, dict) else None
    return {"authorization": f"Bearer {token}"} if token else {}


def _credentials(registry: str) -> str:
    """`user:password` in base64, from the first file that knows the registry, else empty."""
    name = _HUB if registry == "docker.io" else registry
    for path in _files():
        try:
            said = json.loads(path.read_bytes())
        except (OSError, ValueError):
            continue
        if not isinstance(said, dict):
            continue
        logins = said.get("auths", {})
        if logins.get(name, {}).get("auth"):
            return str(logins[name]["auth"])
        helper = said.get("credHelpers", {}).get(name) or (said.get("credsStore") if name in logins else "")
        if helper and (found := _helped(str(helper), name)):
            return found
    return ""


def _files() -> Iterator[Path]:
    home, runtime = Path.home(), os.environ.get("XDG_RUNTIME_DIR", "")
    if named := os.environ.get("REGISTRY_AUTH_FILE"):
        yield Path(named)
    if runtime:
        yield Path(runtime) / "containers" / "auth.json"
    yield home / ".config" / "containers" / "auth.json"
    yield Path(os.environ.get("DOCKER_CONFIG") or home / ".docker") / "config.json"


def _helped(helper: str, name: str) -> str:
    """What a credential helper knows; empty where it is not installed or knows nothing."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", helper):
        return ""
    try:
        said: Any = json.loads(run([f"docker-credential-{helper}", "get"], Path.home(), stdin=name.encode()))
        return base64.b64encode(f"{said['Username']}:{said['Secret']}".encode()).decode()
    except (InfraError, ValueError, KeyError, TypeError):
        return ""
