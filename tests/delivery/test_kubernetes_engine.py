"""The engine `kubernetes` on a real API server with its controllers: what is applied, examined, refused, taken back."""

from __future__ import annotations

import itertools
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cluster import BROKEN, Cluster, ToyService
from deployed import PARAMS, commit, make_project, make_release, write

from mlgate.engine import engine_of
from mlgate.engine.rollout import roll_out
from mlgate.errors import InfraError
from mlgate.ledger import Ledger
from mlgate.packing.release import Release
from mlgate.project import Project
from mlgate.report import Check, Report
from mlgate.verbs import serve

SLUGS = (f"toy-{number}" for number in itertools.count())  # a namespace each: to empty one takes ten seconds


@pytest.fixture
def project(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    control_plane: Cluster,
    toy_service: ToyService,
    kubectl: str,
) -> Project:
    monkeypatch.setenv("KUBECONFIG", str(control_plane.kubeconfig))
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(kubectl).parent), os.environ["PATH"]]))
    monkeypatch.setattr("mlgate.engine.kubernetes.READY_SECONDS", 20.0)
    monkeypatch.setattr("mlgate.engine.rollout.verify.checks", lambda *_, **__: [])  # these images are in no registry
    toy_service.version = toy_service.fault = ""
    params = PARAMS.replace("engine: none", "engine: kubernetes").replace("slug: toy", f"slug: {next(SLUGS)}")
    return make_project(tmp_path / "toy", params)


def model(project: Project) -> str:
    return f"{project.params.project.slug}-model"


def namespace(project: Project) -> str:
    return f"{project.params.project.slug}-staging"


@pytest.fixture
def ready(project: Project, control_plane: Cluster) -> Project:
    """With the namespace and the secret that RUNBOOK.md has people make."""
    control_plane.kubectl("create", "namespace", namespace(project))
    control_plane.kubectl(
        "-n",
        namespace(project),
        "create",
        "secret",
        "generic",
        "mlgate-pseudonym",
        "--from-literal=key=not-so-secret-key",
    )
    return project


def deploy(project: Project, service: ToyService, release: Release, fault: str = "") -> tuple[bool, Report]:
    """As `mlgate deploy` does, with a service that answers as this release."""
    service.version, service.fault = release.version, fault
    report = Report(verb="deploy")
    return roll_out(project, "staging", release, lambda: write(project, "staging", release), report), report


def red(report: Report) -> list[str]:
    return [check.id for check in report.checks if check.status in ("fail", "error")]


def images(cluster: Cluster, project: Project) -> set[str]:
    said = cluster.kubectl(
        "-n", namespace(project), "get", "pods", "-o", "jsonpath={.items[*].spec.containers[*].image}"
    )
    return set(said.split())


def test_a_release_is_applied_examined_and_rolled_out(
    ready: Project, toy_service: ToyService, control_plane: Cluster
) -> None:
    release = make_release(ready, "a")
    done, report = deploy(ready, toy_service, release)
    assert (done, red(report)) == (True, []), report.checks
    assert {check.id: check.status for check in report.checks} == {
        "ready": "pass", "version": "pass", "golden": "skip", "contract": "pass", "latency": "skip",
    }  # fmt: skip
    now = engine_of(ready).running("staging")
    assert now is not None
    assert (now.healthy, now.version, now.image) == (True, release.version, release.image)
    assert now.where == f"1 of 1 pods in {namespace(ready)} of tests"
    assert images(control_plane, ready) == {release.container}
    left = control_plane.kubectl("-n", namespace(ready), "get", "deployments", "-o", "name").split()
    assert left == [f"deployment.apps/{model(ready)}"]  # the candidate is gone
    warned = control_plane.kubectl("-n", namespace(ready), "get", "events", "-o", "jsonpath={.items[*].message}")
    assert "PodSecurity" not in warned


def test_a_second_release_replaces_the_first_and_an_earlier_one_comes_back_by_its_own_manifests(
    ready: Project, toy_service: ToyService, control_plane: Cluster
) -> None:
    first, second = make_release(ready, "a"), make_release(ready, "b")
    assert deploy(ready, toy_service, first)[0]
    there = Ledger(ready).head("staging")
    assert deploy(ready, toy_service, second)[0]
    assert images(control_plane, ready) == {second.container}
    toy_service.version, report, ledger = first.version, Report(verb="rollback"), Ledger(ready)
    assert roll_out(ready, "staging", first, lambda: ledger.restore("staging", there, "rollback(staging)", {}), report)
    assert images(control_plane, ready) == {first.container}
    assert ledger.read("staging") == first


def generation(cluster: Cluster, project: Project) -> str:
    """Counts the changes of the Deployment's wish."""
    words = ("get", "deployment", model(project), "-o", "jsonpath={.metadata.generation}")
    return cluster.kubectl("-n", namespace(project), *words)


FAULTS = {"wrong-scores": "golden", "another-version": "version", "slow": "latency"}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_release_that_fails_its_smoke_test_never_gets_behind_the_service(
    ready: Project,
    toy_service: ToyService,
    control_plane: Cluster,
    fault: str,
    golden: Callable[[Project, Release], None],
) -> None:
    first = make_release(ready, "a")
    deploy(ready, toy_service, first)
    before = generation(control_plane, ready)
    second = make_release(ready, "b")
    golden(ready, second)
    report = Report(verb="deploy")
    toy_service.version = "someone-else" if fault == "another-version" else second.version
    toy_service.fault = fault
    assert not roll_out(ready, "staging", second, lambda: write(ready, "staging", second), report)
    assert red(report) == [FAULTS[fault]]
    assert generation(control_plane, ready) == before
    assert Ledger(ready).read("staging") == first


@pytest.fixture
def golden(monkeypatch: pytest.MonkeyPatch) -> Callable[[Project, Release], None]:
    """`golden(project, release)`: the release's files are on this machine, as after `mlgate package`."""

    def _golden(project: Project, release: Release) -> None:
        folder = project.state / "releases" / release.hex
        (folder / "src" / "artifacts").mkdir(parents=True)
        rows = '{"rows": [{"id": 1, "x": 1}, {"id": 2, "x": 7}], "scores": [0.1, 0.7]}'
        (folder / "src" / "artifacts" / "golden.json").write_text(rows)
        monkeypatch.setattr("mlgate.engine.kubernetes.bundle_of", lambda *_: folder)

    return _golden


def test_a_release_whose_pods_never_get_ready_is_taken_back(
    ready: Project, toy_service: ToyService, control_plane: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make_release(ready, "a")
    deploy(ready, toy_service, first)
    monkeypatch.setattr("mlgate.engine.kubernetes.READY_SECONDS", 2.0)
    broken = make_release(ready, "b").model_copy(update={"data_digest": BROKEN})
    done, report = deploy(ready, toy_service, broken)
    assert (done, red(report)) == (False, ["ready"])
    assert "describe pods" in report.checks[-1].mend
    now = engine_of(ready).running("staging")
    assert now is not None
    assert (now.image, now.healthy) == (first.image, True)
    assert Ledger(ready).read("staging") == first


def test_a_rollout_that_stops_half_way_is_taken_back_to_what_served(
    ready: Project, toy_service: ToyService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The candidate was good, and the pods after it get stuck: as when the cluster has no room for them."""
    first = make_release(ready, "a")
    deploy(ready, toy_service, first)
    monkeypatch.setattr("mlgate.engine.kubernetes.READY_SECONDS", 2.0)
    monkeypatch.setattr("mlgate.engine.kubernetes.Kubernetes._examined", lambda *_: [])
    broken = make_release(ready, "b").model_copy(update={"data_digest": BROKEN})
    assert not deploy(ready, toy_service, broken)[0]
    monkeypatch.setattr("mlgate.engine.kubernetes.READY_SECONDS", 20.0)
    now = engine_of(ready).running("staging")
    assert now is not None
    assert now.image == first.image


LOOSE = {
    "runAsNonRoot: true": "runAsNonRoot: null",
    "allowPrivilegeEscalation: false": "allowPrivilegeEscalation: true",
    "drop: [ALL]": "drop: [CHOWN]",
    "type: RuntimeDefault": "type: Unconfined",
}


def test_the_api_server_admits_the_manifests_under_pod_security_restricted_and_needs_each_line_for_it(
    ready: Project, control_plane: Cluster
) -> None:
    path = ready.root / "deploy" / "base" / "deployment.yaml"
    good = path.read_text()
    words = [f"pod-security.kubernetes.io/{mode}=restricted" for mode in ("enforce", "warn")]
    control_plane.kubectl("label", "namespace", namespace(ready), *words)
    for strict, loose in LOOSE.items():
        assert strict in good
        path.write_text(good.replace(strict, loose))
        commit(ready.root, loose)
        write(ready, "staging", make_release(ready, loose))
        assert "would violate PodSecurity" in server_says(control_plane, ready), loose
    path.write_text(good)
    commit(ready.root, "good again")
    for environment in ("staging", "production"):
        write(ready, environment, make_release(ready, "good"))
    assert server_says(control_plane, ready) == ""


def server_says(cluster: Cluster, project: Project) -> str:
    """What a server's dry run of the committed manifests warns of; it is strict about unknown fields."""
    content = Ledger(project).file("staging", "manifests.yaml") or b""
    namespaced = [part for part in content.split(b"\n---\n") if b"kind: Namespace\n" not in part]
    words = ("apply", "--dry-run=server", "--validate=strict", "--filename=-")
    done = cluster.call(*words, stdin=b"\n---\n".join(namespaced))
    assert done.returncode == 0, done.stderr
    return done.stderr.decode()


def test_without_the_secret_nothing_is_started_and_the_mend_is_a_command(
    project: Project, toy_service: ToyService, control_plane: Cluster
) -> None:
    done, report = deploy(project, toy_service, make_release(project, "a"))
    assert not done
    assert f"there is no secret mlgate-pseudonym in {namespace(project)}" in report.checks[-1].evidence
    assert "kubectl create secret generic mlgate-pseudonym" in report.checks[-1].mend
    assert control_plane.kubectl("-n", namespace(project), "get", "deployments", "-o", "name") == ""


def test_what_former_manifests_brought_and_the_new_ones_do_not_is_deleted(
    ready: Project, toy_service: ToyService, control_plane: Cluster
) -> None:
    deploy(ready, toy_service, make_release(ready, "a"))
    path = ready.root / "deploy" / "base" / "kustomization.yaml"
    path.write_text(path.read_text().replace("  - disruption.yaml\n", ""))
    commit(ready.root, "no budget")
    done, report = deploy(ready, toy_service, make_release(ready, "b"))
    assert done, report.checks
    assert control_plane.kubectl("-n", namespace(ready), "get", "pdb", "-o", "name") == ""
    assert control_plane.kubectl("-n", namespace(ready), "get", "service", "-o", "name").split() == [
        f"service/{model(ready)}"
    ]


def test_logs_and_stop(ready: Project, toy_service: ToyService, control_plane: Cluster) -> None:
    deploy(ready, toy_service, make_release(ready, "a"))
    engine = engine_of(ready)
    report = serve.run(replace(ready, chosen_engine="process"), "staging", stop=True)  # which does not look there
    assert [(check.status, check.mend) for check in report.checks] == [
        ("fail", "run `mlgate serve --env staging --stop --engine kubernetes`")
    ]
    assert f"1 of 1 pods in {namespace(ready)} of tests" in report.checks[0].evidence
    said = engine.logs("staging", 10)
    assert said[0].startswith(f"pod/{model(ready)}-")
    assert said[1].strip() == "what the service says"
    assert engine.stop("staging") is True
    assert engine.running("staging") is None
    assert engine.stop("staging") is False
    assert (
        control_plane.kubectl("get", "namespace", namespace(ready), "-o", "name").strip()
        == f"namespace/{namespace(ready)}"
    )
    assert engine.logs("staging", 10) == ["staging runs no pod in " + namespace(ready) + " of tests"]


def test_an_interrupted_rollout_leaves_no_candidate_and_the_former_release(
    ready: Project, toy_service: ToyService, control_plane: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make_release(ready, "a")
    deploy(ready, toy_service, first)

    def interrupt(*_: object) -> list[Check]:
        raise KeyboardInterrupt

    monkeypatch.setattr("mlgate.engine.kubernetes.smoke_without_golden", interrupt)
    with pytest.raises(KeyboardInterrupt):
        deploy(ready, toy_service, make_release(ready, "b"))
    assert control_plane.kubectl("-n", namespace(ready), "get", "deployments", "-o", "name").split() == [
        f"deployment.apps/{model(ready)}"
    ]
    assert Ledger(ready).read("staging") == first


@pytest.mark.parametrize("missing", ["kubectl", "context", "server"])
def test_where_no_cluster_is_connected_the_report_says_skip_and_pretends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str, kubectl: str, control_plane: Cluster
) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("git", "kubectl"):
        target = kubectl if name == "kubectl" else shutil.which(name)
        (tmp_path / "bin" / name).symlink_to(str(target))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    config = control_plane.kubeconfig.read_text()
    gone = re.sub(r"https://127\.0\.0\.1:[0-9]+", "https://127.0.0.1:9", config)
    (tmp_path / "kubeconfig").write_text(gone if missing == "server" else "{}")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    project = make_project(tmp_path / "toy", PARAMS.replace("engine: none", "engine: kubernetes"))
    release = make_release(project, "a")
    write(project, "staging", release)
    if missing == "kubectl":
        (tmp_path / "bin" / "kubectl").unlink()
    engine = engine_of(project)
    assert not engine.connected
    assert engine.running("staging") is None
    (check,) = engine.release("staging", release)
    assert (check.status, check.evidence[:26]) == ("skip", "skip: no cluster connected")
    with pytest.raises(InfraError, match="no cluster connected"):
        engine.stop("staging")
