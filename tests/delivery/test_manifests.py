"""Manifests: rendered from a commit, the same everywhere, one release by digest, and compared with those committed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from deployed import commit, git, make_project, make_release, write

from mlgate.errors import ConfigError
from mlgate.ledger import Ledger
from mlgate.manifests import MANIFESTS, Kustomize, compare, manifests_for, namespace_of, prefix_of, render
from mlgate.manifests.contents import documents, images, release_of
from mlgate.project import Project


@pytest.fixture(autouse=True)
def kustomize(program: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> str:
    path = program("kustomize")
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(path).parent), os.environ["PATH"]]))
    return path


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "toy")


def status(project: Project, environment: str = "staging") -> tuple[str, str]:
    ledger = Ledger(project)
    check = compare(project, environment, ledger.entries(environment), ledger.file(environment, MANIFESTS))
    return check.status, check.evidence


def change(project: Project, path: str, old: str, new: str) -> None:
    text = (project.root / path).read_text()
    assert old in text
    (project.root / path).write_text(text.replace(old, new, 1))
    commit(project.root, f"change {path}")


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_manifests_name_one_release_by_digest_and_nothing_by_tag(project: Project, environment: str) -> None:
    release = make_release(project, "a")
    found = documents(render(project, environment, release))
    assert {image for document in found for image in images(document)} == {release.container}
    assert release_of(found) == release.image
    assert {d["metadata"].get("namespace") for d in found if d["kind"] != "Namespace"} == {f"toy-{environment}"}
    about = next(d for d in found if d["kind"] == "Deployment")["spec"]["template"]["metadata"]["annotations"]
    assert {about["mlgate/data"], about["mlgate/model"], about["mlgate/commit"]} == {
        release.data_digest,
        release.model_digest,
        release.source_commit,
    }
    assert sorted(document["kind"] for document in found) == [
        "Deployment",
        "HorizontalPodAutoscaler",
        "Namespace",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "Service",
        "ServiceAccount",
    ]


def test_what_selects_pods_stays_the_same_from_release_to_release(project: Project) -> None:
    """A Deployment's selector can't be changed, and a Service that follows a version would lose the former pods."""

    def selectors(value: object) -> list[object]:
        if not isinstance(value, dict):
            return [found for inner in value for found in selectors(inner)] if isinstance(value, list) else []
        own = [value[key] for key in ("selector", "matchLabels", "labelSelector") if key in value]
        return own + [found for inner in value.values() for found in selectors(inner)]

    one, other = (documents(render(project, "staging", make_release(project, seed))) for seed in "ab")
    assert selectors(one) == selectors(other) != []
    changed = {document["kind"] for document, then in zip(one, other, strict=True) if document != then}
    assert changed == {"Deployment"}


def test_the_same_commit_and_release_give_the_same_bytes_on_any_checkout(project: Project, tmp_path: Path) -> None:
    release = make_release(project, "a")
    first = render(project, "staging", release)
    (project.root / "deploy" / "base" / "service.yaml").write_text("not committed")
    (project.root / "deploy" / "base" / "more.yaml").write_text("not even tracked")
    assert render(project, "staging", release) == first
    git(project.root, "checkout", "-q", ".")
    git(project.root, "clean", "-fdq")
    change(project, "deploy/overlays/staging/kustomization.yaml", "maxReplicas: 2", "maxReplicas: 3")
    git(tmp_path, "clone", "-q", str(project.root), "clone")
    git(tmp_path / "clone", "config", "core.autocrlf", "true")
    assert render(Project(tmp_path / "clone"), "staging", release) == first
    assert render(project, "staging", make_release(project, "a")) != first  # of the newer commit


def test_kustomize_alone_and_kubectls_give_the_same_bytes(
    project: Project, needs: Callable[..., None], monkeypatch: pytest.MonkeyPatch, kubectl: str, kustomize: str
) -> None:
    release = make_release(project, "a")
    first = render(project, "staging", release)
    others = [name for name in os.environ["PATH"].split(os.pathsep) if not (Path(name) / "kustomize").exists()]
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(kubectl).parent), *others]))
    found = Kustomize.find()
    assert found is not None
    assert Path(found.command[0]).name == "kubectl"
    assert found.version.startswith("v5.")
    assert render(project, "staging", release) == first


def test_committed_manifests_are_compared_with_a_fresh_rendering(project: Project) -> None:
    write(project, "staging", make_release(project, "a"))
    assert status(project)[0] == "pass"
    ledger, release = Ledger(project), make_release(project, "a")
    committed = ledger.file("staging", MANIFESTS)
    assert committed is not None
    forged = committed.replace(b"readOnlyRootFilesystem: true", b"readOnlyRootFilesystem: false")
    ledger.write("staging", release, {MANIFESTS: forged}, "by hand", {})
    assert status(project)[0] == "fail"
    ledger.write("staging", release, {MANIFESTS: committed + b"---\nkind: Secret\n"}, "by hand", {})
    assert status(project) == ("fail", "one has lines that the other lacks")


def test_after_a_rollback_and_a_revert_the_manifests_are_still_those_of_the_release(project: Project) -> None:
    first = write(project, "staging", make_release(project, "a")).commit
    second = write(project, "staging", make_release(project, "b")).commit
    ledger = Ledger(project)
    ledger.restore("staging", first, "rollback(staging)", {})
    assert status(project)[0] == "pass"
    ledger.restore("staging", second, "rollback(staging)", {})
    assert status(project)[0] == "pass"
    ledger.revert("staging", ledger.head("staging"), "smoke")
    assert status(project)[0] == "pass"
    assert ledger.file("staging", MANIFESTS) == render(project, "staging", make_release(project, "a"))


def test_a_second_deploy_of_the_same_release_changes_no_byte(project: Project) -> None:
    first = write(project, "staging", make_release(project, "a")).commit
    second = write(project, "staging", make_release(project, "b")).commit
    again = write(project, "staging", make_release(project, "b"))
    assert (again.made, again.commit) == (False, second)
    assert second != first


BAD = {
    "a sidecar by tag": (
        "deploy/base/deployment.yaml",
        "      containers:\n",
        "      initContainers:\n        - {name: x, image: 'busybox:1'}\n      containers:\n",
        "without its digest: busybox:1",
    ),
    "another image": (
        "deploy/base/deployment.yaml",
        "image: model #",
        f"image: other@sha256:{'0' * 64} #",
        "no container of this",
    ),
    "a base on the network": (
        "deploy/base/kustomization.yaml",
        "  - service.yaml\n",
        "  - https://github.com/someone/something//base?ref=v1\n",
        "deploy/base/kustomization.yaml names .*, which is not in deploy/",
    ),
    "broken YAML": ("deploy/base/service.yaml", "spec:", "spec: [", "can't be rendered"),
    "a missing file": ("deploy/base/kustomization.yaml", "  - service.yaml", "  - no.yaml", "names no.yaml, which"),
    "no workload": ("deploy/base/kustomization.yaml", "  - deployment.yaml\n", "", "renders 0 of Deployment"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_deploy_folder_that_is_not_fit_is_refused_and_says_where(project: Project, case: str) -> None:
    path, old, new, words = BAD[case]
    change(project, path, old, new)
    with pytest.raises(ConfigError, match=words) as caught:
        render(project, "staging", make_release(project, "a"))
    assert caught.value.mend


def test_a_link_in_deploy_is_refused(project: Project) -> None:
    (project.root / "deploy" / "base" / "service.yaml").unlink()
    (project.root / "deploy" / "base" / "service.yaml").symlink_to("/etc/passwd")
    commit(project.root, "a link")
    with pytest.raises(ConfigError, match="is a link"):
        render(project, "staging", make_release(project, "a"))


def test_a_base_from_elsewhere_than_the_commit_is_refused(project: Project, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.yaml").write_text("apiVersion: v1\nkind: Secret\nmetadata: {name: x}\n")
    change(
        project,
        "deploy/base/kustomization.yaml",
        "  - service.yaml\n",
        f"  - service.yaml\n  - {tmp_path / 'elsewhere.yaml'}\n",
    )
    with pytest.raises(ConfigError, match="which is not in deploy/"):
        render(project, "staging", make_release(project, "a"))


def test_without_kustomize_nothing_is_committed_and_the_kubernetes_engine_refuses(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").symlink_to(str(shutil.which("git")))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    release = make_release(project, "a")
    assert manifests_for(project, "staging", release, []) == (
        {},
        "no manifests: neither kustomize nor kubectl is installed",
    )
    with pytest.raises(ConfigError, match="neither kustomize nor kubectl"):
        manifests_for(Project(project.root, "kubernetes"), "staging", release, [])


def test_a_release_without_an_image_has_no_manifests_and_the_kubernetes_engine_refuses(project: Project) -> None:
    release = make_release(project, "a").model_copy(update={"container": ""})
    assert manifests_for(project, "staging", release, []) == ({}, "")
    with pytest.raises(ConfigError, match="has no image") as caught:
        manifests_for(Project(project.root, "kubernetes"), "staging", release, [])
    assert "--push" in caught.value.mend


def test_without_deploy_no_manifests_are_committed_and_the_report_says_so(project: Project) -> None:
    git(project.root, "rm", "-rq", "deploy")
    commit(project.root, "no cluster here")
    files, said = manifests_for(project, "staging", make_release(project, "a"), [])
    assert files == {}
    assert "has no deploy/" in said


def test_a_long_slug_still_fits_and_two_of_them_stay_apart() -> None:
    one, other = "a" * 59 + "b", "a" * 59 + "c"
    assert prefix_of("toy") == "toy"
    assert len(namespace_of(one, "production")) <= 63
    assert prefix_of(one) != prefix_of(other)


def canary(project: Project) -> None:
    change(project, "deploy/overlays/production/kustomization.yaml", "# components:", "components:")


def test_a_canary_has_both_images_and_versions_and_its_weight_in_git(project: Project) -> None:
    canary(project)
    first, second = make_release(project, "a"), make_release(project, "b")
    write(project, "production", first)
    write(project, "production", second)
    content = Ledger(project).file("production", MANIFESTS)
    assert content is not None
    found = {document["kind"]: document for document in documents(content)}
    rollout, analysis = found["Rollout"], found["AnalysisTemplate"]
    assert "Deployment" not in found
    assert list(images(rollout)) == [second.container]
    said = rollout["metadata"]["annotations"]
    assert (said["mlgate/stable-image"], said["mlgate/canary-image"]) == (first.container, second.container)
    assert (said["mlgate/stable-version"], said["mlgate/canary-version"]) == (first.version, second.version)
    strategy = rollout["spec"]["strategy"]["canary"]
    assert strategy["steps"][0] == {"setWeight": 20}
    assert [template["templateName"] for template in strategy["analysis"]["templates"]] == [
        analysis["metadata"]["name"]
    ]
    assert {arg["name"] for arg in strategy["analysis"]["args"]} == {
        arg["name"] for arg in analysis["spec"]["args"] if "value" not in arg
    }
    labels = rollout["spec"]["template"]["metadata"]["labels"]
    assert rollout["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert found["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"] == {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "name": rollout["metadata"]["name"],
    }


def test_manifests_of_a_canary_are_verified_after_a_rollback_a_revert_and_a_second_deploy(project: Project) -> None:
    """What served before is part of the manifests, so it must be found again in the history."""
    canary(project)
    first = write(project, "production", make_release(project, "a")).commit
    write(project, "production", make_release(project, "b"))
    ledger = Ledger(project)
    assert not write(project, "production", make_release(project, "b")).made
    ledger.restore("production", first, "rollback(production)", {})
    assert status(project, "production")[0] == "pass"
    ledger.mark("production", {"note.json": b"{}"}, "a mark, as a freeze is", {})
    assert status(project, "production")[0] == "pass"
    third = write(project, "production", make_release(project, "c")).commit
    assert status(project, "production")[0] == "pass"
    ledger.revert("production", third, "smoke")
    assert status(project, "production")[0] == "pass"


def test_manifests_fit_the_image_that_mlgate_builds(project: Project) -> None:
    from mlgate.image.context import PORT, STATE
    from mlgate.image.inside import USER

    found = documents(render(project, "staging", make_release(project, "a")))
    pod = next(document for document in found if document["kind"] == "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsUser"] == pod["securityContext"]["fsGroup"] == USER
    assert [port["containerPort"] for port in container["ports"]] == [PORT]
    assert {mount["mountPath"] for mount in container["volumeMounts"]} == {"/tmp", STATE}


def test_what_watches_follows_both_branches_and_takes_the_manifests_alone(project: Project) -> None:
    deploy = project.root / "deploy"
    applications = yaml.safe_load((deploy / "argocd" / "environments.yaml").read_text())["spec"]
    names = [element["environment"] for element in applications["generators"][0]["list"]["elements"]]
    source = applications["template"]["spec"]["source"]
    assert (names, source["targetRevision"]) == (["staging", "production"], "env/{{ .environment }}")
    assert source["directory"] == {"include": MANIFESTS}
    for environment in names:
        repository, applied = yaml.safe_load_all((deploy / "flux" / f"{environment}.yaml").read_text())
        assert repository["spec"]["ref"] == {"branch": f"env/{environment}"}
        assert repository["spec"]["ignore"].split() == ["/*", f"!/{MANIFESTS}"]
        assert applied["spec"]["sourceRef"]["name"] == repository["metadata"]["name"]


@pytest.mark.parametrize("name", ["key", "github"])
def test_the_admission_policy_asks_for_the_statement_that_mlgate_signs(project: Project, name: str) -> None:
    from mlgate.provenance.predicate import RELEASE_TYPE

    policy = yaml.safe_load((project.root / "deploy" / "policy" / f"{name}.yaml").read_text())["spec"]
    assert (policy["failurePolicy"], policy["validationActions"]) == ("Fail", ["Deny"])
    assert policy["validationConfigurations"] == {"required": True, "verifyDigest": True, "mutateDigest": False}
    (attestation,) = policy["attestations"]
    assert attestation["intoto"]["type"] == RELEASE_TYPE
    (attestor,) = policy["attestors"]
    signed, passed = (rule["expression"] for rule in policy["validations"])
    named = f"attestations.{attestation['name']}"
    assert f"verifyAttestationSignatures(image, {named}, [attestors.{attestor['name']}]) > 0" in signed
    assert f"extractPayload(image, {named}).predicate.verdict == 'pass'" in passed
