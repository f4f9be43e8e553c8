"""Makes the GitHub release of a tag, with the tag's part of CHANGELOG.md as its text: `publish_release.py v1.2.0`.

The tag must be there, and lead to the commit that this run was started for. A release that is there already gets the
text again, so that a job which was cut off can be run once more.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import release_notes

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "actions" / "lib"))

from actionlib.problems import ActionError, ended
from actionlib.rest import Client, Refused

TAG = re.compile(r"v\d+\.\d+\.\d+")


def main(argv: list[str]) -> int:
    (tag,) = argv
    if not TAG.fullmatch(tag):
        raise ActionError(f"{tag[:40]!r} is no version", "tag a commit as vX.Y.Z")
    try:
        text = release_notes.notes(release_notes.CHANGELOG.read_text(encoding="utf-8"), tag.removeprefix("v"))
    except LookupError as error:
        raise ActionError(str(error), "write it, commit, and tag that commit") from error
    print(publish(Client.from_environment(), tag, os.environ.get("GITHUB_SHA", ""), text))
    return 0


def publish(client: Client, tag: str, commit: str, text: str) -> str:
    """The release's address."""
    there = peeled(client, tag)
    if there != commit:
        raise ActionError(
            f"{tag} leads to {there[:12] or 'nothing'}, not to {commit[:12]}", "tag again, and push the tag"
        )
    content = {"tag_name": tag, "name": tag, "body": text}
    if known := found(client, f"/releases/tags/{tag}"):
        made = client.call("PATCH", f"/releases/{known['id']}", content)
    else:
        made = client.call("POST", "/releases", content, repeatable=False)
    return str(made["html_url"])


def peeled(client: Client, tag: str) -> str:
    """The commit of a tag, also of an annotated one; empty where there is no such tag."""
    at = (found(client, f"/git/ref/tags%2F{tag}") or {}).get("object", {})
    if at.get("type") == "tag":
        at = client.call("GET", f"/git/tags/{at['sha']}")["object"]
    return str(at.get("sha", "")) if at.get("type") == "commit" else ""


def found(client: Client, path: str) -> Any:
    """What is there; None where nothing is."""
    try:
        return client.call("GET", path)
    except Refused as error:
        if ": 404 " not in f"{error} ":
            raise
        return None


if __name__ == "__main__":
    sys.exit(ended(lambda: main(sys.argv[1:])))
