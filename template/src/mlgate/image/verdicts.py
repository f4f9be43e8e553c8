"""What is said of an image that was tried: each measurement against its limit, missing measurements red."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from mlgate.report import Check, Status

MB = 1e6
TITLES = {
    "image-ready": "The image becomes ready",
    "image-version": "The image's answer names the version",
    "image-golden": "The golden rows score in the image as at build time",
    "image-contract": "Nonsense is refused by the image",
    "image-latency": "One row is answered in time",
    "image-size": "The image is little more than its base and the locked libraries",
    "image-content": "Nothing is in the image that the service does without",
    "image-user": "The service is no root, and can't become it",
    "image-stop": "SIGTERM ends the service in order",
    "image-same": "Two builds of one commit have the same layers",
}


def ready(seconds: float | None, limit: float, words: str = "") -> Check:
    """Seconds from the start of the container to `/readyz`; None where it never was."""
    if seconds is None:
        return _check("image-ready", "fail", None, limit, "s", f"never ready: {words}"[:400], "read its log above")
    bad = not seconds <= limit
    return _check("image-ready", "fail" if bad else "pass", seconds, limit, "s", words, "see docs/images.md")


def latency(milliseconds: Sequence[float], limit: float) -> Check:
    """The 95th percentile of the times of one golden row; at least 20 of them, all finite."""
    if len(milliseconds) < 20 or not all(map(math.isfinite, milliseconds)):
        return _check("image-latency", "error", None, limit, "ms", "too few answers to judge", "start it again")
    ordered = sorted(milliseconds)
    p50, p95 = ordered[len(ordered) // 2], ordered[math.ceil(0.95 * len(ordered)) - 1]
    evidence = f"p50 {p50:.1f} ms, p95 {p95:.1f} ms of {len(ordered)} requests"
    mend = "profile src/model/features.py, or raise image.max_latency_ms"
    return _check("image-latency", "pass" if p95 <= limit else "fail", p95, limit, "ms", evidence, mend)


def size(total: int, base: int, libraries: int, limit: float) -> Check:
    """Megabytes of the image, and its ratio to what can't be less: the base and the locked libraries."""
    floor = base + libraries
    if min(total, base, libraries) <= 0:
        return _check("image-size", "error", None, limit, "x", "the engine does not say what it weighs", "use docker")
    ratio = total / floor
    evidence = f"{total / MB:.0f} MB; base {base / MB:.0f} + libraries {libraries / MB:.0f} = {floor / MB:.0f} MB"
    mend = "keep data out of src/model, and a model small; `docker history` names the layers"
    return _check("image-size", "pass" if ratio <= limit else "fail", ratio, limit, "x", evidence, mend)


def content(found: Mapping[str, Sequence[str]]) -> Check:
    """Compilers, installers, tests and data that were found in the image."""
    wrong = {kind: sorted(paths) for kind, paths in found.items() if paths}
    said = "; ".join(f"{kind}: {', '.join(paths[:4])}" for kind, paths in wrong.items())
    mend = "use a slim base (no compiler); keep tests and data out of src/"
    return _check("image-content", "fail" if wrong else "pass", None, None, "", said or "as small as it can be", mend)


def user(said: Mapping[str, Any]) -> Check:
    """Who runs in the container, whether it may write to the image, and what the kernel lets it do."""
    wrong = [
        words
        for bad, words in (
            (said.get("uid") in (0, None), f"runs as user {said.get('uid')}"),
            (said.get("capabilities") != 0, f"has capabilities {said.get('capabilities')}"),
            (said.get("no_new_privileges") != 1, "may gain privileges"),
            (said.get("writable") != [], f"can write {said.get('writable')}"),
            (said.get("kept") != [], f"is not read-only at {said.get('kept')}"),
        )
        if bad
    ]
    evidence = "; ".join(wrong) or f"user {said.get('uid')}, read-only, no capabilities"
    return _check("image-user", "fail" if wrong else "pass", None, None, "", evidence, "keep USER in the recipe")


def stopped(code: int | None, seconds: float, limit: float) -> Check:
    """How the service ended after SIGTERM: of its own will, with 0, in time."""
    good = code == 0 and seconds <= limit
    said = "did not end" if code is None else f"ended with {code} after {seconds:.1f} s"
    return _check("image-stop", "pass" if good else "fail", seconds, limit, "s", said, "read its log: what held it?")


def reproducible(different: Sequence[str], layers: int) -> Check:
    """Whether two builds of one commit have the same layers; which of them differ."""
    evidence = "; ".join(different) or f"{layers} layers, the same in both builds"
    mend = "what differs has a clock or a random order in it: compare with `docker save`"
    return _check("image-same", "fail" if different else "pass", None, None, "", evidence[:400], mend)


def smoked(checks: Sequence[Check]) -> list[Check]:
    """The smoke test's checks under their names here; each of the three is there, or red."""
    found = {f"image-{check.id}": check for check in checks}
    names = ("image-version", "image-golden", "image-contract")
    missing = [_check(n, "error", None, None, "", "not asked: see image-golden", "") for n in names if n not in found]
    return [check.model_copy(update={"id": n, "title": TITLES[n]}) for n, check in found.items()] + missing


def unready(limit: float, words: str) -> list[Check]:
    """Every check on an image that never became ready: nothing of it can be believed."""
    others = [n for n in TITLES if n not in ("image-ready", "image-size", "image-same")]
    return [
        ready(None, limit, words),
        *(_check(n, "error", None, None, "", "the image was not ready", "") for n in others),
    ]


def _check(
    name: str, status: Status, observed: float | None, threshold: float | None, unit: str, evidence: str, mend: str
) -> Check:
    shown = None if observed is None else round(observed, 3)
    return Check(
        id=name, title=TITLES[name], status=status, observed=shown, threshold=threshold, unit=unit, evidence=evidence,
        mend=mend if status in ("fail", "error") else "",
    )  # fmt: skip
