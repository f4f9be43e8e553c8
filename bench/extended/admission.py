"""`deploy/policy/key.yaml` judged by Kyverno, as a program and as a webhook: images really signed, or not."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import containers
from cluster import Cluster
from extensions import built
from programs import program
from signed_toy import TEMPLATE, Toy, make_keys, make_toy
from webhook import ADMITTED, asked, kyverno

POLICY = TEMPLATE / "deploy" / "policy" / "key.yaml"
PASTED = re.compile(r"( *)-----BEGIN PUBLIC KEY-----\n *PASTE deploy/cosign\.pub\n *-----END PUBLIC KEY-----")


def run(cluster: Cluster, work: Path) -> dict[str, dict[str, str]]:
    """What Kyverno and the cluster that asks it say of each object, after it was compared with what has to be said."""
    ours, others = (make_keys(lambda name: str(program(name)), work / name) for name in ("ours", "others"))
    identity = {f"GIT_{who}_{what}": "ada" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environ = identity | {
        "MLGATE_COSIGN": str(program("cosign")),
        "COSIGN_PASSWORD": "of a test",
        "TMPDIR_OF_TEST": str(work),
    }
    crane = str(program("crane"))
    with patch.dict(os.environ, environ), containers.registry(crane, work / "blobs") as address:
        toy = make_toy(work / "toy", f"{address}/toy", ours, crane)
        policy = work / "policy.yaml"
        policy.write_text(filled((ours / "cosign.pub").read_text()))
        wanted = list(cases(toy, ours, others))
        found = {"program": compared(wanted, lambda thing, _: judged(policy, thing, work))}
        with kyverno(cluster, policy, work):
            found["webhook"] = compared(wanted, lambda thing, name: asked(cluster, thing, name))
            found["webhook"] |= changed(cluster, wanted)
        found["webhook"] |= left(cluster, wanted)
    return found


Case = tuple[str, dict[str, Any], str]


def compared(wanted: list[Case], say: Callable[[dict[str, Any], str], str]) -> dict[str, str]:
    """What is said of each object, which gets a name of its own."""
    found = {}
    for number, (name, thing, expected) in enumerate(wanted):
        said = say(thing, f"toy-{number}")
        assert expected in said, f"{name}: expected {expected!r}, Kyverno says {said!r}"
        found[name] = ADMITTED if said == ADMITTED else f"refused: {expected}"
    return found


def changed(cluster: Cluster, wanted: list[Case]) -> dict[str, str]:
    """What follows from what was admitted: its pods come, and it takes no image that is not signed."""
    names = [name for name, _, _ in wanted]
    words, bare = ("-n", "toy-staging"), wanted[names.index("not signed")][1]["spec"]["containers"][0]["image"]
    deployed = f"deployment/toy-{names.index('signed, a Deployment')}"
    cluster.kubectl("wait", "--for=condition=Available", "--timeout=60s", deployed, *words)
    done = cluster.call("set", "image", deployed, f"model={bare}", *words)
    assert done.returncode, "a Deployment took an image that is not signed"
    assert b"no statement about this image" in done.stderr, done.stderr
    return {"its pods": "ready", "another image for it, not signed": "refused: no statement about this image"}


def left(cluster: Cluster, wanted: list[Case]) -> dict[str, str]:
    """What the cluster does once Kyverno is gone: nothing new in the namespaces of the policy, all in others."""
    signed = wanted[0][1]
    said = asked(cluster, signed, "late")
    assert "failed calling webhook" in said, said
    elsewhere = {**signed, "metadata": {**signed["metadata"], "namespace": "others"}}
    assert asked(cluster, elsewhere, "late") == ADMITTED
    return {
        "signed, Kyverno is gone": "refused: failed calling webhook",
        "the same, in a namespace of others": ADMITTED,
    }


def filled(key: str) -> str:
    """The policy as a person puts it in place."""
    text, pasted = PASTED.subn(
        lambda found: "\n".join(found[1] + line for line in key.splitlines()), POLICY.read_text(encoding="utf-8")
    )
    assert pasted == 1
    return text.replace("SLUG", "toy")


def cases(toy: Toy, ours: Path, others: Path) -> Iterator[Case]:
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
