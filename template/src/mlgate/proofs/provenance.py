"""Images that must not be deployed: each check of name, registry, history, signature and statement, on a bad one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from mlgate.packing.release import ModelCard, Release, read_card, version_of
from mlgate.project import Project
from mlgate.proofs.proof import Proof
from mlgate.provenance import claims, policy
from mlgate.provenance.policy import Former, Source
from mlgate.provenance.predicate import Builder, Gate, Predicate
from mlgate.provenance.statement import Attested, Signer
from mlgate.provenance.verdicts import CHECKS
from mlgate.report import Check

REPOSITORY, ORIGIN = "registry.example/models", "github.com/someone/models"
DIGEST, OTHER, THIRD = ("sha256:" + digit * 64 for digit in "123")
BUILT = datetime(2026, 1, 2, tzinfo=UTC)
NOW, MONTH = BUILT + timedelta(days=2), timedelta(days=30)
__all__ = ["CHECKS", "proofs"]


def proofs(project: Project) -> dict[str, Proof]:
    """Proofs for what is asked of an image; the good one is the model in `models/`, signed by deliver.yml."""
    card = read_card(project.models)
    release, said = _release(card), _attested(card)
    return {**_named(release), **_in_git(release), **_signed(said), **_claimed(said, release)}


def _release(card: ModelCard) -> Release:
    return Release(
        model=card.model,
        version=version_of(card.digest),
        image=OTHER,
        container=f"{REPOSITORY}@{DIGEST}",
        source_commit="a" * 40,
        data_digest=card.data_digest,
        model_digest=card.digest,
        holdout_digest=card.holdout_digest,
        holdout_rows=card.holdout_rows,
        built=BUILT,
    )


def _attested(card: ModelCard) -> Attested:
    release = _release(card)
    kept = release.model_dump(exclude={"schema_version", "image", "container", "trained_until"})
    said = Predicate(
        **kept,
        bento=release.image,
        model_card_digest=THIRD,
        verdict="pass",
        gates=[Gate(id="floor", status="pass"), Gate(id="champion", status="skip")],
        sbom=THIRD,
        builder=Builder(kind="github", repository=ORIGIN, ref=claims.MAIN, workflow=claims.WORKFLOW),
        attested=BUILT + timedelta(days=1),
    )
    signer = Signer("github", claims.WORKFLOW, ORIGIN, claims.WORKFLOW, claims.MAIN, "a" * 40, claims.ISSUER)
    return Attested(frozenset({DIGEST}), said, signer)


def _named(release: Release) -> dict[str, Proof]:
    image, no_image = release.container, "no image, and a signature is asked for"
    return {
        "image-policy": _proof(lambda it: policy.needed(it, "key"), image, {no_image: ""}),
        "image-digest": _proof(policy.named, image, {"a tag": f"{REPOSITORY}:v1", "nonsense": "--help"}),
        "image-repository": _proof(
            lambda it: policy.homed(image, it), REPOSITORY, {"another's": "registry.example/other", "none named": ""}
        ),
        "image-present": _proof(
            lambda it: policy.present(image, it), [], {"no manifest": [DIGEST], "a layer lost": [OTHER]}
        ),
    }


def _in_git(release: Release) -> dict[str, Proof]:
    main = Source(release.source_commit, "refs/heads/main", on_main=True)
    past = Former(f"{REPOSITORY}@{THIRD}", "f" * 12, "b" * 40, "c" * 40, BUILT - MONTH, descends=False)
    newer = replace(past, descends=True)
    later = replace(past, source_commit=release.source_commit, built=BUILT + MONTH)
    back = Former(release.container, release.version, "d" * 40, release.source_commit, BUILT, descends=False)

    def replayed(it: tuple[list[Former], bool]) -> Check:
        return policy.not_replayed(release, it[0], "staging", rollback=it[1])

    bad_past = {
        "an older commit": ([newer], False),
        "an older build of one commit": ([later], False),
        "deployed, replaced, and deployed again": ([newer, back], False),
        "a rollback to what was never there": ([newer], True),
    }
    bad_source = {
        "a branch that was not merged": replace(main, on_main=False),
        "no main": Source(release.source_commit),
        "a shallow clone": replace(main, on_main=False, shallow=True),
    }
    return {
        "source-on-main": _proof(policy.on_main, main, bad_source),
        "replay": _proof(replayed, ([past], False), bad_past),
    }


def _signed(said: Attested) -> dict[str, Proof]:
    wrong_issuer = replace(said, signer=replace(said.signer, issuer="https://accounts.example"))
    late = {"expired": NOW + MONTH, "signed in the future": NOW - MONTH}
    return {
        "image-signed": _proof(lambda it: claims.signed(it, 0), said, {"unsigned": None}),
        "image-signer": _proof(
            lambda it: claims.signer(it, "our key"), said, {"another's key": None, "another issuer": wrong_issuer}
        ),
        "signature-age": _proof(lambda it: claims.fresh(said, MONTH, it, rollback=False), NOW, late),
    }


def _claimed(said: Attested, release: Release) -> dict[str, Proof]:
    def claiming(**changed: Any) -> Attested:
        return replace(said, predicate=said.predicate.model_copy(update=changed))

    red = {
        "a red verdict": claiming(verdict="fail"),
        "a gate that could not judge": claiming(gates=[Gate(id="floor", status="error")]),
        "no gate": claiming(gates=[]),
    }
    other = {
        "another image": replace(said, subjects=frozenset({OTHER})),
        "other data": claiming(data_digest=OTHER),
        "another model": claiming(model_digest=OTHER),
        "another Bento": claiming(bento=THIRD),
        "another card": claiming(model_card_digest=OTHER),
    }
    elsewhere = said.predicate.builder.model_copy(update={"repository": "github.com/other/models"})
    foreign = {
        "another repository's statement": claiming(builder=elsewhere),
        "another project's model": claiming(model="another"),
    }
    return {
        **_certified(said, release, foreign),
        "signed-verdict": _proof(claims.judged, said, red),
        "signed-release": _proof(lambda it: claims.same(it, release, THIRD), said, other),
    }


def _certified(said: Attested, release: Release, foreign: dict[str, Attested]) -> dict[str, Proof]:
    def by(**changed: str) -> Attested:
        return replace(said, signer=replace(said.signer, **changed))

    foreign = {**foreign, "another repository's certificate": by(repository="github.com/other/models")}
    other = {
        "another workflow": by(workflow=".github/workflows/pull-request.yml"),
        "another branch": by(ref="refs/heads/feature"),
        "a run at another commit": by(commit="b" * 40),
    }
    return {
        "signed-repository": _proof(lambda it: claims.from_repository(it, ORIGIN, release.model), said, foreign),
        "signed-workflow": _proof(claims.by_workflow, said, other),
    }


def _proof(check: Callable[[Any], Check], good: Any, bad: dict[str, Any]) -> Proof:
    """The check on the good value and on each bad one."""

    def asked(value: Any) -> Callable[[], Check]:
        return lambda: check(value)

    return Proof(asked(good), {label: asked(value) for label, value in bad.items()})
