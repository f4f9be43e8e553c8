"""Everything that must hold before a release is committed to an environment or started in it, asked in order."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from mlgate.engine.bundles import ARTIFACTS, bundle_of
from mlgate.errors import MlgateError
from mlgate.files import digest
from mlgate.image import registry
from mlgate.image.reference import Reference
from mlgate.packing.release import Release
from mlgate.project import Project
from mlgate.provenance import claims, cosign, github, history, policy
from mlgate.provenance.cosign import Found
from mlgate.provenance.statement import Attested, newest
from mlgate.report import Check

RED = ("fail", "error")


def checks(project: Project, release: Release, environment: str, rollback: bool = False) -> list[Check]:
    """The verdicts on a release that is to go to `environment`; none for one without image where none is verified.

    What can't be asked any more after a red check is left out: one red check is enough to refuse.

    Raises
    ------
    ConfigError
        If a key, a login or the remote is missing.
    InfraError
        If registry, cosign or GitHub do not answer; nothing was changed.
    """
    verify = project.params.deploy.verify
    if verify == "none" and not release.container:
        return []
    found = [policy.needed(release.container, verify)]
    if found[0].status in RED:
        return found
    found.append(policy.named(release.container))
    if found[-1].status in RED:
        return found
    if verify != "none":
        found.append(policy.homed(release.container, _home(project)))
        if found[-1].status in RED:
            return found
    lost = registry.missing(Reference.parse(release.container))
    found.append(policy.present(release.container, lost))
    before = history.formers(project, environment, release)
    found.append(policy.not_replayed(release, before, environment, rollback))
    if verify == "none" or found[-2].status in RED:
        return found
    found.append(policy.on_main(history.source(project, release.source_commit)))
    return found + _signed(project, release, verify, rollback)


def _home(project: Project) -> str:
    """Where images are pushed: the variable that says so to `package`, else params.yaml."""
    return os.environ.get("MLGATE_IMAGE_REPOSITORY") or project.params.image.repository


def refused(found: list[Check]) -> bool:
    return any(check.status in RED for check in found)


def ready(project: Project) -> str:
    """What `checks` will ask with, in words; ConfigError or InfraError where it can't."""
    verify, key = project.params.deploy.verify, project.root / project.params.deploy.key
    if verify == "key":
        signers = [signer.name for _, signer in cosign.public_keys(key)]
        return f"{cosign.program()}, {', '.join(signers)}"
    if verify == "github":
        return f"{github.program()}, workflows of {github.origin(history.repository(project))}"
    return "deploy.verify is none: no signature is asked for"


def _signed(project: Project, release: Release, verify: str, rollback: bool) -> list[Check]:
    """The verdicts on signature and statement."""
    origin = history.repository(project)
    if verify == "github":
        answer, wanted = github.statements(release.container, origin), f"a workflow of {origin}"
    else:
        key = project.params.deploy.key
        answer, wanted = cosign.statements(release.container, project.root / key), f"the key in {key}"
    return judge(answer, release, wanted, origin, project, rollback)


def judge(
    answer: Found, release: Release, wanted: str, origin: str, project: Project, rollback: bool = False
) -> list[Check]:
    """The checks of a verifier's answer: the newest statement counts."""
    said = newest(answer.attested)
    found = [claims.signed(said, answer.strangers)]
    if found[0].status in RED:
        return found
    found.append(claims.signer(said, wanted, answer.why))
    if said is None or found[-1].status in RED:
        return found
    return found + _claimed(said, release, origin, project, rollback)


def _claimed(said: Attested, release: Release, origin: str, project: Project, rollback: bool) -> list[Check]:
    limit = project.params.deploy.signature_max_age
    return [
        claims.fresh(said, limit, datetime.now(UTC), rollback),
        claims.from_repository(said, origin, project.params.project.slug),
        claims.by_workflow(said),
        claims.judged(said),
        claims.same(said, release, _card(project, release)),
    ]


def _card(project: Project, release: Release) -> str:
    """Digest of the model's card in the release on this machine; empty where it is not here."""
    try:
        return digest(bundle_of(project, release) / ARTIFACTS / "model.json")
    except (MlgateError, OSError):
        return ""
