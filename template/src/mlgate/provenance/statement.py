"""Statements whose signature was verified, read strictly: subject, type, predicate, and who signed."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from mlgate.errors import DataError
from mlgate.provenance.predicate import RELEASE_TYPE, Predicate

LIMIT = 4 * 1024 * 1024
_TYPES = ("https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1")
_MEND = "sign the image again: `mlgate package --image --push --sign`"


@dataclass(frozen=True)
class Signer:
    """Who signed. A key is known by its fingerprint; GitHub's certificate says repository, workflow and branch."""

    kind: str
    name: str
    repository: str = ""
    workflow: str = ""
    ref: str = ""
    commit: str = ""
    issuer: str = ""


@dataclass(frozen=True)
class Attested:
    """A release predicate under a good signature; `signed` is a time that someone else vouches for, if there is one."""

    subjects: frozenset[str]
    predicate: Predicate
    signer: Signer
    signed: datetime | None = None

    @property
    def moment(self) -> datetime:
        """When it was signed: a witness's word before the signer's own."""
        return self.signed or self.predicate.attested


def from_envelope(text: str, signer: Signer) -> Attested:
    """The statement in a DSSE envelope (JSON), whose signature cosign verified; DataError where it is none."""
    try:
        envelope = json.loads(text)
        payload = base64.b64decode(envelope["payload"], validate=True)
        if envelope["payloadType"] != "application/vnd.in-toto+json" or len(payload) > LIMIT:
            raise ValueError("another type of payload, or one over 4 MB")
        statement = json.loads(payload, object_pairs_hook=_once)
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise DataError(f"a signed statement can't be read: {error}"[:300], _MEND) from error
    return from_statement(statement, signer)


def from_statement(statement: Any, signer: Signer, signed: datetime | None = None) -> Attested:
    """The statement as plain values; DataError where it is not one of ours."""
    try:
        if statement["_type"] not in _TYPES or statement["predicateType"] != RELEASE_TYPE:
            raise ValueError("another type of statement")
        subjects = frozenset(f"sha256:{subject['digest']['sha256']}" for subject in statement["subject"])
        return Attested(subjects, Predicate.model_validate(statement["predicate"]), signer, signed)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise DataError(f"the signed statement is damaged: {where}: {first['msg']}"[:300], _MEND) from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"the signed statement is none of a release: {error}"[:300], _MEND) from error


def newest(found: Iterable[Attested]) -> Attested | None:
    """The last word: of several statements of one signer the newest counts, also where an older one was kinder."""
    return max(found, key=lambda one: one.moment, default=None)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found
