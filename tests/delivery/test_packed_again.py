"""A commit that is packed, pushed and signed once more is about the release that environments run, not a new one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from signed_toy import Toy

from mlgate.image import push
from mlgate.ledger import Ledger
from mlgate.packing.release import RECORD, Release, read_release
from mlgate.verbs import deploy, promote


@pytest.fixture
def again(toy: Toy) -> tuple[Release, Release]:
    """A release in staging, and the same Bento as a fresh clone packs it an hour later."""
    first = toy.release("one")
    toy.sign(first)
    assert deploy.run(toy.project, "staging", first.hex).exit_code == 0
    return first, first.model_copy(update={"built": first.built + timedelta(hours=1), "container": ""})


def test_what_is_signed_again_still_fits_what_staging_runs_and_can_be_promoted(toy: Toy, again) -> None:
    first, packed = again
    found = push.pushed(toy.project, packed)
    assert found == first
    assert read_release(toy.folder / ".mlgate" / "releases" / first.hex) == first
    toy.sign(found)
    head = Ledger(toy.project).head("staging")
    report = deploy.run(toy.project, "staging", first.hex)
    assert [check.id for check in report.checks if check.status in ("fail", "error")] == []
    assert Ledger(toy.project).head("staging") == head, "delivered again, nothing changed"
    assert promote.run(toy.project, "Ada").exit_code == 0


def test_a_release_that_differs_in_more_keeps_its_own_time(toy: Toy, again) -> None:
    first, packed = again
    other = packed.model_copy(update={"metrics": {}})
    found = push.pushed(toy.project, other)
    assert found == other.model_copy(update={"container": first.container})
    record = toy.folder / ".mlgate" / "releases" / first.hex / RECORD
    assert Release.model_validate_json(record.read_bytes()).built == other.built
