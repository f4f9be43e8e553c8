"""Signatures by a key: cosign makes and checks them, here without a transparency log or any other service."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from mlgate.errors import ConfigError, InfraError
from mlgate.image.reference import Reference
from mlgate.provenance.predicate import RELEASE_TYPE, SBOM_TYPE
from mlgate.provenance.statement import Attested, Signer, from_envelope

ATTEMPTS, PAUSE = 3, 1.0
SECONDS = 90
_PUBLIC = re.compile(r"-----BEGIN PUBLIC KEY-----\s+([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----")
_KEPT_APART = re.compile(r"[a-z0-9]+://.+")  # a key in a KMS or a token: cosign knows how to reach it


@dataclass(frozen=True)
class Found:
    """The statements whose signature is good, and how many there are of others; `why` is the verifier's word."""

    attested: list[Attested] = field(default_factory=list)
    strangers: int = 0
    why: str = ""


def statements(container: str, keys: Path) -> Found:
    """The release statements of an image that one of the public keys in `keys` (PEM blocks) signed.

    Raises
    ------
    ConfigError
        If there is no public key.
    InfraError
        If cosign is not installed, or the registry does not answer it.
    """
    blocks = public_keys(keys)
    said = ""
    with tempfile.TemporaryDirectory() as scratch:
        for number, (block, signer) in enumerate(blocks):
            path = Path(scratch) / f"{number}.pub"
            path.write_text(block, encoding="ascii")
            words = ["--key", str(path), "--type", RELEASE_TYPE, "--insecure-ignore-tlog=true"]
            done = _cosign("verify-attestation", *words, *_transport(container), container)
            if done.returncode == 0:
                lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
                return Found([from_envelope(line, signer) for line in lines])
            said = _last(done)
    return Found(strangers=_others(container), why=said)


def public_keys(path: Path) -> list[tuple[str, Signer]]:
    """The PEM blocks of a file, each with the signer that it stands for: two while a key is being rotated."""
    mend = "put the public key there (`cosign generate-key-pair` makes a pair), or change deploy.key in params.yaml"
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is no public key: {error}"[:300], mend) from error
    found = []
    for block in _PUBLIC.finditer(text):
        fingerprint = hashlib.sha256(base64.b64decode(block[1])).hexdigest()
        found.append((block[0] + "\n", Signer("key", f"key sha256:{fingerprint[:16]}")))
    if not found:
        raise ConfigError(f"{path} holds no public key in PEM", mend)
    return found


def sign(container: str, key: str, predicate: Path, sbom: Path) -> None:
    """Sign an image by digest, and attest its SBOM and then its release: one that has the last has all three.

    Raises
    ------
    ConfigError
        If the key is not there, or its password is not set.
    InfraError
        If cosign or the registry fails; running it again is safe.
    """
    if not _KEPT_APART.fullmatch(key):
        if not Path(key).is_file():
            mend = "set MLGATE_COSIGN_KEY to the private key's path or KMS URI (`cosign generate-key-pair` makes one)"
            raise ConfigError(f"there is no signing key {key}", mend)
        if "COSIGN_PASSWORD" not in os.environ:
            raise ConfigError("COSIGN_PASSWORD is not set", "export the password of the signing key as COSIGN_PASSWORD")
    offline = ["--key", key, "--tlog-upload=false", "--use-signing-config=false", "--yes", *_transport(container)]
    for words in (
        ["sign", *offline],
        ["attest", *offline, "--type", SBOM_TYPE, "--predicate", str(sbom)],
        ["attest", *offline, "--type", RELEASE_TYPE, "--predicate", str(predicate)],
    ):
        for attempt in range(ATTEMPTS):
            done = _cosign(*words, container)
            if done.returncode == 0:
                break
            if attempt + 1 == ATTEMPTS:
                raise InfraError(f"cosign could not {words[0]} {container}: {_last(done)}", "see the registry's log")
            time.sleep(PAUSE * 2**attempt)


def _others(container: str) -> int:
    """How many release statements are with the image, whoever signed them."""
    for attempt in range(ATTEMPTS):
        done = _cosign("download", "attestation", *_transport(container), container)
        if done.returncode == 0:
            return sum(_type_of(line) == RELEASE_TYPE for line in done.stdout.splitlines() if line.startswith("{"))
        time.sleep(PAUSE * 2**attempt if attempt + 1 < ATTEMPTS else 0)
    mend = "run the same verb again when the registry answers; what serves now goes on serving"
    raise InfraError(f"cosign can't read the signatures of {container}: {_last(done)}", mend)


def _type_of(line: str) -> str:
    """The predicate's type in a bundle or envelope; empty where it can't be read."""
    try:
        said = json.loads(line)
        return str(json.loads(base64.b64decode(said.get("dsseEnvelope", said)["payload"]))["predicateType"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""


def _transport(container: str) -> list[str]:
    """Plain HTTP is for a registry on this machine alone."""
    return ["--allow-http-registry"] if Reference.parse(container).loopback else []


def program() -> str:
    """The path of cosign; InfraError where there is none."""
    found = os.environ.get("MLGATE_COSIGN") or shutil.which("cosign")
    if not found:
        mend = "install cosign 3.1.3 or newer, or set MLGATE_COSIGN to its path"
        raise InfraError("cosign is not on PATH, and signatures can't be read without it", mend)
    return found


def _cosign(*words: str) -> subprocess.CompletedProcess[str]:
    command = [program(), *words]
    try:
        return subprocess.run(
            command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 124, "", f"no answer in {SECONDS} s")
    except OSError as error:
        raise InfraError(
            f"{command[0]} can't be run: {error.strerror}", "set MLGATE_COSIGN to a cosign that works"
        ) from error


def _last(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip() and not line.startswith("WARNING")]
    return (lines or [f"exit {done.returncode}"])[-1].removeprefix("error during command execution: ")[:200]
