"""A merge of a project with a base image: built and pushed once, put up for signing as pushed, named in the ledger."""

from __future__ import annotations

import json
import re

import pytest
from containers import engine_of, quiet

from mlgate.provenance.predicate import RELEASE_TYPE


@pytest.fixture
def merged(scene, base_image: str, registry: str):
    """A scene whose main names a base and where images go, and that push."""
    text = (scene.clone / "params.yaml").read_text(encoding="utf-8")
    text, based = re.subn(r'(?m)^  base: ""', f'  base: "{base_image}"', text)
    text, named = re.subn(r'(?m)^  repository: ""', f'  repository: "{registry}/fraud"', text)
    assert based == named == 1
    scene.commit("Build an image", {"params.yaml": text})
    return scene, scene.push_main()


def test_an_image_is_pushed_once_put_up_for_signing_by_its_digest_and_named_in_staging(
    merged, docker: dict[str, str], crane: str, registry: str
) -> None:
    scene, event = merged
    done = scene.run("deliver.yml", event, **engine_of(docker))
    assert done.exit == 0, done.told()
    assert {job: done.jobs[job].result for job in ("build", "attest", "staging")} == dict.fromkeys(
        ("build", "attest", "staging"), "success"
    )
    release = json.loads(scene.show("env/staging", "release.json"))
    name, _, digest = release["container"].partition("@")
    assert name == f"{registry}/fraud"
    assert release["source_commit"] == event.sha
    assert quiet(crane, "manifest", "--insecure", release["container"]), "it is there"
    asked = [one["asked"] for one in done.attested]
    assert [(one["subject-name"], one["subject-digest"]) for one in asked] == [(name, digest)] * 3
    assert [one["predicate-type"] for one in asked] == ["", "", RELEASE_TYPE]
    assert [bool(one["sbom-path"]) for one in asked] == [False, True, False]
    assert done.attested[2]["predicate"]["bento"] == release["image"]
    before, pushed = scene.refs(), tags(crane, name)
    again = scene.run("deliver.yml", scene.pushed(), **engine_of(docker))
    assert again.exit == 0, again.told()
    assert "in the registry already: " in again.jobs["build"].text, again.told()
    assert scene.refs() == before
    assert tags(crane, name) == pushed
    assert {one["asked"]["subject-digest"] for one in again.attested} == {digest}


def tags(crane: str, repository: str) -> dict[str, str]:
    """Each tag and the digest that it leads to."""
    listed = quiet(crane, "ls", "--insecure", repository).split()
    return {tag: quiet(crane, "digest", "--insecure", f"{repository}:{tag}") for tag in listed}
