"""A release, by act: a signed tag with its part of the changelog becomes one; any other tag is refused beforehand."""

from __future__ import annotations

import subprocess
from pathlib import Path

import publish_release
import pytest
from act import Event
from actionlib.problems import ActionError
from actionlib.rest import Client, Unavailable
from forge.server import Forge, Token
from scene import IDENTITY, NAME, OWNER, Scene

CHANGELOG = """# Changes

## 9.1.0, unreleased

- Next.

## 9.0.0, 2026-10-01

- New: `<b>` & more.

## 8.0.0, 2026-01-01
"""
NOTES = "- New: `<b>` & more.\n"
TESTS = "#!/bin/sh\necho every test ran\n"


@pytest.fixture
def scene(template: Path, machine, tmp_path: Path, run, needs):
    """This repository with a dated part of the changelog, one maintainer who may sign, and tests that take no time."""
    needs("ssh-keygen")
    clone, bare = tmp_path / "clone", tmp_path / "origin.git"
    assert run(["git", "clone", "-q", str(template), str(clone)], tmp_path).returncode == 0
    assert run(["git", "clone", "-q", "--bare", str(template), str(bare)], tmp_path).returncode == 0
    made = Scene(tmp_path, machine, clone, bare, Forge(bare, OWNER, NAME))
    made.git("remote", "set-url", "origin", str(bare))
    signers = f"ada@example.org {key(tmp_path, 'maintainer')}"
    files = {"CHANGELOG.md": CHANGELOG, ".github/allowed_signers": signers, ".ci/run": TESTS}
    made.commit("Ready", files)
    made.push_main()
    yield made
    made.forge.close()
    assert made.forge.violations == []


def key(folder: Path, name: str) -> str:
    """A new SSH key; its public half."""
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name)]
    subprocess.run(words, check=True)
    return (folder / f"{name}.pub").read_text(encoding="ascii")


def tagged(scene: Scene, tag: str, signer: str = "", at: str = "HEAD") -> Event:
    """Make the tag, signed by a key or not, push it, and say so as GitHub does."""
    with_key = ["-c", "gpg.format=ssh", "-c", f"user.signingkey={scene.folder / signer}"]
    words = ["-s"] if signer else ["-a"]
    done = subprocess.run(
        ["git", *IDENTITY, *with_key, "tag", *words, "-m", tag, tag, at],
        cwd=scene.clone, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    scene.git("push", "-q", "origin", f"refs/tags/{tag}")
    sha = scene.git("rev-parse", f"{tag}^{{commit}}")
    return Event("push", f"refs/tags/{tag}", sha, scene.pushed().payload | {"ref": f"refs/tags/{tag}", "after": sha})


def test_a_signed_tag_becomes_a_release_with_its_part_of_the_changelog(scene) -> None:
    done = scene.run("release.yml", tagged(scene, "v9.0.0", "maintainer"))
    assert done.results() == dict.fromkeys(("tag", "test", "release", "all-green"), "success"), done.told()
    assert "every test ran" in done.jobs["test"].text
    (release,) = scene.forge.state.releases
    assert (release["tag_name"], release["name"], release["body"]) == ("v9.0.0", "v9.0.0", NOTES)
    assert [(one.job, one.method) for one in scene.forge.asked if one.method != "GET"] == [("release", "POST")]


@pytest.mark.parametrize(
    ("tag", "signer", "said"),
    [
        ("v9.0.0", "", "no signature found"),
        ("v9.0.0", "stranger", "No principal matched"),
        ("v9.1.0", "maintainer", "CHANGELOG.md has no part `## 9.1.0, YYYY-MM-DD`"),
    ],
)
def test_an_unsigned_tag_a_stranger_s_and_one_without_words_are_refused_before_a_test_runs(
    scene, tag: str, signer: str, said: str
) -> None:
    key(scene.folder, "stranger")
    done = scene.run("release.yml", tagged(scene, tag, signer), job="release")
    assert done.jobs["tag"].result == "failure", done.told()
    assert said in done.jobs["tag"].text, done.told()
    assert "every test ran" not in done.text
    assert scene.forge.state.releases == []


def test_a_signed_tag_beside_main_is_refused(scene) -> None:
    scene.commit("Not merged", {"x": "y"})
    done = scene.run("release.yml", tagged(scene, "v9.0.0", "maintainer"), job="release")
    assert done.jobs["tag"].result == "failure", done.told()
    assert "the tagged commit is not on main" in done.jobs["tag"].text
    assert scene.forge.state.releases == []


def test_a_release_that_was_cut_off_is_made_once_and_a_tag_that_moved_is_refused(scene) -> None:
    event = tagged(scene, "v9.0.0", "maintainer")
    scene.forge.tokens["t"] = Token("release", {"contents": "write"})
    client = Client("t", f"{OWNER}/{NAME}", scene.forge.api, wait=0)
    scene.forge.fail("POST", "/releases$", 502, times=1)
    with pytest.raises(Unavailable):
        publish_release.publish(client, "v9.0.0", event.sha, NOTES)
    address = publish_release.publish(client, "v9.0.0", event.sha, "- Old.\n")
    assert publish_release.publish(client, "v9.0.0", event.sha, NOTES) == address
    assert [release["body"] for release in scene.forge.state.releases] == [NOTES]
    with pytest.raises(ActionError, match=r"leads to [0-9a-f]{12}, not to"):
        publish_release.publish(client, "v9.0.0", "0" * 40, NOTES)
    with pytest.raises(ActionError, match="leads to nothing"):
        publish_release.publish(client, "v9.0.1", event.sha, NOTES)
