"""Identifiers that leave the service are keyed hashes: the same one for a prediction and, later, for its label."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import logging
import os
import secrets
import unicodedata
from pathlib import Path
from typing import Any

from mlgate.errors import ConfigError

VARIABLE = "MLGATE_PSEUDONYM_KEY"
FILE = "pseudonym.key"
SHORTEST = 16  # characters of a key

log = logging.getLogger("mlgate.serving.pseudonym")


def read_key(state: Path | None) -> bytes:
    """The key: from `MLGATE_PSEUDONYM_KEY`, or from a file in the state folder, created once with mode 0600.

    Without a place to keep one, the key lasts as long as the process: predictions can then never be joined to labels.

    Raises
    ------
    ConfigError
        If the key from the environment is too short to resist guessing.
    """
    if given := os.environ.get(VARIABLE):
        if len(given) < SHORTEST:
            raise ConfigError(f"{VARIABLE} has {len(given)} characters", f"give it at least {SHORTEST}, at random")
        return given.encode()
    try:
        if state is not None:
            return _kept(state / FILE)
    except OSError as error:
        log.warning("no pseudonym key could be kept (%s); this process uses one of its own", error)
    return secrets.token_bytes(32)


def _kept(path: Path) -> bytes:
    """The key in `path`; of many processes that create it at once, one wins and all read its key."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w") as stream:
                stream.write(secrets.token_hex(32))
                stream.flush()
                os.fsync(stream.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(scratch, path)
        finally:
            scratch.unlink(missing_ok=True)
    key = path.read_bytes()
    if len(key) < SHORTEST:
        raise OSError(f"{path} holds no key")
    return key


def pseudonym(value: Any, key: bytes) -> str:
    """HMAC-SHA256 of an identifier, its first 128 bits as hex; 7, numpy's 7 and 7.0 are one identifier, "7" too."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = unicodedata.normalize("NFC", str(value))
    return hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:32]
