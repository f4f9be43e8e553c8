"""Signatures by GitHub's workflow identity: `gh attestation verify` checks them, and says what the certificate says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from datetime import datetime
from typing import Any

from mlgate.errors import ConfigError, DataError, InfraError
from mlgate.provenance.cosign import Found
from mlgate.provenance.predicate import RELEASE_TYPE
from mlgate.provenance.statement import Attested, Signer, from_statement

SECONDS = 180
_UNSIGNED = re.compile(r"no attestations? found|HTTP 404", re.IGNORECASE)
_ILL = re.compile(
    r"HTTP (429|5\d\d)|time(d )?\s?out|connection|no such host|rate limit|EOF|parse reference", re.IGNORECASE
)


def statements(container: str, repository: str) -> Found:
    """The release statements of an image that a workflow of `repository` (HOST/OWNER/NAME) signed.

    gh verifies signature, certificate and that repository; workflow, branch and commit are for `claims` to judge. With
    MLGATE_TRUSTED_ROOT (a file that `gh attestation trusted-root` prints) neither GitHub nor Sigstore is asked: the
    attestations come from the registry.

    Raises
    ------
    ConfigError
        If gh is not logged in, or this repository has no remote on GitHub.
    InfraError
        If gh is not installed, or GitHub does not answer it.
    """
    command = [program(), *arguments(container, origin(repository))]
    try:
        done = subprocess.run(
            command,
            capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=SECONDS,
            env={**_unasked(), **os.environ, "GH_PROMPT_DISABLED": "1", "NO_COLOR": "1"},
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise InfraError(f"gh gave no answer in {SECONDS} s", "run the same verb again") from error
    return read(done.returncode, done.stdout, done.stderr)


def _unasked() -> dict[str, str]:
    """gh wants a token in any case; where it asks nobody, any will do."""
    return {"GH_TOKEN": "unused"} if os.environ.get("MLGATE_TRUSTED_ROOT") else {}


def program() -> str:
    """The path of gh; InfraError where there is none."""
    found = os.environ.get("MLGATE_GH") or shutil.which("gh")
    if not found:
        raise InfraError("gh is not on PATH, and GitHub's attestations can't be read without it", "install gh 2.60+")
    return found


def origin(repository: str) -> str:
    """The repository; ConfigError where it is unknown."""
    if not repository:
        mend = "git remote add origin https://github.com/OWNER/NAME"
        raise ConfigError("deploy.verify is github, and this repository has no remote there", mend)
    return repository


def arguments(container: str, repository: str) -> list[str]:
    """How gh is called; `repository` goes with its host, so that an Enterprise server works too."""
    words = ["attestation", "verify", f"oci://{container}", "--repo", repository.partition("/")[2]]
    if (host := repository.partition("/")[0]) != "github.com":
        words += ["--hostname", host]
    if root := os.environ.get("MLGATE_TRUSTED_ROOT"):
        words += ["--custom-trusted-root", root, "--bundle-from-oci"]
    return [*words, "--predicate-type", RELEASE_TYPE, "--format", "json"]


def read(code: int, output: str, errors: str) -> Found:
    """What gh's exit code and words mean; only its exit 0 makes a statement good."""
    why = " / ".join(line.strip() for line in errors.strip().splitlines()[-3:])[:250]
    if code == 4:
        raise ConfigError(f"gh is not logged in: {why}", "run `gh auth login`, or set GH_TOKEN")
    if code != 0:
        if _UNSIGNED.search(errors):
            return Found(why=why)
        if _ILL.search(errors):
            raise InfraError(f"GitHub did not answer: {why}", "run the same verb again")
        return Found(strangers=1, why=why)
    try:
        results = [entry["verificationResult"] for entry in json.loads(output)]
        return Found([_attested(result) for result in results])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"what gh says of the image can't be read: {error!r}"[:300], "update gh") from error


def _attested(result: dict[str, Any]) -> Attested:
    certificate = result["signature"]["certificate"]
    workflow, _, ref = _bare(certificate["buildSignerURI"]).partition("@")
    owner, _, path = workflow.partition("/.github/")
    repository = _bare(certificate["sourceRepositoryURI"]).lower()
    signer = Signer(
        kind="github",
        name=workflow,
        repository=repository,
        workflow=f".github/{path}" if owner.lower() == repository else workflow,
        ref=ref if certificate["sourceRepositoryRef"] == ref else "",
        commit=certificate["sourceRepositoryDigest"],
        issuer=certificate["issuer"],
    )
    times = [datetime.fromisoformat(stamp["timestamp"]) for stamp in result.get("verifiedTimestamps") or []]
    return from_statement(result["statement"], signer, min(times, default=None))


def _bare(uri: str) -> str:
    return uri.removeprefix("https://")
