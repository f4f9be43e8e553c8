"""Names of images: registry, repository, and the digest or tag; nothing else is one."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from mlgate.errors import ConfigError

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_REPOSITORY = re.compile(r"[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_HOST = re.compile(r"([A-Za-z0-9]+([.-]+[A-Za-z0-9]+)*|\[[0-9a-fA-F:]+\])(:[0-9]{1,5})?")


@dataclass(frozen=True)
class Reference:
    """`REGISTRY/REPOSITORY@sha256:…` or `REGISTRY/REPOSITORY:TAG`, in its parts."""

    registry: str
    repository: str
    digest: str = ""
    tag: str = ""

    @classmethod
    def parse(cls, text: str) -> Reference:
        """A name as people write it; without a registry it is Docker Hub's. ConfigError where it is none."""
        name, at, digest = text.partition("@")
        host, slash, path = name.partition("/")
        if not slash or not ("." in host or ":" in host or host == "localhost"):
            host, path = "docker.io", name if slash else f"library/{name}"
        path, colon, tag = path.partition(":")
        good = _HOST.fullmatch(host) and _REPOSITORY.fullmatch(path)
        if not good or (at and not _DIGEST.fullmatch(digest)) or (colon and not _TAG.fullmatch(tag)):
            raise ConfigError(f"{text[:200]!r} names no image", "write REGISTRY/NAME@sha256:… with 64 digits")
        return cls(host, path, digest, "" if at else tag or "latest")

    @property
    def name(self) -> str:
        """Without digest or tag."""
        return f"{self.registry}/{self.repository}"

    @property
    def version(self) -> str:
        """What a registry is asked for: the digest, else the tag."""
        return self.digest or self.tag

    @property
    def loopback(self) -> bool:
        """Whether the registry is on this machine, and may do without TLS."""
        host = self.registry.rpartition(":")[0] if ":" in self.registry else self.registry
        try:
            return ipaddress.ip_address(host.strip("[]")).is_loopback
        except ValueError:
            return host == "localhost"

    @property
    def url(self) -> str:
        """Where its manifests and blobs are."""
        host = "registry-1.docker.io" if self.registry == "docker.io" else self.registry
        return f"{'http' if self.loopback else 'https'}://{host}/v2/{self.repository}"
