"""Packages the judged model and, where there is a base, its image; a push gets credentials for this one step alone."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import run_verb
from actionlib.markdown import escape, summarise
from actionlib.problems import ActionError, ended
from actionlib.registry import image_settings, logged_in, repository_of
from actionlib.workflow import annotate, output

CONTAINER = re.compile(r"([^\s@]+)@(sha256:[0-9a-f]{64})")
OUTPUTS = ("release", "container", "container-name", "container-digest", "container-registry", "verify")
UNSET = dict.fromkeys(OUTPUTS, "")
NONE = "no image: image.base is empty in params.yaml"
MEND = "set it to NAME@sha256:…, a base image by digest (docs/images.md); until then the release goes on as a Bento"
REPORT = Path("reports") / "package.json"


def main() -> int:
    output(UNSET)
    push, twice = (os.environ.get(name) == "true" for name in ("PUSH", "TWICE"))
    token = os.environ.pop("REGISTRY_TOKEN", "")
    settings = image_settings()
    repository, based = repository_of(os.environ, settings.repository), bool(settings.base)
    os.environ["MLGATE_IMAGE_REPOSITORY"] = repository
    more = [flag for flag, wanted in (("--twice", twice), ("--push", push)) if wanted]
    flags = ["--image", "--try", *more] if based else ["--smoke"]
    with logged_in(repository.partition("/")[0] if push and based else "", token):
        code = run_verb.main(["mlgate", "package", *flags])
    if not based:
        skipped()
    output(built() | {"verify": settings.verify} if code == 0 else UNSET)
    return code


def skipped() -> None:
    """Say in the report, the log and the summary that there is no image, and what to do for one."""
    annotate("notice", f"{NONE}; next: {MEND}", "image")
    summarise(f"- ⏭️ {escape(NONE)}; {escape(MEND)}")
    if REPORT.is_file():
        report = json.loads(REPORT.read_bytes())
        check = {"id": "image", "title": "The image", "status": "skip", "evidence": NONE, "mend": MEND}
        report["checks"] = [*(one for one in report["checks"] if one["id"] != "image"), check]
        REPORT.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def built() -> dict[str, str]:
    """What the next jobs need to know of the release that `package` reports."""
    digest = json.loads(REPORT.read_bytes())["subject"]["image_digest"].removeprefix("sha256:")
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise ActionError(f"{REPORT} names no release", "look at the log of `mlgate package`")
    record = Path(".mlgate") / "releases" / digest / "release.json"
    container = json.loads(record.read_bytes()).get("container", "")
    found = CONTAINER.fullmatch(container)
    name, image = (found[1], found[2]) if found else ("", "")
    registry = name.partition("/")[0]
    told = {"container": container, "container-name": name, "container-digest": image, "container-registry": registry}
    return {"release": digest, **told}


if __name__ == "__main__":
    sys.exit(ended(main))
