"""`deploy/policy/key.yaml` judged by Kyverno: images really signed, or not, in a real registry."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import containers
from extensions import built
from programs import program
from signed_toy import TEMPLATE, Toy, make_keys, make_toy

POLICY = TEMPLATE / "deploy" / "policy" / "key.yaml"
PASTED = re.compile(r"( *)-----BEGIN PUBLIC KEY-----\n *PASTE deploy/cosign\.pub\n *-----END PUBLIC KEY-----")


def run(work: Path) -> dict[str, str]:
    """What Kyverno says of each object, after it was compared with what it has to say."""
    ours, others = (make_keys(lambda name: str(program(name)), work / name) for name in ("ours", "others"))
    identity = {f"GIT_{who}_{what}": "ada" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environ = identity | {
        "MLGATE_COSIGN": str(program("cosign")),
        "COSIGN_PASSWORD": "of a test",
        "TMPDIR_OF_TEST": str(work),
    }
    crane = str(program("crane"))
    found = {}
    with patch.dict(os.environ, environ), containers.registry(crane, work / "blobs") as address:
        toy = make_toy(work / "toy", f"{address}/toy", ours, crane)
        policy = work / "policy.yaml"
        policy.write_text(filled((ours / "cosign.pub").read_text()))
        for name, thing, expected in cases(toy, ours, others):
            said = judged(policy, thing, work)
            assert expected in said, f"{name}: expected {expected!r}, Kyverno says {said!r}"
            found[name] = "admitted" if said == "admitted" else f"refused: {expected}"
    return found


def filled(key: str) -> str:
    """The policy as a person puts it in place."""
    text, pasted = PASTED.subn(
        lambda found: "\n".join(found[1] + line for line in key.splitlines()), POLICY.read_text(encoding="utf-8")
    )
    assert pasted == 1
    return text.replace("SLUG", "toy")


def cases(toy: Toy, ours: Path, others: Path) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Each object with a part of what has to be said of it."""
    unsigned, no_statement = "does not have a digest", "no statement about this image was signed with deploy/cosign.pub"
    signed = {}
    for seed, keys, claims in (("good", ours, {}), ("red", ours, {"verdict": "fail"}), ("strange", others, {})):
        with patch.dict(os.environ, {"MLGATE_COSIGN_KEY": str(keys / "cosign.key")}):
            release = toy.release(seed)
            toy.sign(release, **claims)
            signed[seed] = release.container
    bare = toy.release("bare").container
    containers.quiet(toy.crane, "tag", "--insecure", signed["good"], "good")
    good = pod(signed["good"])
    yield "signed", good, "admitted"
    yield "signed, a Deployment", deployment(good), "admitted"
    yield "by a tag of the same image", pod(f"{toy.repository}:good"), unsigned
    yield "not signed", pod(bare), no_statement
    yield "not signed, a Deployment", deployment(pod(bare)), no_statement
    yield "signed with another key", pod(signed["strange"]), no_statement
    yield "the gates were red", pod(signed["red"]), "the gates did not let its model pass"
    yield "an init container not signed", pod(signed["good"], initContainers=bare), no_statement
    yield "an ephemeral container not signed", pod(signed["good"], ephemeralContainers=bare), no_statement
    yield "not signed, in a namespace of others", pod(bare, namespace="others"), "admitted"


def pod(image: str, namespace: str = "toy-staging", **more: str) -> dict[str, Any]:
    spec = {"containers": [{"name": "model", "image": image}]}
    spec |= {kind: [{"name": "more", "image": other}] for kind, other in more.items()}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "toy", "namespace": namespace}, "spec": spec}


def deployment(template: dict[str, Any]) -> dict[str, Any]:
    labels = {"app": "toy"}
    inner = {"metadata": {"labels": labels}, "spec": template["spec"]}
    return template | {
        "apiVersion": "apps/v1", "kind": "Deployment", "spec": {"selector": {"matchLabels": labels}, "template": inner},
    }  # fmt: skip


def judged(policy: Path, thing: dict[str, Any], work: Path) -> str:
    """`admitted`, or what Kyverno says against it."""
    path = work / "object.yaml"
    path.write_text(json.dumps(thing))
    command = [str(built("kyverno")), "apply", str(policy), "--resource", str(path), "--registry", "--remove-color"]
    environ = {**os.environ, "KUBECONFIG": os.devnull}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=120)
    counted = re.search(r"pass: (\d+), fail: (\d+), warn: 0, error: 0", done.stdout)
    assert counted, done.stdout + done.stderr
    return "admitted" if done.returncode == 0 and counted[2] == "0" else done.stdout
