"""A merge of a project with a base image and a key: built and pushed once, attested, signed, verified, deployed."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from containers import engine_of, quiet
from scene import Scene

from mlgate.provenance.predicate import RELEASE_TYPE

pytestmark = pytest.mark.thorough

PASSWORD = "a word of the tests"


@dataclass
class Pair:
    """A key pair of cosign: the public half is committed, the private one a secret."""

    public: str
    secrets: dict[str, str]


@pytest.fixture
def pair(program, tmp_path: Path):
    """`pair("ours")`: a new key pair, made by cosign itself."""

    def _pair(name: str) -> Pair:
        words = [program("cosign"), "generate-key-pair", "--output-key-prefix", name]
        subprocess.run(words, cwd=tmp_path, env={"COSIGN_PASSWORD": PASSWORD}, check=True, capture_output=True)
        private = (tmp_path / f"{name}.key").read_text(encoding="ascii")
        secrets = {"COSIGN_PRIVATE_KEY": private, "COSIGN_PASSWORD": PASSWORD}
        return Pair((tmp_path / f"{name}.pub").read_text(encoding="ascii"), secrets)

    return _pair


@pytest.fixture
def merged(scene: Scene, base_image: str, registry: str, pair):
    """A scene whose main names a base, where images go and whose key signs them; that push, and the key pair."""
    ours = pair("ours")
    text = (scene.clone / "params.yaml").read_text(encoding="utf-8")
    for key, value in {"base": base_image, "repository": f"{registry}/fraud", "verify": "key"}.items():
        text, found = re.subn(rf'(?m)^  {key}: (""|none\b)', f'  {key}: "{value}"', text)
        assert found == 1, key
    scene.commit("Build an image, and sign it", {"params.yaml": text, "deploy/cosign.pub": ours.public})
    return scene, scene.push_main(), ours


def test_an_image_is_pushed_once_attested_signed_verified_and_named_in_staging_and_production(
    merged, docker: dict[str, str], crane: str, registry: str, program, pair
) -> None:
    scene, event, ours = merged
    environ = {**engine_of(docker), "STAND_IN_COSIGN": program("cosign")}
    before = scene.refs()
    strange = scene.run("deliver.yml", event, secrets=pair("theirs").secrets, **environ)
    assert results(strange) == {"build": "success", "attest": "success", "sign": "success", "staging": "failure"}
    assert "image-signer" in strange.jobs["staging"].text, strange.told()
    assert scene.refs() == before, "signed by another key: refused, and nothing is committed"

    done = scene.run("deliver.yml", scene.pushed(), secrets=ours.secrets, **environ)
    assert done.exit == 0, done.told()
    assert results(done) == dict.fromkeys(("build", "attest", "sign", "staging"), "success")
    assert all(re.search(r"cosign v3\S+ is installed", done.jobs[job].text) for job in ("sign", "staging"))
    for run in (strange, done):
        assert "PRIVATE KEY" not in run.text
        assert PASSWORD not in run.text
    release = json.loads(scene.show("env/staging", "release.json"))
    name, _, digest = release["container"].partition("@")
    assert (name, release["source_commit"]) == (f"{registry}/fraud", event.sha)
    assert quiet(crane, "manifest", "--insecure", release["container"]), "it is there"
    asked = [one["asked"] for one in done.attested]
    assert [(one["subject-name"], one["subject-digest"]) for one in asked] == [(name, digest)] * 3
    assert [one["predicate-type"] for one in asked] == ["", "", RELEASE_TYPE]
    assert [bool(one["sbom-path"]) for one in asked] == [False, True, False]
    assert done.attested[2]["predicate"]["bento"] == release["image"]

    before, pushed = scene.refs(), tags(crane, name)
    again = scene.run("deliver.yml", scene.pushed(), secrets=ours.secrets, **environ)
    assert again.exit == 0, again.told()
    assert "in the registry already: " in again.jobs["build"].text, again.told()
    assert scene.refs() == before
    assert tags(crane, name) == pushed, "nothing but signatures was added"
    assert {one["asked"]["subject-digest"] for one in again.attested} == {digest}

    promoted = scene.run("promote.yml", scene.dispatched(), **environ)
    assert promoted.exit == 0, promoted.told()
    assert json.loads(scene.show("env/production", "release.json"))["container"] == release["container"]


def results(done) -> dict[str, str]:
    return {job: done.jobs[job].result for job in ("build", "attest", "sign", "staging")}


def tags(crane: str, repository: str) -> dict[str, str]:
    """Each tag and the digest that it leads to, signatures aside."""
    listed = [tag for tag in quiet(crane, "ls", "--insecure", repository).split() if not tag.startswith("sha256-")]
    return {tag: quiet(crane, "digest", "--insecure", f"{repository}:{tag}") for tag in listed}
