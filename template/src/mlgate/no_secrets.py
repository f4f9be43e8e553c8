"""Finds secrets in settings: what stands there goes into Git, reports, MLflow and images, and stays there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

PRIVATE_KEY = (
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"  # PEM, OpenSSH, PGP, cosign
    r"|PuTTY-User-Key-File-\d"
    r"|AGE-SECRET-KEY-1[0-9A-Z]{50}"
)
# What the makers of a kind document about its form. Passwords without a form can't be told from any other word.
KINDS = {
    "a password in an address": re.compile(r"[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@", re.I),
    "a private key": re.compile(PRIVATE_KEY),
    "a GitHub token": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,})"),
    "a GitLab token": re.compile(r"\bglpat-[\w-]{16,}"),
    "an AWS access key": re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    "a Google API key": re.compile(r"\bAIza[\w-]{35}"),
    "a Slack token": re.compile(r"\bxox[abeoprs]-[\w-]{10,}"),
    "a PyPI token": re.compile(r"\bpypi-[\w-]{50,}"),
    "a storage account key": re.compile(r"\b(?:AccountKey|SharedAccessSignature)=[^;\s]{16,}", re.I),
    "a signed address": re.compile(r"[?&](?:sig|X-Amz-Signature|X-Goog-Signature)=[^&\s]{16,}", re.I),
    "a JSON web token": re.compile(r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\."),
}


def found(settings: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """The key path and kind of each secret in plain values; never the secret itself, nor a part of it."""
    if isinstance(settings, dict):
        for key, value in settings.items():
            yield from found(value, f"{place}.{key}" if place else str(key))
    elif isinstance(settings, list):
        for number, value in enumerate(settings):
            yield from found(value, f"{place}[{number}]")
    elif isinstance(settings, str):
        yield from ((place, kind) for kind, form in KINDS.items() if form.search(settings))
