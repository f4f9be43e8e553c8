"""What a commit of the ledger says to people: a subject, and trailers from which nothing can be forged."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from mlgate.packing.release import Release


def release_trailers(release: Release) -> dict[str, str]:
    """What a commit says about the release that it names."""
    metrics = " ".join(f"{name}={found.value:.4g}" for name, found in sorted(release.metrics.items()))
    registered = f"(registry {release.model_version})" if release.model_version else ""
    return {
        "Image": release.container or release.image,
        "Source-Commit": release.source_commit,
        "Data-Version": release.data_digest,
        "Model-Version": " ".join(filter(None, (release.version, registered))),
        "Metrics": metrics,
    }


def message(subject: str, trailers: Mapping[str, str]) -> str:
    """A commit message; every value is one line, so that no name or reason can forge a trailer."""
    lines = [f"{key}: {_line(value)}" for key, value in trailers.items() if _line(value)]
    return "\n".join([_line(subject), "", *lines, ""])


def trailers(text: str) -> dict[str, str]:
    """The trailers of a message that `message` made."""
    pairs = (line.partition(":") for line in text.rpartition("\n\n")[2].splitlines())
    return {key.strip(): value.strip() for key, colon, value in pairs if colon}


def run_url() -> str:
    """Where the run that commits can be read: its page on GitHub, or `local`."""
    server, repository, run = (os.environ.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    return f"{server}/{repository}/actions/runs/{run}" if server and repository and run else "local"


def approver(given: str | None, person: str) -> str:
    """Who answers for a change: whom the caller names, whom the platform names, or who sits here."""
    if given is not None:
        return given.strip()
    said = (os.environ.get(name, "").strip() for name in ("MLGATE_APPROVED_BY", "GITHUB_ACTOR"))
    return next(filter(None, said), person.strip())


def _line(text: str) -> str:
    return re.sub(r"[\s\x00-\x1f\x7f\u2028\u2029]+", " ", text).strip()[:500]
