"""A commit comes onto a branch that others write as well: it lands in order, or says who was faster."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mlgate.errors import InfraError
from mlgate.ledger.branch import Branch, Now, Overtaken
from mlgate.ledger.freeze import FREEZE
from mlgate.ledger.message import trailers
from mlgate.ledger.plumbing import objects
from mlgate.packing.release import RECORD

PATIENCE = 300.0  # seconds of losing: each loss is another's deploy that landed, so the branch never stands still
LONGEST = 1.0  # seconds between two tries
POLITE = 8  # losses after which a writer does not stand back any more, or those who just began would win for ever

Guard = Callable[[Now], None]
Content = Callable[[Now], tuple[str, Mapping[str, bytes | None]]]


@dataclass(frozen=True)
class Written:
    """The commit that says what was to be said; `made` is False where it did so before."""

    commit: str
    made: bool


def land(branch: Branch, content: Content, text: str, expected: str | None, guard: Guard | None = None) -> Written:
    """Commit onto the head, whatever it is by then, as long as `expected` and `guard` let it be.

    Parameters
    ----------
    content
        From the branch as it stands to the tree to begin with and the files to put over it.
    expected
        The only head that it may be put onto; None: any.
    guard
        Raises where the branch, as it stands at this try, does not allow it.
    """
    until, turn = time.monotonic() + PATIENCE, 0
    while True:
        with branch.turn():
            now = branch.now(RECORD, FREEZE)
            if expected is not None and now.head != expected:
                raise overtaken(branch, now.head)
            if guard:
                guard(now)
            built = branch.build(*content(now), text, now.head)
            if now.head and built.tree == now.tree:
                return Written(now.head, made=False)
            with contextlib.suppress(Overtaken):
                branch.advance(built.commit, now.head, text.partition("\n")[0])
                return Written(built.commit, made=True)
        if time.monotonic() > until:
            raise InfraError(f"the branch {branch.name} kept moving for {PATIENCE:.0f} s", "run the same verb again")
        if turn < POLITE:
            time.sleep(random.uniform(0, min(LONGEST, 0.01 * 2**turn)))  # noqa: S311 - no secret
        turn += 1
        branch.sync()


def overtaken(branch: Branch, head: str) -> Overtaken:
    """Who was faster, in words."""
    (found,) = objects(branch.folder, [head]) if head else (None,)
    if found is None:
        return Overtaken(f"{branch.name} was emptied meanwhile", "look at it, then run the same verb again")
    text = found[1].decode("utf-8", "replace").partition("\n\n")[2]
    by = trailers(text).get("Approved-By", "")
    who = text.partition("\n")[0] + (f", by {by}" if by else "")
    mend = f"look at `mlgate history --env {branch.name.removeprefix('env/')}`, then run the same verb again"
    return Overtaken(f"overtaken: {branch.name} is now at {head[:12]}: {who}; nothing was written", mend)
