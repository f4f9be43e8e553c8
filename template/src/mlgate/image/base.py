"""The base image: there, by digest, with a Python that the lock allows, on a platform that wheels are made for."""

from __future__ import annotations

import json
from dataclasses import dataclass

from mlgate.errors import ConfigError, InfraError
from mlgate.image import registry
from mlgate.image.engines import Engine, find
from mlgate.image.reference import Reference

HOW = (
    "choose a base with Python, say python:3.12-slim; `docker buildx imagetools inspect python:3.12-slim` (or `crane "
    "digest`) prints its digest; write `base: python@sha256:…` under `image:` in params.yaml; see docs/images.md"
)
GLIBC = (17, 28, *range(31, 41))  # minor versions of glibc 2 that uv knows as platforms
PROBE = """
import json, platform, sys, sysconfig
print(json.dumps({
    "executable": sys.executable, "version": "%d.%d" % sys.version_info[:2], "machine": platform.machine(),
    "glibc": platform.libc_ver()[1], "musl": "musl" in str(sysconfig.get_config_var("HOST_GNU_TYPE")),
}))
"""


@dataclass(frozen=True)
class Base:
    """What is known of a base image: its Python, its platform as uv names it, its bytes on this machine."""

    reference: str
    executable: str
    version: str
    platform: str
    size: int


def named(reference: str) -> str:
    """The base that params.yaml names; ConfigError, with the way to get one, where it names none."""
    if not reference:
        raise ConfigError("image.base is empty: an image needs a base, by digest", HOW)
    return reference


def look(engine: Engine, reference: str) -> Base:
    """Fetch the base where this machine hasn't got it, and ask its Python what it is.

    Raises
    ------
    ConfigError
        If the registry has no such image, or there is no Python in it that wheels can be installed for.
    InfraError
        If the registry or the engine fails.
    """
    fetch(engine, reference)
    try:
        said = json.loads(engine.python(reference, PROBE).splitlines()[-1])
    except InfraError as error:
        if "not found" in str(error) or "no such file" in str(error).lower():
            raise ConfigError(f"there is no python3 in {reference}", HOW) from error
        raise
    except (ValueError, IndexError) as error:
        raise ConfigError(f"python3 in {reference} is no Python", HOW) from error
    known = engine.inspect(reference) or {}
    size = int(known.get("Size") or 0)
    return Base(reference, said["executable"], said["version"], _platform(said), size)


def ready(reference: str) -> str:
    """Which engine would build on this base; ConfigError or InfraError where none could, nothing is pulled."""
    if not reference:
        return "no image is wanted: image.base is empty"
    engine = find()
    if not engine.inspect(reference) and not registry.digest(Reference.parse(reference)):
        raise ConfigError(f"the registry has no {reference}", HOW)
    return f"{engine.name}, on {reference[:60]}"


def fetch(engine: Engine, reference: str) -> None:
    if engine.inspect(reference):
        return
    ref = Reference.parse(reference)
    try:
        engine.pull(reference, ref.loopback)
    except InfraError as error:
        if not registry.digest(ref):
            raise ConfigError(f"{ref.registry} has no image {reference}", HOW) from error
        raise


def _platform(said: dict[str, str]) -> str:
    """The platform as uv names it: `x86_64-manylinux_2_36`, `aarch64-unknown-linux-musl`."""
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(said["machine"], said["machine"])
    if machine not in ("x86_64", "aarch64"):
        raise ConfigError(f"the base is for {machine}", "use a base for x86_64 or aarch64")
    if said["musl"]:
        return f"{machine}-unknown-linux-musl"
    minor = int(said["glibc"].split(".")[1]) if said["glibc"].startswith("2.") else 0
    known = [value for value in GLIBC if value <= minor]
    if not known:
        raise ConfigError(f"the base has glibc {said['glibc'] or 'unknown'}", "use a base with glibc 2.17 or newer")
    return f"{machine}-manylinux_2_{known[-1]}"
