"""What must hold before a release is built: everything committed, a trusted model file, every gate green."""

from __future__ import annotations

from mlgate.errors import DataError
from mlgate.packing.release import ModelCard
from mlgate.project import Project
from mlgate.report import Check, Report, Status
from mlgate.training import modelfile

TITLES = {
    "clean-tree": "Everything is committed",
    "model-digest": "The model file is the one that its card names",
    "model-format": "The model file can be read without running code",
    "model-types": "The model holds only types that we trust",
    "verdict": "The gates let this model pass",
}


def condition(name: str, evidence: str, mend: str = "", bad: bool = False) -> Check:
    """A check by its id; the mend is shown only where it is bad."""
    status: Status = "fail" if bad else "pass"
    return Check(id=name, title=TITLES[name], status=status, evidence=evidence, mend=mend if bad else "")


def clean_tree(project: Project) -> Check:
    """The release can be traced: there is a commit, and no file differs from it."""
    changed = project.changed
    said = f"not committed: {', '.join(changed[:5])}" if changed else "" if project.commit else "there is no commit"
    mend = 'git add -A && git commit -m "…", so that the release can be traced to a commit'
    return condition("clean-tree", said or f"at {project.commit[:12]}", mend, bool(said))


def model_types(project: Project, card: ModelCard) -> Check:
    """Every type in the file is on our allow-list; nothing of the file was loaded to see it."""
    try:
        modelfile.check((project.models / card.file).read_bytes(), card.file)
    except DataError as error:
        return condition("model-types", str(error), error.mend, True)
    return condition("model-types", "every type is on the allow-list")


def model_format(card: ModelCard) -> Check:
    """skops, or joblib where the user's own code declares it."""
    if card.format == "skops":
        return condition("model-format", "skops: read without running code")
    evidence = "joblib: loading runs code; protected by its digest alone"
    mend = 'set MODEL_FORMAT = "joblib" in src/model/model.py if that is meant'
    return condition("model-format", evidence, mend, modelfile.declared()[0] != "joblib")


def verdict(judged: Report, card: ModelCard) -> Check:
    """What `evaluate` said of this very model; a report on another one, or with a red check, does not do."""
    other = judged.subject.model_digest != card.digest
    red = [check.id for check in judged.checks if check.status in ("fail", "error")]
    evidence = "it judged another model" if other else f"red: {', '.join(red)}" if red else "every gate is green"
    bad = other or bool(red) or judged.status != "pass" or not judged.checks
    return condition("verdict", evidence, "see `mlgate evaluate` and docs/gates.md", bad)
