"""What deploy/base promises of a release in a cluster: each promise kept in every environment, and seen broken."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from deployed import commit, make_project, make_release

from mlgate.manifests import render
from mlgate.manifests.contents import documents
from mlgate.project import Project

Documents = list[dict[str, Any]]
CLIENT = "mlgate/client"


def one(found: Documents, kind: str) -> dict[str, Any]:
    (document,) = (document for document in found if document["kind"] == kind)
    return document


def workload(found: Documents) -> dict[str, Any]:
    return one(found, "Rollout" if any(document["kind"] == "Rollout" for document in found) else "Deployment")


def pod(found: Documents) -> dict[str, Any]:
    spec: dict[str, Any] = workload(found)["spec"]["template"]["spec"]
    return spec


def container(found: Documents) -> dict[str, Any]:
    (only,) = pod(found)["containers"]
    assert isinstance(only, dict)
    return only


def selects_the_pods(found: Documents, labels: dict[str, str]) -> bool:
    """Whether `labels` are some, and a pod of the release has them all."""
    return bool(labels) and labels.items() <= workload(found)["spec"]["template"]["metadata"]["labels"].items()


def may_come_in(found: Documents, namespace: str | None) -> bool:
    """Whether a pod may call the service: of the release's namespace (None), or of one with such a label."""
    policy = one(found, "NetworkPolicy")["spec"]
    assert policy["podSelector"] == {}, "every pod of the namespace"
    assert "Ingress" in policy["policyTypes"]
    return any(lets_in(peer, namespace) for rule in policy["ingress"] for peer in rule.get("from") or [{}])


def lets_in(peer: dict[str, Any], namespace: str | None) -> bool:
    """As Kubernetes reads a peer: without a selector of namespaces it is one of the policy's own."""
    if "namespaceSelector" not in peer:
        return not peer or (namespace is None and peer["podSelector"] == {})
    wanted = peer["namespaceSelector"].get("matchLabels", {})
    return not wanted or (namespace is not None and wanted == {CLIENT: namespace})


def opens_the_service_alone(found: Documents) -> bool:
    ports = {port["name"]: port["containerPort"] for port in container(found)["ports"]}
    rules = one(found, "NetworkPolicy")["spec"]["ingress"]
    return all([ports.get(port["port"], port["port"]) for port in rule["ports"]] == [3000] for rule in rules)


def lets_nothing_out(found: Documents) -> bool:
    policy = one(found, "NetworkPolicy")["spec"]
    return "Egress" in policy["policyTypes"] and policy["egress"] == []


def has_no_token(found: Documents) -> bool:
    account = one(found, "ServiceAccount")
    told = [pod(found).get("automountServiceAccountToken"), account.get("automountServiceAccountToken")]
    return told == [False, False] and pod(found)["serviceAccountName"] == account["metadata"]["name"]


def is_drained_one_by_one(found: Documents) -> bool:
    budget = one(found, "PodDisruptionBudget")["spec"]
    return budget["maxUnavailable"] == 1 and selects_the_pods(found, budget["selector"]["matchLabels"])


def is_replaced_without_a_gap(found: Documents) -> bool:
    strategy = workload(found)["spec"]["strategy"]
    return strategy.get("canary", strategy.get("rollingUpdate", {})).get("maxUnavailable") == 0


def grows_with_its_load(found: Documents) -> bool:
    scaler, owner = one(found, "HorizontalPodAutoscaler")["spec"], workload(found)
    measured = [metric["resource"]["name"] for metric in scaler["metrics"]]
    asked = container(found)["resources"]["requests"]
    named = (owner["kind"], owner["metadata"]["name"]) == (
        scaler["scaleTargetRef"]["kind"],
        scaler["scaleTargetRef"]["name"],
    )
    fits = 1 <= scaler["minReplicas"] < scaler["maxReplicas"] and "replicas" not in owner["spec"]
    return named and fits and set(measured) <= set(asked)  # a share of what was not asked for can't be told


def is_spread(found: Documents) -> bool:
    spread = pod(found)["topologySpreadConstraints"]
    keys = {constraint["topologyKey"] for constraint in spread}
    labels = [constraint["labelSelector"]["matchLabels"] for constraint in spread]
    return keys == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"} and all(
        selects_the_pods(found, label) for label in labels
    )


def is_asked_whether_it_is_ready(found: Documents) -> bool:
    paths = {name: container(found).get(name, {}).get("httpGet", {}).get("path") for name in PROBES}
    return paths == PROBES


def finishes_what_is_under_way(found: Documents) -> bool:
    """It leaves the Service before it is told to end, and has the time to drain: ten seconds at most, and the pause."""
    pause = container(found)["lifecycle"]["preStop"]["sleep"]["seconds"]
    return bool(pause >= 5 and pod(found)["terminationGracePeriodSeconds"] >= pause + 20)


def writes_in_two_folders(found: Documents) -> bool:
    volumes = {volume["name"]: volume for volume in pod(found)["volumes"]}
    bounded = all("sizeLimit" in volume.get("emptyDir", {}) for volume in volumes.values())
    mounted = {mount["name"] for mount in container(found)["volumeMounts"]} == set(volumes)
    return bounded and mounted and container(found)["securityContext"].get("readOnlyRootFilesystem") is True


def is_limited(found: Documents) -> bool:
    resources = container(found)["resources"]
    return {"cpu", "memory"} <= resources["requests"].keys() and "memory" in resources.get("limits", {})


def is_held_to_restricted(found: Documents) -> bool:
    labels = one(found, "Namespace")["metadata"]["labels"]
    return all(labels[f"pod-security.kubernetes.io/{mode}"] == "restricted" for mode in ("enforce", "warn", "audit"))


def is_reached_by_its_service(found: Documents) -> bool:
    service = one(found, "Service")["spec"]
    named = {port["name"] for port in container(found)["ports"]}
    return selects_the_pods(found, service["selector"]) and {p["targetPort"] for p in service["ports"]} <= named


PROBES = {"startupProbe": "/readyz", "readinessProbe": "/readyz", "livenessProbe": "/livez"}
# What is promised: how it is looked at, and the change of a file in deploy/base by which it is broken.
PROMISES: dict[str, tuple[Callable[[Documents], bool], str, str, str]] = {
    "pods of its own namespace reach it": (
        lambda found: may_come_in(found, None), "network.yaml", "        - podSelector: {}\n", "",
    ),
    "a labelled namespace reaches it": (
        lambda found: may_come_in(found, "true"), "network.yaml", '   mlgate/client: "true"', '   mlgate/client: "no"',
    ),
    "no other namespace reaches it": (
        lambda found: not may_come_in(found, "other"), "network.yaml",
        '            matchLabels:\n              mlgate/client: "true"\n', "            {}\n",
    ),
    "nobody reaches it by an empty rule": (
        lambda found: not may_come_in(found, "other"), "network.yaml", "    - from:\n", "    - {}\n    - from:\n",
    ),
    "one port is open": (opens_the_service_alone, "network.yaml", "- port: http", "- port: http\n        - port: 22"),
    "it reaches nothing": (lets_nothing_out, "network.yaml", "  egress: []", "  egress: [{}]"),
    "egress is decided": (lets_nothing_out, "network.yaml", "[Ingress, Egress]", "[Ingress]"),
    "the account has no token": (has_no_token, "account.yaml", "automountServiceAccountToken: false", ""),
    "the pod has no token": (has_no_token, "deployment.yaml", "      automountServiceAccountToken: false\n", ""),
    "a drain takes one at a time": (is_drained_one_by_one, "disruption.yaml", "maxUnavailable: 1", "maxUnavailable: 9"),
    "the budget is of these pods": (
        is_drained_one_by_one, "disruption.yaml", "component: model", "component: other",
    ),
    "a new release replaces the old without a gap": (
        is_replaced_without_a_gap, "deployment.yaml", "maxUnavailable: 0", "maxUnavailable: 1",
    ),
    "it grows with its load": (grows_with_its_load, "deployment.yaml", "{cpu: 250m, memory: 512Mi}", "{memory: 512Mi}"),
    "its number is the autoscaler's": (
        grows_with_its_load, "deployment.yaml", "  revisionHistoryLimit: 3\n", "  replicas: 2\n",
    ),
    "it is spread over zones": (is_spread, "deployment.yaml", "topology.kubernetes.io/zone", "kubernetes.io/arch"),
    "it is spread over nodes": (is_spread, "deployment.yaml", "kubernetes.io/hostname", "kubernetes.io/arch"),
    "it is asked whether it is ready": (is_asked_whether_it_is_ready, "deployment.yaml", "readinessProbe:", "x-probe:"),
    "a hang is found": (is_asked_whether_it_is_ready, "deployment.yaml", "{path: /livez", "{path: /metrics"),
    "a slow start is waited for": (is_asked_whether_it_is_ready, "deployment.yaml", "startupProbe:", "x-probe:"),
    "it leaves the Service before it ends": (
        finishes_what_is_under_way, "deployment.yaml", "sleep: {seconds: 5}", "sleep: {seconds: 1}",
    ),
    "it has the time to drain": (
        finishes_what_is_under_way, "deployment.yaml", "terminationGracePeriodSeconds: 30",
        "terminationGracePeriodSeconds: 6",
    ),
    "its root is read-only": (
        writes_in_two_folders, "deployment.yaml", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false",
    ),
    "what it writes is bounded": (writes_in_two_folders, "deployment.yaml", "{sizeLimit: 2Gi}", "{}"),
    "its memory is limited": (is_limited, "deployment.yaml", "limits: {memory: 1Gi}", "limits: {}"),
    "the namespace is restricted": (
        is_held_to_restricted, "namespace.yaml", "enforce: restricted", "enforce: baseline",
    ),
    "its Service finds it": (is_reached_by_its_service, "service.yaml", "component: model", "component: other"),
}  # fmt: skip
VARIANTS = ("staging", "production", "canary")


@pytest.fixture(scope="module")
def kustomize(program: Callable[[str], str]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", os.pathsep.join([str(Path(program("kustomize")).parent), os.environ["PATH"]]))
        yield


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, kustomize: None) -> Project:
    return make_project(tmp_path_factory.mktemp("promises") / "toy")


@pytest.fixture(scope="module")
def kept(project: Project) -> dict[str, Documents]:
    """The manifests as the template has them."""
    return {variant: rendered(project, variant) for variant in VARIANTS}


def rendered(project: Project, variant: str) -> Documents:
    environment = "staging" if variant == "staging" else "production"
    path = project.root / "deploy" / "overlays" / environment / "kustomization.yaml"
    text = path.read_text()
    path.write_text(text.replace("# components:", "components:") if variant == "canary" else text)
    commit(project.root, variant)
    found = documents(render(project, environment, make_release(project, "a")))
    path.write_text(text)
    return found


@pytest.mark.parametrize("promise", PROMISES)
def test_a_promise_is_kept_in_every_environment_and_seen_to_be_broken(
    project: Project, kept: dict[str, Documents], promise: str
) -> None:
    holds, name, old, new = PROMISES[promise]
    assert [variant for variant in VARIANTS if not holds(kept[variant])] == []
    path = project.root / "deploy" / "base" / name
    text = path.read_text()
    assert old in text, "the line that keeps it is another one now"
    path.write_text(text.replace(old, new, 1))
    try:
        assert not holds(rendered(project, "production"))
    finally:
        path.write_text(text)
