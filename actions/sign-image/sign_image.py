"""Signs a pushed image and what was written about it, by the key that this job's environment holds; runs no other code.

The statement goes last: an image that has one has all three signatures. What is signed, and how it is verified, is in
`mlgate.provenance`; here it is asked of cosign alone, so that nothing of the project runs in the job with the key.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

from actionlib.markdown import escape, summarise
from actionlib.problems import ActionError, OutsideError, ended
from actionlib.registry import logged_in
from actionlib.workflow import group, output

STATEMENT, BILL = "https://mlgate.github.io/mlgate/release/v1", "https://cyclonedx.org/bom"
CONTAINER = re.compile(r"(?P<registry>[a-z0-9.-]+(:[0-9]+)?)(/[a-z0-9._-]+)+@sha256:[0-9a-f]{64}")
LOOPBACK = re.compile(r"(localhost|127(\.[0-9]+){3})(:[0-9]+)?")  # plain HTTP is for a registry on this machine alone
ELSEWHERE = re.compile(r"[a-z0-9]+://\S+")  # the key stays in a key service
HELD = "env://COSIGN_PRIVATE_KEY"  # cosign reads it there: it never lies on a disk
GIVEN = "`gh secret set {} --env signing` puts it there (docs/provenance.md)"
PAUSES = (2.0, 8.0, None)


def main() -> int:
    output({"status": "error"})
    container, reports = os.environ.get("CONTAINER", ""), Path(os.environ.get("REPORTS") or "reports")
    found = CONTAINER.fullmatch(container)
    if not found:
        raise ActionError(f"{container[:120]!r} is no image by digest", "give what `build-image` says as container")
    statement, bill = reports / "predicate.json", reports / "sbom.cdx.json"
    for path in (statement, bill):
        if not path.is_file():
            raise ActionError(f"{path} is missing", "download what the job that pushed the image uploaded as reports")
    words = ["--key", key(), "--tlog-upload=false", "--use-signing-config=false", "--yes"]
    words += ["--allow-http-registry"] if LOOPBACK.fullmatch(found["registry"]) else []
    with logged_in(found["registry"], os.environ.pop("REGISTRY_TOKEN", "")):
        cosign("sign", *words, container)
        cosign("attest", *words, "--type", BILL, "--predicate", str(bill), container)
        cosign("attest", *words, "--type", STATEMENT, "--predicate", str(statement), container)
    output({"status": "pass"})
    summarise(f"- ✍️ signed by key: {escape(container)}")
    return 0


def key() -> str:
    """How cosign is told of the key; a URI of a key service is passed on, a key in PEM stays in the environment."""
    given = os.environ.get("COSIGN_PRIVATE_KEY", "").strip()
    if ELSEWHERE.fullmatch(given):
        return given
    if not given:
        raise ActionError("the environment `signing` holds no private key", GIVEN.format("COSIGN_PRIVATE_KEY"))
    if not os.environ.get("COSIGN_PASSWORD"):
        raise ActionError("the environment `signing` holds no password", GIVEN.format("COSIGN_PASSWORD"))
    return HELD


def cosign(*words: str) -> None:
    """Run cosign; a registry that does not answer is asked again, and signing twice does no harm."""
    for pause in PAUSES:
        with group(f"cosign {words[0]}"):
            try:
                code = subprocess.run(["cosign", *words], stdin=subprocess.DEVNULL, check=False, timeout=180).returncode
            except FileNotFoundError as error:
                raise ActionError("cosign is not on the PATH", "use the action, which installs it") from error
            except subprocess.TimeoutExpired:
                code = 124
        if code == 0:
            return
        if pause is not None:
            time.sleep(pause * float(os.environ.get("MLGATE_API_WAIT") or 1))
    raise OutsideError(
        f"cosign {words[0]} ended with exit code {code}; the log above says why",
        "if the key and its password belong together, see the registry's log, and run the job again",
    )


if __name__ == "__main__":
    sys.exit(ended(main))
