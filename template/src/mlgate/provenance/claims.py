"""What must hold of a signed statement and its signer: values in, checks out, nothing else asked."""

from __future__ import annotations

from datetime import datetime, timedelta

from mlgate.image.reference import Reference
from mlgate.packing.release import Release
from mlgate.provenance.statement import Attested
from mlgate.provenance.verdicts import good, verdict
from mlgate.report import Check

MAIN = "refs/heads/main"
WORKFLOW = ".github/workflows/deliver.yml"
ISSUER = "https://token.actions.githubusercontent.com"
AHEAD = timedelta(days=1)  # a signer's clock may be a day off, no more
_SAME = ("version", "source_commit", "data_digest", "model_digest", "holdout_digest", "metrics", "built")


def signed(found: Attested | None, strangers: int) -> Check:
    """There is a statement at all; `strangers` counts those whose signature is nobody's that we know."""
    if found is None and not strangers:
        mend = "`mlgate package --image --push --sign`; on GitHub deliver.yml signs"
        return verdict("image-signed", "no signed statement of a release is with the image", mend)
    return good("image-signed", "signed" if found else f"{strangers} signed by others")


def signer(found: Attested | None, wanted: str, why: str = "") -> Check:
    """Whose signature it is: `wanted` says in words whose it has to be."""
    if found is None:
        mend = (
            "if the key was rotated, deploy.key may hold both public keys (docs/provenance.md); else ask who pushed it"
        )
        return verdict("image-signer", f"signed, but not by {wanted}{f': {why}' if why else ''}", mend)
    if found.signer.kind == "github" and found.signer.issuer != ISSUER:
        return verdict("image-signer", f"the certificate is for {found.signer.issuer or 'nobody'}", "ask who pushed it")
    return good("image-signer", found.signer.name)


def fresh(found: Attested, limit: timedelta | None, now: datetime, rollback: bool) -> Check:
    """A signature expires `deploy.signature_max_age` after it was made; not for a rollback, verified in its time."""
    age, said = now - found.moment, f"signed {found.moment:%Y-%m-%d %H:%M} UTC"
    if age < -AHEAD:
        return verdict("signature-age", f"{said}, in the future", "set the clocks of signer and deployer")
    if limit is None:
        return verdict("signature-age", f"{said}; deploy.signature_max_age is not set", status="skip")
    if rollback:
        return verdict("signature-age", f"{said}; a rollback takes what was fresh when it was deployed", status="skip")
    if age > limit:
        mend = "build and sign it anew from main, or raise deploy.signature_max_age"
        return verdict("signature-age", f"{said}, expired {(age - limit).total_seconds() / 86400:.1f} days ago", mend)
    return good("signature-age", said)


def from_repository(found: Attested, repository: str, model: str) -> Check:
    """Built of this project: the statement's model, and its repository where this one has a remote."""
    said = found.predicate.builder.repository
    certain = found.signer.kind == "github"
    claims = {said, found.signer.repository} if certain else {said}
    mend = "deploy what this repository built; images of another are not ours to run"
    if found.predicate.model != model:
        return verdict("signed-repository", f"it is of the model {found.predicate.model}, not {model}", mend)
    if (repository or certain) and claims != {repository}:
        others = ", ".join(sorted(name or "nowhere" for name in claims))
        return verdict("signed-repository", f"built from {others}; this repository is {repository or 'unknown'}", mend)
    return good("signed-repository", repository or f"{model}; this clone has no remote to compare")


def by_workflow(found: Attested) -> Check:
    """By deliver.yml on main: the certificate's word, else the builder's own."""
    built, by = found.predicate.builder, found.signer
    certain = by.kind == "github"
    workflow, ref = (by.workflow, by.ref) if certain else (built.workflow, built.ref)
    mend = "merge to main, and let deliver.yml build, sign and deploy it"
    if certain and built.kind != "github":
        return verdict("signed-workflow", "GitHub signed it, and it says that it was built elsewhere", mend)
    if (built.kind == "github" or certain) and workflow != WORKFLOW:
        return verdict("signed-workflow", f"by {workflow or 'no workflow'}, not {WORKFLOW}", mend)
    if ref != MAIN and (ref or built.kind == "github" or certain):
        return verdict("signed-workflow", f"on {ref or 'no branch'}, not {MAIN}", mend)
    if certain and by.commit != found.predicate.source_commit:
        return verdict("signed-workflow", f"the run was at {by.commit[:12] or 'no commit'}, not the statement's", mend)
    return good("signed-workflow", f"{workflow or 'by hand'} on {ref or 'no branch'}")


def judged(found: Attested) -> Check:
    """Every gate green (or skipped with its reason), and at least one."""
    said = found.predicate
    red = [f"{gate.id} {gate.status}" for gate in said.gates if gate.status not in ("pass", "skip")]
    if said.verdict != "pass" or red or not any(gate.status == "pass" for gate in said.gates):
        evidence = f"verdict {said.verdict}; {', '.join(red) or f'{len(said.gates)} gates'}"
        return verdict("signed-verdict", evidence, "a model that no gate let pass is not deployed: see docs/gates.md")
    return good("signed-verdict", f"{len(said.gates)} gates")


def same(found: Attested, release: Release, card_digest: str = "") -> Check:
    """Image, Bento, data, model, code and card of the record are those that were signed."""
    said = found.predicate
    pairs = {name: (getattr(said, name), getattr(release, name)) for name in _SAME}
    pairs["bento"] = (said.bento, release.image)
    if card_digest:
        pairs["model_card_digest"] = (said.model_card_digest, card_digest)
    other = [f"{name} {_short(one)}, in the record {_short(two)}" for name, (one, two) in pairs.items() if one != two]
    if Reference.parse(release.container).digest not in found.subjects:
        other.insert(0, "the statement is about another image")
    if other:
        mend = "the record was changed, or the image is another's: run `mlgate package --image --push --sign`"
        return verdict("signed-release", "; ".join(other), mend)
    return good("signed-release", f"{len(pairs) + 1} digests agree")


def _short(value: object) -> str:
    text = str(value)
    return text[:19] if text.startswith("sha256:") else text[:40]
