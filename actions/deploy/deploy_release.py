"""Runs deploy, promote or rollback against the remote's ledger, and says which commit it left there."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import run_verb
from actionlib.problems import ActionError, ended
from actionlib.registry import image_settings, logged_in, repository_of
from actionlib.repository import remote_head
from actionlib.workflow import output

ENVIRONMENTS = ("staging", "production")


def main() -> int:
    output({"commit": "", "changed": "false"})
    verb, environment = os.environ.get("VERB", ""), os.environ.get("ENVIRONMENT", "")
    if verb == "promote":
        environment = "production"
    if environment not in ENVIRONMENTS:
        raise ActionError(f"there is no environment {environment[:40]!r}", f"one of {', '.join(ENVIRONMENTS)}")
    branch, here = f"env/{environment}", Path.cwd()
    before = remote_head(here, branch)
    repository = repository_of(os.environ, image_settings().repository)
    os.environ["MLGATE_IMAGE_REPOSITORY"] = repository  # images of any other repository are refused
    with logged_in(repository.partition("/")[0], os.environ.get("GH_TOKEN", "")):
        code = run_verb.main(["mlgate", *words(verb, environment)])
    after = remote_head(here, branch)
    output({"commit": after, "changed": "true" if after != before else "false"})
    print(f"{branch}: {before[:12] or 'none'} before, {after[:12] or 'none'} after")
    return code


def words(verb: str, environment: str) -> list[str]:
    """The verb's call; values are joined to their option, so that none is taken for another option."""
    if verb == "deploy":
        return ["deploy", f"--env={environment}", f"--release={os.environ.get('RELEASE', '')}"]
    if verb == "promote":
        return ["promote"]
    if verb == "rollback":
        return ["rollback", f"--env={environment}", f"--to={os.environ.get('TO', '')}"]
    raise ActionError(f"deploy knows no action {verb[:40]!r}", "one of deploy, promote, rollback")


if __name__ == "__main__":
    sys.exit(ended(main))
