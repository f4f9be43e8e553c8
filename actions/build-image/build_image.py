"""Packages the judged model and, where there is a base, its image; a push gets credentials for this one step alone."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import run_verb
from actionlib.markdown import escape, summarise
from actionlib.problems import ActionError, ended
from actionlib.registry import logged_in
from actionlib.workflow import annotate, group, output

CONTAINER = re.compile(r"([^\s@]+)@(sha256:[0-9a-f]{64})")
UNSET = {"release": "", "container": "", "container-name": "", "container-digest": ""}
ASK = "from mlgate.project import Project; print(Project.find().params.image.base)"
NONE = "no image: image.base is empty in params.yaml"
MEND = "set it to NAME@sha256:…, a base image by digest (docs/images.md); until then the release goes on as a Bento"
REPORT = Path("reports") / "package.json"


def main() -> int:
    output(UNSET)
    push = os.environ.get("PUSH") == "true"
    repository = repository_of(os.environ) if push else os.environ.get("REPOSITORY", "")
    token = os.environ.pop("REGISTRY_TOKEN", "")
    if repository:
        os.environ["MLGATE_IMAGE_REPOSITORY"] = repository
    based = has_base()
    flags = ["--image", "--try", *(["--push"] if push else [])] if based else []
    with logged_in(repository.partition("/")[0] if push and based else "", token):
        code = run_verb.main(["mlgate", "package", *flags])
    if not based:
        skipped()
    made = built() if code == 0 else UNSET
    if code == 0 and not based:
        code = started()
    output(made if code == 0 else UNSET)
    return code


def started() -> int:
    """Start the Bento on this runner, as an image would be: ready, smoked on golden rows, stopped.

    The ledger that this writes is this clone's own; nothing pushes it.
    """
    os.environ.pop("MLGATE_REMOTE", None)
    try:
        return run_verb.main(["mlgate", "deploy", "--env=staging", "--engine=process"])
    finally:
        with group("mlgate serve --stop"):
            run_verb.call(["mlgate", "serve", "--env=staging", "--stop"])


def repository_of(environ: os._Environ[str]) -> str:
    """Where to push: what the caller says; by default GitHub's registry, under the repository's own name."""
    said = environ.get("REPOSITORY", "") or f"ghcr.io/{environ.get('GITHUB_REPOSITORY', '')}".lower()
    if not re.fullmatch(r"[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)+", said):
        raise ActionError(f"{said[:80]!r} is no image repository", "write it as REGISTRY/NAME, in small letters")
    return said


def has_base() -> bool:
    """Whether params.yaml names a base image, as mlgate reads it; where that fails, `package` will say why."""
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    try:
        done = subprocess.run(
            ["uv", "run", "--locked", "python", "-c", ASK], env=environ, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise ActionError("uv is not on the PATH", "use the action `setup` before this one") from error
    return done.returncode == 0 and bool(done.stdout.strip())


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
    return {"release": digest, "container": container, "container-name": name, "container-digest": image}


if __name__ == "__main__":
    sys.exit(ended(main))
