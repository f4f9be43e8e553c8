"""Images signed by real keys in a real registry: what deploy, promote and rollback take, and what they refuse."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import containers
import pytest
from signed_toy import DPKG, Toy, push

from mlgate.engine.replica import free_port
from mlgate.errors import ConfigError, DataError, InfraError
from mlgate.files import digest
from mlgate.image import registry as asked
from mlgate.image.reference import Reference
from mlgate.ledger import Ledger
from mlgate.packing.release import Release
from mlgate.project import git
from mlgate.provenance import cosign, history, system
from mlgate.provenance.predicate import RELEASE_TYPE, SBOM_TYPE
from mlgate.report import Report
from mlgate.verbs import deploy, promote, rollback

SIGNATURE_TYPE = "https://sigstore.dev/cosign/sign/v1"  # of the image's digest itself


def red(report: Report) -> list[str]:
    return [check.id for check in report.checks if check.status in ("fail", "error")]


def refused(toy: Toy, release: Release, by: str) -> Report:
    """Deploy is red by that check alone, and the ledger is as it was."""
    before = Ledger(toy.project).head("staging")
    report = deploy.run(toy.project, "staging", release.hex)
    assert red(report) == [by], [(check.id, check.evidence) for check in report.checks]
    assert next(check for check in report.checks if check.id == by).mend
    assert report.exit_code == 1
    assert Ledger(toy.project).head("staging") == before
    return report


def test_a_signed_release_goes_to_staging_and_then_to_production(toy: Toy) -> None:
    release = toy.release("one")
    toy.sign(release)
    report = deploy.run(toy.project, "staging", release.hex)
    assert red(report) == []
    assert {"image-signer", "signed-verdict", "signed-release", "replay", "source-on-main"} <= {
        check.id for check in report.checks if check.status == "pass"
    }
    assert Ledger(toy.project).read("staging") == release
    assert red(promote.run(toy.project, "Ada")) == []
    assert Ledger(toy.project).read("production") == release


def test_what_is_signed_is_what_the_documents_say(toy: Toy, program: Callable[[str], str]) -> None:
    release = toy.release("one")
    report = toy.sign(release)
    assert report.artifacts == ["reports/sbom.cdx.json", "reports/predicate.json"]
    words = [
        "--key",
        str(toy.folder / "trusted" / "cosign.pub"),
        "--insecure-ignore-tlog=true",
        "--allow-http-registry",
    ]
    signed = json.loads(containers.quiet(program("cosign"), "verify", *words, release.container))
    assert {one["critical"]["type"] for one in signed} == {SIGNATURE_TYPE, RELEASE_TYPE, SBOM_TYPE}
    digests = {one["critical"]["image"]["docker-manifest-digest"] for one in signed}
    assert digests == {release.container.rpartition("@")[2]}
    found = {}
    for kind in (RELEASE_TYPE, SBOM_TYPE):
        said = containers.quiet(program("cosign"), "verify-attestation", *words, "--type", kind, release.container)
        statement = json.loads(base64.b64decode(json.loads(said)["payload"]))
        assert statement["predicateType"] == kind
        assert statement["subject"][0]["digest"]["sha256"] == release.container.rpartition(":")[2]
        found[kind] = statement["predicate"]
    assert found[SBOM_TYPE] == json.loads((toy.folder / "reports" / "sbom.cdx.json").read_bytes())
    said = found[RELEASE_TYPE]
    assert said["gates"] == [{"id": "floor", "status": "pass"}, {"id": "champion", "status": "skip"}]
    assert said["metrics"] == {"roc_auc": {"value": 0.75, "low": 0.7, "high": 0.8}}
    assert said["sbom"] == digest(toy.folder / "reports" / "sbom.cdx.json")
    card = toy.folder / ".mlgate" / "releases" / release.hex / "src" / "artifacts" / "model.json"
    assert (said["model_card_digest"], said["data_digest"]) == (digest(card), release.data_digest)
    assert (said["bento"], said["source_commit"]) == (release.image, toy.project.commit)
    assert said["builder"] == {
        "kind": "local", "repository": "", "ref": "refs/heads/main", "workflow": "", "run": ""
    }  # fmt: skip


def test_a_builder_on_github_says_which_workflow_it_is_on_which_branch(
    toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "ACTIONS": "true", "SERVER_URL": "https://github.com", "REPOSITORY": "Acme/Toy", "RUN_ID": "7",
        "REF": "refs/heads/feature", "WORKFLOW_REF": "Acme/Toy/.github/workflows/deliver.yml@refs/heads/feature",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"GITHUB_{name}", value)
    assert history.builder(toy.project).model_dump() == {
        "kind": "github", "repository": "github.com/acme/toy", "ref": "refs/heads/feature",
        "workflow": ".github/workflows/deliver.yml", "run": "https://github.com/Acme/Toy/actions/runs/7",
    }  # fmt: skip


def test_a_bill_names_python_and_system_packages_and_is_the_same_each_time(toy: Toy) -> None:
    release = toy.release("one")
    report = toy.sign(release)
    path = toy.folder / "reports" / "sbom.cdx.json"
    first = path.read_bytes()
    packages = {entry["purl"].partition("@")[0] for entry in json.loads(first)["components"]}
    assert {"pkg:pypi/scikit-learn", "pkg:pypi/bentoml", "pkg:deb/linux/libc6"} <= packages
    assert not {"pkg:pypi/dvc", "pkg:pypi/mlflow", "pkg:pypi/pytest"} & packages, "the service does without them"
    assert "1 of the system" in report.notes[0]
    bill = json.loads(first)
    ref_of = {entry["bom-ref"]: entry["purl"].partition("@")[0] for entry in bill["components"]}
    known = [entry["bom-ref"] for entry in (*bill["components"], bill["metadata"]["component"])]
    assert len(set(known)) == len(known)
    assert {ref for edge in bill["dependencies"] for ref in (edge["ref"], *edge.get("dependsOn", []))} <= set(known)
    (own,) = (edge["dependsOn"] for edge in bill["dependencies"] if edge["ref"] == release.container)
    assert {"pkg:pypi/scikit-learn", "pkg:deb/linux/libc6"} <= {ref_of[ref] for ref in own if ref in ref_of}
    toy.sign(release)
    assert path.read_bytes() == first


def test_a_bill_names_of_the_lock_what_the_image_has_and_no_other_platform_s(toy: Toy) -> None:
    """The lock has one numpy for each Python, and the image one of them: a scanner must not find the other's holes."""
    toy.sign(toy.release("none recorded"))
    path = toy.folder / "reports" / "sbom.cdx.json"
    every = [(entry["name"], entry["version"]) for entry in json.loads(path.read_bytes())["components"]]
    versions = [version for name, version in every if name == "numpy"]
    assert len(versions) > 1, "choose another package that the lock has for several Pythons"
    chosen = [("numpy", versions[-1]), *(one for one in every if one[0] in ("scikit-learn", "pyyaml", "libc6"))]
    files = {
        f"opt/site/{name.replace('-', '_').replace('pyyaml', 'PyYAML')}-{version}.dist-info/METADATA": ""
        for name, version in chosen
        if name != "libc6"
    }
    kept = {"var/lib/dpkg/status": DPKG.format(7), "opt/site/base_tool-1.0.dist-info/METADATA": ""}
    release = toy.release("recorded", container=push(toy.crane, f"{toy.repository}:wheels", [kept, files]))
    assert "bill of materials: 3 Python packages" in toy.sign(release).notes[0]
    bill = json.loads(path.read_bytes())
    assert sorted((entry["name"], entry["version"]) for entry in bill["components"]) == sorted(chosen)
    known = {entry["bom-ref"] for entry in bill["components"]}
    assert {ref for edge in bill["dependencies"] for ref in edge.get("dependsOn", [])} <= known


def test_an_unsigned_image_is_refused_also_by_a_dry_run(toy: Toy) -> None:
    release = toy.release("one")
    refused(toy, release, "image-signed")
    assert red(deploy.run(toy.project, "staging", release.hex, dry_run=True)) == ["image-signed"]


def test_case_14_a_signature_of_another_key_is_refused(
    toy: Toy, keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    release = toy.release("one")
    monkeypatch.setenv("MLGATE_COSIGN_KEY", str(keys[1] / "cosign.key"))
    toy.sign(release)
    refused(toy, release, "image-signer")


def test_two_public_keys_are_taken_while_the_key_is_rotated(
    toy: Toy, keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = toy.release("old")
    toy.sign(old)
    monkeypatch.setenv("MLGATE_COSIGN_KEY", str(keys[1] / "cosign.key"))
    new = toy.release("new")
    toy.sign(new)
    both = "".join((pair / "cosign.pub").read_text() for pair in keys)
    (toy.folder / "trusted" / "cosign.pub").write_text(both)
    assert red(deploy.run(toy.project, "staging", old.hex)) == []
    assert red(deploy.run(toy.project, "staging", new.hex)) == []


def test_after_a_key_was_taken_away_neither_promote_nor_rollback_takes_what_it_signed(
    toy: Toy, keys: tuple[Path, Path]
) -> None:
    """They verify as deploy does: what was let in once is asked again."""
    for seed in ("old", "new"):
        release = toy.release(seed)
        toy.sign(release)
        assert red(deploy.run(toy.project, "staging", release.hex)) == []
        toy.commit(f"after {seed}")
    shutil.copyfile(keys[1] / "cosign.pub", toy.folder / "trusted" / "cosign.pub")
    before = Ledger(toy.project).head("staging")
    assert red(promote.run(toy.project, "Ada")) == ["image-signer"]
    assert red(rollback.run(toy.project, "staging")) == ["image-signer"]
    ledger = Ledger(toy.project)
    assert (ledger.head("staging"), ledger.head("production")) == (before, "")


@pytest.mark.parametrize(
    ("claims", "by"),
    [
        ({"verdict": "fail"}, "signed-verdict"),
        ({"gates": []}, "signed-verdict"),
        ({"data_digest": "sha256:" + "9" * 64}, "signed-release"),
        ({"model_digest": "sha256:" + "9" * 64}, "signed-release"),
        ({"bento": "sha256:" + "9" * 64}, "signed-release"),
        ({"model_card_digest": "sha256:" + "9" * 64}, "signed-release"),
        ({"model": "another"}, "signed-repository"),
    ],
)
def test_a_statement_that_does_not_fit_is_refused_whoever_signed_it(
    toy: Toy, claims: dict[str, object], by: str
) -> None:
    release = toy.release("one")
    toy.sign(release, **claims)
    refused(toy, release, by)


def test_an_expired_signature_is_refused_for_a_deploy_and_renewed_by_signing_again(toy: Toy) -> None:
    toy.params(signature_max_age="1h")
    release = toy.release("one")
    toy.sign(release, attested=datetime.now(UTC) - timedelta(hours=2))
    refused(toy, release, "signature-age")
    toy.sign(release)
    assert red(deploy.run(toy.project, "staging", release.hex)) == []


def test_case_13_a_tag_moved_after_signing_changes_nothing(toy: Toy) -> None:
    release = toy.release("one")
    toy.sign(release)
    moved = toy.push({"seed": "evil"})
    assert asked.digest(Reference.parse(f"{toy.repository}:latest")) == moved.partition("@")[2]
    assert red(deploy.run(toy.project, "staging", release.hex)) == []
    other = toy.release("two", container=moved)
    refused(toy, other, "image-signed")


def test_a_tag_in_the_place_of_a_digest_is_refused(toy: Toy) -> None:
    from mlgate.provenance.verify import checks

    release = toy.release("one").model_copy(update={"container": f"{toy.repository}:latest"})
    assert [check.id for check in checks(toy.project, release, "staging") if check.status == "fail"] == ["image-digest"]


def test_an_image_from_elsewhere_is_refused_though_our_key_signed_it(toy: Toy) -> None:
    elsewhere = push(toy.crane, f"{toy.repository}-copy:v1", [{"seed": "one"}])
    release = toy.release("one", container=elsewhere)
    toy.sign(release)
    refused(toy, release, "image-repository")


def test_the_statement_of_one_image_does_not_vouch_for_another(toy: Toy) -> None:
    good = toy.release("one")
    toy.sign(good)
    other = toy.release("two")
    toy.sign(other, bento=good.image, model_digest=good.model_digest, version=good.version, built=good.built)
    record = toy.folder / ".mlgate" / "releases" / good.hex / "release.json"
    swapped = good.model_copy(update={"container": other.container})
    record.write_text(swapped.model_dump_json())
    report = refused(toy, swapped, "signed-release")
    assert "model_card_digest" in next(c.evidence for c in report.checks if c.id == "signed-release")


def test_a_commit_that_is_not_on_main_is_refused(toy: Toy) -> None:
    git(toy.folder, "checkout", "-q", "-b", "feature")
    toy.commit("not reviewed")
    release = toy.release("one")
    toy.sign(release)
    report = deploy.run(toy.project, "staging", release.hex)
    assert red(report) == ["source-on-main", "signed-workflow"]
    git(toy.folder, "checkout", "-q", "main")
    git(toy.folder, "merge", "-q", "--ff-only", "feature")
    toy.sign(release)
    assert red(deploy.run(toy.project, "staging", release.hex)) == []


def test_main_is_the_remote_s_where_there_is_one(toy: Toy, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "remote.git")
    git(toy.folder, "remote", "add", "origin", str(tmp_path / "remote.git"))
    git(toy.folder, "push", "-q", "origin", "main")
    toy.commit("not pushed")
    release = toy.release("one")
    toy.sign(release)
    refused(toy, release, "source-on-main")
    git(toy.folder, "push", "-q", "origin", "main")
    assert red(deploy.run(toy.project, "staging", release.hex)) == []


def test_case_12_an_old_signed_image_comes_back_by_a_rollback_alone(toy: Toy) -> None:
    old = toy.release("old")
    toy.sign(old)
    assert red(deploy.run(toy.project, "staging", old.hex)) == []
    toy.commit("second")
    new = toy.release("new")
    toy.sign(new)
    assert red(deploy.run(toy.project, "staging", new.hex)) == []
    report = refused(toy, old, "replay")
    assert "mlgate rollback --env staging" in next(check.mend for check in report.checks if check.id == "replay")
    assert red(rollback.run(toy.project, "staging")) == []
    assert Ledger(toy.project).read("staging") == old
    assert red(deploy.run(toy.project, "staging", old.hex)) == [], "it is what the ledger names"
    assert red(rollback.run(toy.project, "staging")) == []
    assert Ledger(toy.project).read("staging") == new


def test_case_12_an_earlier_build_of_the_same_commit_is_older_too(toy: Toy) -> None:
    first = toy.release("first")
    toy.sign(first)
    second = toy.release("second")
    toy.sign(second)
    assert red(deploy.run(toy.project, "staging", second.hex)) == []
    refused(toy, first, "replay")


def test_case_15_a_digest_that_the_registry_lost_is_refused_before_anything_happens(toy: Toy) -> None:
    old = toy.release("old")
    toy.sign(old)
    assert red(deploy.run(toy.project, "staging", old.hex)) == []
    toy.commit("second")
    new = toy.release("new")
    toy.sign(new)
    containers.quiet(toy.crane, "delete", "--insecure", new.container)
    refused(toy, new, "image-present")
    toy.commit("third")
    newest = toy.release("newest")
    toy.sign(newest)
    assert red(deploy.run(toy.project, "staging", newest.hex)) == []
    containers.quiet(toy.crane, "delete", "--insecure", old.container)
    before = Ledger(toy.project).head("staging")
    assert red(rollback.run(toy.project, "staging")) == ["image-present"]
    assert Ledger(toy.project).head("staging") == before


def test_case_22_a_registry_that_is_down_ends_a_deploy_and_changes_nothing(
    toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asked, "FIRST_PAUSE", 0.01)
    digest = "sha256:" + "1" * 64
    toy.repository = f"127.0.0.1:{free_port()}/toy"
    toy.params()
    release = toy.release("one", container=f"{toy.repository}@{digest}")
    with pytest.raises(InfraError, match="failed 4 times") as caught:
        deploy.run(toy.project, "staging", release.hex)
    assert caught.value.code == 3
    assert Ledger(toy.project).head("staging") == ""


def test_case_22_signatures_that_can_t_be_read_are_no_verdict(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cosign, "PAUSE", 0.01)
    away = f"127.0.0.1:{free_port()}/toy@sha256:{'1' * 64}"
    with pytest.raises(InfraError, match="can't read the signatures"):
        cosign.statements(away, toy.folder / "trusted" / "cosign.pub")


def test_without_a_policy_the_report_says_loudly_that_nobody_s_signature_was_asked_for(toy: Toy) -> None:
    toy.params(verify="none")
    release = toy.release("one")
    report = deploy.run(toy.project, "staging", release.hex)
    assert red(report) == []
    assert "NOT VERIFIED" in report.checks[0].evidence


def test_a_release_without_an_image_is_refused_where_a_signature_is_asked_for(toy: Toy) -> None:
    refused(toy, toy.release("one", container=""), "image-policy")


def test_nothing_is_vouched_for_that_the_gates_did_not_let_pass(toy: Toy) -> None:
    red_one = toy.release("one", verdict="fail")
    with pytest.raises(DataError, match="do not vouch"):
        toy.sign(red_one)
    other = toy.release("two")
    toy.release("three")
    with pytest.raises(DataError, match="another model"):
        toy.sign(other)


def test_what_is_missing_for_signing_or_checking_is_said_with_what_to_do(
    toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = toy.release("one")
    monkeypatch.delenv("COSIGN_PASSWORD")
    with pytest.raises(ConfigError, match="COSIGN_PASSWORD"):
        toy.sign(release)
    monkeypatch.setenv("MLGATE_COSIGN_KEY", "nowhere.key")
    with pytest.raises(ConfigError, match=r"no signing key nowhere\.key"):
        toy.sign(release)
    (toy.folder / "trusted" / "cosign.pub").write_text("not a key")
    with pytest.raises(ConfigError, match="no public key in PEM"):
        deploy.run(toy.project, "staging", release.hex)
    monkeypatch.setenv("MLGATE_COSIGN", "nowhere")
    (toy.folder / "trusted" / "cosign.pub").write_text((toy.keys / "cosign.pub").read_text())
    with pytest.raises(InfraError, match="nowhere can't be run"):
        deploy.run(toy.project, "staging", release.hex)


def pushed(toy: Toy, tag: str, layers: list[Any]) -> dict[str, bytes]:
    """What an image of these layers records of its packages."""
    return system.records(Reference.parse(push(toy.crane, tag, layers)))


def test_system_packages_are_those_of_the_topmost_layer(toy: Toy) -> None:
    half = "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n"
    release = 'ID=debian\nVERSION_ID="12"\n'
    layers = [
        {"var/lib/dpkg/status": DPKG.format(1), "etc/os-release": release},
        {"./var/lib/dpkg/status": DPKG.format(7) + "\n" + half},
        {"app": "x"},
    ]
    found = system.packages(pushed(toy, f"{toy.repository}:deb", layers))
    assert [entry["purl"] for entry in found] == [
        "pkg:deb/debian/libc6@2.36-9%2Bdeb12u7?arch=amd64&distro=debian-12"
    ]  # fmt: skip
    parts = [
        {"var/lib/dpkg/status.d/a": "Package: a\nVersion: 1\n"},
        {"var/lib/dpkg/status.d/b": "Package: b\nVersion: 2\n"},
    ]
    found = system.packages(pushed(toy, f"{toy.repository}:parts", parts))
    assert [entry["name"] for entry in found] == ["a", "b"]
    alpine = {
        "lib/apk/db/installed": "C:x\nP:musl\nV:1.2.5-r0\nA:x86_64\n",
        "etc/os-release": "ID=alpine\nVERSION_ID=3.20\n",
    }
    found = system.packages(pushed(toy, f"{toy.repository}:apk", [alpine]))
    assert found[0]["purl"] == "pkg:apk/alpine/musl@1.2.5-r0?arch=x86_64&distro=alpine-3.20"
    assert system.packages(pushed(toy, f"{toy.repository}:none", [{"x": "y"}])) == []


def test_case_15_doctor_names_the_images_that_the_ledgers_need_and_those_that_are_lost(toy: Toy) -> None:
    from mlgate.provenance.retained import kept, retained

    assert kept(toy.project) == "the ledgers name no images"
    old = toy.release("old")
    toy.sign(old)
    deploy.run(toy.project, "staging", old.hex)
    toy.commit("second")
    new = toy.release("new")
    toy.sign(new)
    deploy.run(toy.project, "staging", new.hex)
    promote.run(toy.project, "Ada")
    assert retained(toy.project) == {
        new.container: [f"staging {new.version}", f"production {new.version}"],
        old.container: [f"staging {old.version}"],
    }
    assert old.container in kept(toy.project)
    containers.quiet(toy.crane, "delete", "--insecure", old.container)
    with pytest.raises(DataError, match="has lost") as caught:
        kept(toy.project)
    assert f"{old.container} (staging {old.version})" in str(caught.value)
    assert new.container not in str(caught.value)


def test_doctor_says_what_checking_signatures_needs(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlgate.provenance.verify import ready

    assert "key sha256:" in ready(toy.project)
    monkeypatch.delenv("MLGATE_COSIGN")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(InfraError, match="cosign is not on PATH"):
        ready(toy.project)


def test_an_image_of_the_project_is_signed_by_package_and_then_deployed(
    image_release: containers.ImageRelease,
    keys: tuple[Path, Path],
    mlgate: Callable[..., Any],
    program: Callable[[str], str],
    tmp_path: Path,
) -> None:
    repository = image_release.copied(tmp_path)
    tools = {"MLGATE_COSIGN": program("cosign"), "COSIGN_PASSWORD": "of a test"}
    done = mlgate(repository, "package", "--sign", MLGATE_COSIGN_KEY=str(keys[0] / "cosign.key"), **tools)
    assert done.returncode == 0, done.stdout + done.stderr
    bill = json.loads((repository / "reports" / "sbom.cdx.json").read_bytes())
    packages = {entry["purl"].partition("@")[0] for entry in bill["components"]}
    assert {"pkg:deb/debian/libc6", "pkg:deb/debian/python3.11-minimal", "pkg:pypi/scikit-learn"} <= packages
    assert [entry["name"] for entry in bill["components"]].count("numpy") == 1, "that of the image's Python alone"
    said = json.loads((repository / "reports" / "predicate.json").read_bytes())
    assert said["verdict"] == "pass"
    assert {gate["id"] for gate in said["gates"]} >= {"floor", "holdout"}
    assert said["metrics"]["average_precision"]["low"] < said["metrics"]["average_precision"]["value"]
    params = repository / "params.yaml"
    params.write_text(params.read_text().replace("verify: none", "verify: key"))
    (repository / "deploy").mkdir(exist_ok=True)
    shutil.copyfile(keys[0] / "cosign.pub", repository / "deploy" / "cosign.pub")
    done = mlgate(repository, "deploy", "--env", "staging", "--engine", "none", **tools)
    assert done.returncode == 0, done.stdout + done.stderr
    checks = {c["id"]: c for c in json.loads((repository / "reports" / "deploy.json").read_bytes())["checks"]}
    assert checks["signed-release"]["status"] == checks["signed-verdict"]["status"] == "pass"
