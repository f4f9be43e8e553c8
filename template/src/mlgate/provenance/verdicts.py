"""The checks of an image by id and title, and how one is said."""

from __future__ import annotations

from mlgate.report import Check, Status

TITLES = {
    "image-policy": "params.yaml says whose signature an image needs",
    "image-digest": "The image is named by digest",
    "image-repository": "The image comes from the project's own registry",
    "image-present": "The registry has the image, whole",
    "image-signed": "The image carries a signed statement of its release",
    "image-signer": "It was signed by whom params.yaml names",
    "signature-age": "The signature is not too old",
    "signed-repository": "The signed image was built from this repository",
    "signed-workflow": "The signed image was built by the delivery workflow on main",
    "source-on-main": "The source commit is on main",
    "signed-verdict": "The gates let this release pass, under a signature",
    "signed-release": "The signed statement is of this very release",
    "replay": "The release is no older than what the environment had",
}
CHECKS = tuple(TITLES)


def verdict(name: str, evidence: str, mend: str = "", status: Status = "fail") -> Check:
    """A check by its id: red with what to do, unless `status` says otherwise."""
    shown = mend if status in ("fail", "error") else ""
    return Check(id=name, title=TITLES[name], status=status, evidence=evidence[:400], mend=shown)


def good(name: str, evidence: str) -> Check:
    return verdict(name, evidence, status="pass")
