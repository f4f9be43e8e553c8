"""The champion as a holdout meets it: whether the two may be compared, and its scores, which are made meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from mlgate.errors import DataError, MlgateError
from mlgate.judging.champion_rules import require_comparable, require_unseen
from mlgate.judging.champion_scores import Array, Scores, champion_scores
from mlgate.judging.holdout import Holdout
from mlgate.ledger import Ledger
from mlgate.packing.release import ModelCard, Release
from mlgate.project import Project


@dataclass(frozen=True)
class Rival:
    """The release in production; none before the first, or where `problem` says why that can't be known."""

    release: Release | None = None
    problem: DataError | None = None
    _fair: str | MlgateError = ""
    _scores: Scores | MlgateError | None = None

    def fair(self) -> str:
        """Why no row of the holdout can have trained it; raises what `require_comparable` and `require_unseen` do."""
        if isinstance(self._fair, MlgateError):
            raise self._fair
        return self._fair

    def scores(self) -> tuple[Array, str]:
        """What `champion_scores` gives, or raises."""
        if isinstance(self._scores, MlgateError):
            raise self._scores
        assert self._scores is not None, "only where the rows are a fair test"
        return self._scores()


@contextmanager
def rival(project: Project, card: ModelCard, rows: Holdout) -> Iterator[Rival]:
    """The champion against which `rows` are judged; where it scores them anew it does so meanwhile.

    What is wrong with it is raised where it is asked for: the gates that need no champion are judged all the same.
    """
    try:
        champion = _champion(project)
    except DataError as error:
        yield Rival(problem=error)
        return
    if champion is None:
        yield Rival()
        return
    fair: str | MlgateError
    scores: Scores | MlgateError | None = None
    with ExitStack() as stack:
        try:
            require_comparable(project, card)
            fair = require_unseen(project, card, champion, rows)
        except MlgateError as error:
            fair = error
        else:
            try:
                scores = stack.enter_context(champion_scores(project, card, champion, rows))
            except MlgateError as error:
                scores = error
        yield Rival(champion, None, fair, scores)


def _champion(project: Project) -> Release | None:
    """The release in production, or None before the first; DataError where the ledger is known elsewhere, but not here.

    A clone that did not fetch the ledger would otherwise take every release for the first.
    """
    ledger = Ledger(project)
    if not ledger.head("production"):
        elsewhere = project.git("for-each-ref", "--format=%(refname:short)", "refs/remotes/*/env/production")
        if elsewhere:
            remote = elsewhere.splitlines()[0].split("/")[0]
            raise DataError(
                f"{elsewhere.splitlines()[0]} exists, but env/production is not in this clone",
                f"set MLGATE_REMOTE={remote}, or run `git fetch {remote} env/production:env/production`",
            )
    return ledger.read("production")
