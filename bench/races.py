"""Races for an environment branch: many writers at once, in one repository and from clones of one; nothing is lost.

Run it with `uv run python bench/races.py [--deploys N] [--remote-deploys N] [--rounds N]`; it prints JSON. The floor
is `git commit --allow-empty` in one process, as often as there were deploys in the first race (at most 200 measured).
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlgate.errors import InfraError
from mlgate.ledger import Ledger, Overtaken
from mlgate.packing.release import Release
from mlgate.project import Project

SAMPLE = 200  # commits by which the floor is measured


def main(argv: list[str] | None = None) -> int:
    """Race, print, and return 0; an assertion ends it where a deploy was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deploys", type=int, default=9_000, help="in one repository")
    parser.add_argument("--remote-deploys", type=int, default=800, help="from clones, through pushes")
    parser.add_argument("--rounds", type=int, default=200, help="of promoters that decided on the same head")
    parser.add_argument("--writers", type=int, default=16)
    asked = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="mlgate-races-") as work:
        found = measure(Path(work), asked.deploys, asked.remote_deploys, asked.rounds, asked.writers)
    print(json.dumps(found, indent=2))
    return 0


def measure(work: Path, deploys: int, remote_deploys: int, rounds: int, writers: int) -> dict[str, float]:
    """Seconds of each race and what came of it."""
    origin = repository(work / "origin")
    started = time.perf_counter()
    local, _ = landed_by(race(deploy, [(str(origin), "", number, deploys // writers) for number in range(writers)]))
    seconds = time.perf_counter() - started
    landed = accounted(origin, "staging", local)
    bare, clones = work / "origin.git", [work / f"clone-{number}" for number in range(writers)]
    git(work, "clone", "-q", "--bare", str(repository(work / "other")), str(bare))
    for clone in clones:
        git(work, "clone", "-q", f"file://{bare}", str(clone))
    started = time.perf_counter()
    turns = remote_deploys // writers
    jobs = [(str(clone), "origin", number, turns) for number, clone in enumerate(clones)]
    remote, again = landed_by(race(deploy, jobs))
    remote_seconds = time.perf_counter() - started
    pushed = accounted(bare, "staging", remote)
    started = time.perf_counter()
    promoted = race(promote, [(str(origin), number, rounds) for number in range(writers)])
    promote_seconds = time.perf_counter() - started
    won, overtaken = sum(row[0] for row in promoted), sum(row[1] for row in promoted)
    assert won == len(Ledger(Project(origin)).entries("production")) - 1
    assert won + overtaken == rounds * writers
    floor = commits(work / "floor", min(SAMPLE, deploys)) / min(SAMPLE, deploys)
    return {
        "writers": writers,
        "deploys": landed,
        "deploys_s": round(seconds, 1),
        "deploy_ms": round(seconds / landed * 1000, 1),
        "empty_git_commit_ms": round(floor * 1000, 1),
        "deploy_to_empty_git_commit": round(seconds / landed / floor, 2),
        "pushed_deploys": pushed,
        "pushed_deploys_run_again": again,
        "pushed_deploys_s": round(remote_seconds, 1),
        "promotions_tried": rounds * writers,
        "promotions_won": won,
        "promotions_overtaken": overtaken,
        "promotions_s": round(promote_seconds, 1),
        "in_all": landed + pushed + rounds * writers,
        "lost": 0,
    }


def race(work: Any, jobs: Sequence[tuple[object, ...]]) -> list[Any]:
    """Each job in a process of its own, all at once."""
    with multiprocessing.get_context("spawn").Pool(len(jobs)) as pool:
        return pool.starmap(work, jobs, chunksize=1)


def deploy(root: str, remote: str, number: int, turns: int) -> tuple[list[str], int]:
    """Deploy `turns` releases one after the other; their versions, and how many writes lost for so long that they
    ended with "run the same verb again", which was done."""
    versions, again = [], 0
    for turn in range(turns):
        release = record(number, turn)
        while True:
            ledger = Ledger(Project(Path(root), chosen_remote=remote))
            try:
                ledger.write("staging", release, {"model.json": release.version.encode()}, f"deploy {turn}", {})
                break
            except InfraError as error:
                if error.mend != "run the same verb again":
                    raise
                again += 1
        versions.append(release.version)
    return versions, again


def landed_by(said: list[tuple[list[str], int]]) -> tuple[list[list[str]], int]:
    """The versions of each writer, and how often any of them had to run again."""
    return [versions for versions, _ in said], sum(again for _, again in said)


def promote(root: str, number: int, turns: int) -> tuple[int, int]:
    """Look, decide, write on what was seen; how often that won and how often another was faster."""
    won = overtaken = 0
    for turn in range(turns):
        ledger = Ledger(Project(Path(root), chosen_remote=""))
        seen = ledger.head("production")
        try:
            ledger.write("production", record(number, turn), {}, f"promote {turn}", {}, expected_parent=seen)
            won += 1
        except Overtaken:
            overtaken += 1
    return won, overtaken


def accounted(origin: Path, env: str, said: list[list[str]]) -> int:
    """How many deploys there were, after each was found once in the history, in the order of its writer."""
    entries = Ledger(Project(origin, chosen_remote="")).entries(env)[::-1]
    versions = [entry.release.version for entry in entries if entry.release]
    for writer in said:
        own = set(writer)
        assert [version for version in versions if version in own] == writer
    assert len(versions) == len(entries) == sum(len(writer) for writer in said)
    git(origin, "fsck", "--strict", "--no-dangling")
    print(f"{len(versions)} deploys landed in {origin.name}", file=sys.stderr, flush=True)
    return len(versions)


def record(number: int, turn: int) -> Release:
    digest = f"{number:04x}{turn:08x}".ljust(64, "0")
    return Release(
        model="race", version=digest[:12], image=f"sha256:{digest}", source_commit="c" * 40,
        data_digest="sha256:" + "d" * 64, model_digest=f"sha256:{digest}", holdout_digest="sha256:" + "e" * 64,
        holdout_rows=100, built="2026-01-01T00:00:00+00:00",
    )  # fmt: skip


def repository(folder: Path) -> Path:
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    git(folder, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "first")
    Ledger(Project(folder, chosen_remote="")).write("production", record(0xFFFF, 0), {}, "promote", {})
    return folder


def commits(folder: Path, count: int) -> float:
    repository(folder)
    started = time.perf_counter()
    for turn in range(count):
        git(folder, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", f"{turn}")
    return time.perf_counter() - started


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


if __name__ == "__main__":
    raise SystemExit(main())
