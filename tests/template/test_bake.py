"""A bake: what it writes, what it refuses, and what it never loses."""

from __future__ import annotations

from pathlib import Path


def test_a_bake_starts_with_one_commit_and_nothing_left_to_commit(baked: Path, run) -> None:
    assert run(["git", "log", "--format=%s"], baked).stdout.splitlines() == [
        "Start Card fraud from the mlgate template"
    ]
    assert run(["git", "branch", "--show-current"], baked).stdout.strip() == "main"
    assert run(["git", "status", "--porcelain"], baked).stdout == ""
