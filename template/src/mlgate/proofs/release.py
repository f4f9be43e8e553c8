"""Releases that must not be built: a file that no commit holds, a verdict on another model or with a red gate."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mlgate.packing.conditions import clean_tree, verdict
from mlgate.packing.release import read_card
from mlgate.project import Project, git
from mlgate.proofs.proof import Proof
from mlgate.report import Check, Report, Status, Subject

CHECKS = ("clean-tree", "verdict")
IDENTITY = ("-c", "user.name=mlgate", "-c", "user.email=mlgate@localhost")


def proofs(project: Project, scratch: Path) -> dict[str, Proof]:
    """Proofs for what `package` asks before it builds; repositories are made in `scratch`."""
    card = read_card(project.models)

    def judged(digest: str, *statuses: Status) -> Callable[[], Check]:
        checks = [Check(id="floor", title="", status=status) for status in statuses]
        report = Report(verb="evaluate", subject=Subject(model_digest=digest), checks=checks).close()
        return lambda: verdict(report, card)

    bad = {
        "a red gate": judged(card.digest, "pass", "fail"),
        "a gate that could not judge": judged(card.digest, "pass", "error"),
        "no gate at all": judged(card.digest),
        "another model": judged("sha256:" + "0" * 64, "pass"),
    }
    return {"clean-tree": _clean(scratch), "verdict": Proof(judged(card.digest, "pass"), bad)}


def _clean(scratch: Path) -> Proof:
    def repository(name: str, spoil: Callable[[Path], object] | None, commit: bool = True) -> Callable[[], Check]:
        def run() -> Check:
            root = scratch / name
            root.mkdir()
            git(root, "init", "--quiet")
            (root / "params.yaml").write_text("a: 1\n", encoding="utf-8")
            git(root, "add", "-A")
            if commit:
                git(root, *IDENTITY, "commit", "--quiet", "--no-verify", "-m", "first")
            if spoil:
                spoil(root)
            return clean_tree(Project(root))

        return run

    bad = {
        "a file changed": repository("changed", lambda root: (root / "params.yaml").write_text("a: 2\n")),
        "a file that Git does not know": repository("new", lambda root: (root / "new.py").write_text("")),
        "no commit": repository("unborn", None, commit=False),
    }
    return Proof(repository("clean", None), bad)
