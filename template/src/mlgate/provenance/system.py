"""The packages in an image: what dpkg, apk and wheels recorded in its layers, read from the registry, nothing run."""

from __future__ import annotations

import contextlib
import email
import re
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from mlgate.errors import DataError
from mlgate.image.reference import Reference
from mlgate.image.registry import INDEXES, manifest, save_blob

LIMIT = 64 * 1024 * 1024  # bytes of one record of packages
_DPKG, _DPKG_PARTS, _APK, _RELEASE = (
    "var/lib/dpkg/status",
    "var/lib/dpkg/status.d/",
    "lib/apk/db/installed",
    "etc/os-release",
)
_RELEASES = (_RELEASE, "usr/lib/os-release")
_WHEEL = re.compile(r"(?:.+/)?([^/]+)-([^/-]+)\.dist-info/METADATA")


def records(reference: Reference) -> dict[str, bytes]:
    """By path, what each kind of package leaves behind in an image; of a wheel, that it is there.

    Raises
    ------
    DataError
        If the image is gone, or a layer of it can't be read.
    """
    found: dict[str, bytes] = {}
    for layer in reversed(_layers(reference)):  # the topmost record of a path is the one that a container sees
        for name, content in _read(reference, layer).items():
            found.setdefault(name, content)
    return found


def wheels(records: dict[str, bytes]) -> set[tuple[str, str]]:
    """Name, in its one normal form, and version of each Python package that was installed as a wheel."""
    found = (_WHEEL.fullmatch(name) for name in records)
    return {(normal(match[1]), match[2]) for match in found if match}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def packages(records: dict[str, bytes]) -> list[dict[str, str]]:
    """Name, version and package URL of each installed system package, sorted; empty where the image records none."""
    release = next((_fields(records[name], "=") for name in _RELEASES if name in records), {})
    distribution = release.get("ID", "linux").strip('"')
    tag = quote(f"{distribution}-{release.get('VERSION_ID', '').strip(chr(34))}".rstrip("-"), safe="")
    found = []
    for name, content in records.items():
        if name == _DPKG or name.startswith(_DPKG_PARTS):
            found += [_component("deb", distribution, tag, *entry) for entry in _dpkg(content)]
        elif name == _APK:
            found += [_component("apk", distribution, tag, *entry) for entry in _apk(content)]
    return sorted(found, key=lambda component: component["purl"])


def _layers(reference: Reference) -> list[dict[str, object]]:
    found = manifest(reference)
    if found.get("mediaType") in INDEXES:
        raise DataError(f"{reference.name} is an index of several images", "name the digest of one platform's image")
    return list(found.get("layers", []))


def _read(reference: Reference, layer: dict[str, object]) -> dict[str, bytes]:
    """The records of packages in one layer."""
    kept: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "layer"
        save_blob(reference, str(layer["digest"]), path)
        try:
            with tarfile.open(path, "r|*") as archive:
                for member in archive:
                    name = member.name.removeprefix("./").lstrip("/")
                    if _WHEEL.fullmatch(name):
                        kept[name] = b""
                        continue
                    wanted = name in (_DPKG, _APK, *_RELEASES) or name.startswith(_DPKG_PARTS)
                    if not wanted or not member.isfile() or name.endswith(".md5sums"):
                        continue
                    if member.size > LIMIT or (stream := archive.extractfile(member)) is None:
                        raise DataError(f"{name} in the image is over 64 MB", "use another base image")
                    kept[name] = stream.read()
        except (tarfile.TarError, EOFError, OSError) as error:
            mend = "push layers as gzip or plain tar (docker's and podman's default)"
            raise DataError(f"layer {str(layer['digest'])[:19]} can't be read: {error}"[:300], mend) from error
    return kept


def _dpkg(content: bytes) -> Iterator[tuple[str, str, str]]:
    for paragraph in content.decode("utf-8", "replace").split("\n\n"):
        if paragraph.strip():
            said = email.message_from_string(paragraph.lstrip("\n"))
            status = said.get("Status", "install ok installed")
            if said.get("Package") and said.get("Version") and status.endswith(" installed"):
                yield said["Package"].strip(), said["Version"].strip(), said.get("Architecture", "").strip()


def _apk(content: bytes) -> Iterator[tuple[str, str, str]]:
    for paragraph in content.decode("utf-8", "replace").split("\n\n"):
        said = _fields(paragraph.encode(), ":")
        if "P" in said and "V" in said:
            yield said["P"], said["V"], said.get("A", "")


def _fields(content: bytes, separator: str) -> dict[str, str]:
    found = {}
    for line in content.decode("utf-8", "replace").splitlines():
        with contextlib.suppress(ValueError):
            name, value = line.split(separator, 1)
            found[name.strip()] = value.strip()
    return found


def _component(kind: str, distribution: str, tag: str, name: str, version: str, architecture: str) -> dict[str, str]:
    where = "&".join(filter(None, (f"arch={quote(architecture, safe='')}" if architecture else "", f"distro={tag}")))
    purl = f"pkg:{kind}/{quote(distribution, safe='')}/{quote(name, safe='')}@{quote(version, safe='')}?{where}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
