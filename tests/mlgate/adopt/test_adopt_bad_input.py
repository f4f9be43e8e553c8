"""Whatever is wrong with a table: the exit code, one message with what to do, no traceback, and nothing changed."""

from __future__ import annotations

import gzip
import itertools
import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from adopt_tables import loans, state
from knife import apart

from mlgate.adopt import swap

Adopt = Callable[..., tuple[int, str]]
GOOD = "x,y\n" + "".join(f"{n % 7},{n % 2}\n" for n in range(100))


def table(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"


def rows(changes: dict[int, str], header: str = "when,x,y") -> str:
    lines = [f"2024-01-{n % 28 + 1:02d},{n % 7},{n % 2}" for n in range(60)]
    for place, line in changes.items():
        lines[place] = line
    return table([header, *lines])


CASES: dict[str, tuple[str | bytes, list[str], int, list[str]]] = {
    "an empty file": ("", ["--target", "y"], 1, ["is empty", "header line"]),
    "a header only": ("x,y\n", ["--target", "y"], 1, ["header but no rows"]),
    "five rows": ("x,y\n1,0\n2,1\n3,0\n4,1\n5,0\n", ["--target", "y"], 1, ["5 rows", "at least 20"]),
    "a missing target": (GOOD, ["--target", "Y2"], 2, ["--target Y2", "no such column", "'y'"]),
    "an unknown delimiter": (GOOD.replace(",", "^"), ["--target", "y"], 1, ["one column only", "semicolon"]),
    "bytes that are no text": (b"x,y\n\x00\x01\x81\xff,1\n" * 40, ["--target", "y"], 1, ["binary", "CSV"]),
    "bytes of no encoding": (b"x,y\n" + b"\x81\x8d\x8f\x90\x9d,1\n" * 40, ["--target", "y"], 1, ["not UTF-8", "UTF-8"]),
    "few words of another alphabet": (
        "ид,y\n1,1\n".encode("koi8-r") * 40,
        ["--target", "y"],
        1,
        ["not UTF-8", "--encoding"],
    ),
    "an encoding that is none": (GOOD, ["--target", "y", "--encoding", "klingon"], 2, ["--encoding klingon"]),
    "an encoding that does not fit": (
        "ид,y\n1,1\n".encode("koi8-r"),
        ["--target", "y", "--encoding", "ascii"],
        1,
        ["ascii"],
    ),
    "two encodings in one file": (
        ("x,y,c\n" + "1,1,Süd\n" * 300_000).encode() + "2,0,Süd\n".encode("cp1252"),
        ["--target", "y"],
        1,
        ["UTF-8 at first"],
    ),
    "one class only": ("x,y\n" + "1,1\n" * 50, ["--target", "y"], 1, ["one class only"]),
    "a target without values": ("x,y\n" + "1,\n" * 50, ["--target", "y"], 1, ["no value in any row"]),
    "column names twice": ("x,x,y\n" + "1,2,1\n" * 50, ["--target", "y"], 1, ["more than once: x"]),
    "values as header": ("1,2,0\n" + "1,2,1\n" * 50, ["--target", "2"], 1, ["not column names", "header line"]),
    "a date that is none": (
        rows({16: "soon,1,1"}),
        ["--target", "y", "--time", "when"],
        1,
        ["'when'", "row 17", "'soon'"],
    ),
    "a missing date": (rows({4: ",1,1"}), ["--target", "y", "--time", "when"], 1, ["'when'", "row 5", "no value"]),
    "a word among numbers": (rows({6: "2024-01-01,abc,1"}), ["--target", "y"], 1, ["'x'", "row 7", "'abc'", "--drop"]),
    "an infinite value": (rows({6: "2024-01-01,inf,1"}), ["--target", "y"], 1, ["'x'", "row 7", "infinite"]),
    "a value that overflows": (rows({6: "2024-01-01,1e400,1"}), ["--target", "y"], 1, ["'x'", "row 7", "infinite"]),
    "an infinite target": (
        "x,y\n" + "".join(f"{n},{n / 3}\n" for n in range(60)) + "4,-inf\n",
        ["--target", "y"],
        1,
        ["'y'", "row 61", "infinite"],
    ),
    "a row with more cells": (rows({9: "2024-01-01,1,1,1"}), ["--target", "y"], 1, ["row 10", "4 cells"]),
    "the target as time": (rows({}), ["--target", "when", "--time", "when"], 2, ["--target", "--time"]),
    "the target as identifier": (rows({}), ["--target", "y", "--id", "y"], 2, ["--target", "--id"]),
    "a target of free text": (
        "x,y\n" + "".join(f"{n % 3},word{n}\n" for n in range(300)),
        ["--target", "y"],
        1,
        ["300 classes", "another --target"],
    ),
    "a class with one row": (GOOD + "3,2\n", ["--target", "y"], 1, ["class '2'", "1 rows"]),
    "nothing to learn from": ("x,y\n" + "5,0\n5,1\n" * 30, ["--target", "y"], 1, ["no column is left"]),
    "only a copy of the target": ("x,y\n" + "5,0\n6,1\n" * 30, ["--target", "y"], 1, ["leaks the target"]),
    "a positive class that is none": (GOOD, ["--target", "y", "--positive", "maybe"], 2, ["--positive maybe"]),
    "until without time": (GOOD, ["--target", "y", "--until", "2024-01-01"], 2, ["--until without --time"]),
    "a title above the header": ("Export of May\n\n" + GOOD, ["--target", "y"], 1, ["has one cell", "take titles"]),
    "classes in two spellings": (
        "x,y\n" + "1,Ja\n2,NEIN\n3,JA\n4,Nein\n" * 20,
        ["--target", "y"],
        1,
        ["differ in capitals alone", "'JA'", "--task classification"],
    ),
    "a torn gzip": (gzip.compress(GOOD.encode() * 50)[:-20], ["--target", "y"], 1, ["gzip"]),
    "an Excel file": (b"PK\x03\x04" + b"\x00" * 99, ["--target", "y"], 1, ["Excel", "CSV"]),
    "a torn Parquet file": (b"PAR1" + b"\x00" * 99, ["--target", "y"], 1, ["Parquet", "write it again"]),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_refused_with_one_message_and_nothing_changes(
    case: str, project: Path, adopt: Adopt, tmp_path: Path
) -> None:
    content, arguments, code, words = CASES[case]
    file = tmp_path / "table.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    before = state(project)
    found, said = adopt(file, *arguments)
    assert found == code, said
    for word in words:
        assert word in said
    assert said.count("error:") == 1
    assert "next:" in said
    assert "Traceback" not in said
    assert "a bug in mlgate" not in said
    assert state(project) == before


def test_a_missing_file_is_refused_with_the_closest_name(adopt: Adopt, tmp_path: Path) -> None:
    (tmp_path / "churn.csv").write_text(GOOD)
    code, said = adopt(tmp_path / "chrun.csv", "--target", "y")
    assert code == 2
    assert "does not exist" in said
    assert "'churn.csv'" in said


def test_case_26_a_million_columns_are_refused(adopt: Adopt, tmp_path: Path) -> None:
    wide = ",".join(f"c{n}" for n in range(1_000_000))
    (tmp_path / "wide.csv").write_text(f"{wide}\n{wide}\n")
    code, said = adopt(tmp_path / "wide.csv", "--target", "c1")
    assert code == 1
    assert "first line" in said
    (tmp_path / "wide.csv").write_text(table([",".join(f"c{n}" for n in range(3_000))] * 3))
    code, said = adopt(tmp_path / "wide.csv", "--target", "c1")
    assert code == 1
    assert "3,000 columns, more than 2,000" in said


BOUNDED = "import resource; resource.setrlimit(resource.RLIMIT_AS, (3 << 30,) * 2); from mlgate.cli import main; "


def test_case_26_bombs_are_refused_before_they_are_decoded_in_bounded_memory(project: Path, tmp_path: Path) -> None:
    assert resource.RLIMIT_AS
    sparse = tmp_path / "sparse.csv"
    sparse.write_text(GOOD)
    os.truncate(sparse, 8 << 30)
    packed = tmp_path / "bomb.csv.gz"
    with gzip.open(packed, "wb", compresslevel=1) as stream:
        for _ in range(90):
            stream.write(b"1,1\n" * (4 << 20) if _ else GOOD.encode())
    one = pa.DictionaryArray.from_arrays(pa.array(np.zeros(200_000, "int32")), pa.array(["a" * 1_000_000]))
    pq.write_table(pa.table({"x": one, "y": one}), tmp_path / "bomb.parquet", write_statistics=False)
    for file in (sparse, packed, tmp_path / "bomb.parquet"):
        words = f"{BOUNDED} raise SystemExit(main(['adopt', {str(file)!r}, '--target', 'y']))"
        done = subprocess.run([sys.executable, "-c", words], cwd=project, capture_output=True, text=True, check=False)
        assert done.returncode == 1, done.stderr
        assert "when decoded" in done.stderr or "more than" in done.stderr
        assert "Traceback" not in done.stderr


def test_uncommitted_changes_are_refused_unless_forced(project: Path, adopt: Adopt, tmp_path: Path) -> None:
    loans().to_csv(tmp_path / "loans.csv", index=False)
    (project / "src" / "model" / "features.py").write_text("MINE = 1\n")
    before = state(project)
    code, said = adopt(tmp_path / "loans.csv", "--target", "repaid?")
    assert code == 2
    assert "src/model/features.py" in said
    assert "--force" in said
    assert state(project) == before


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), OSError(30, "Read-only file system")])
def test_a_failure_half_way_restores_every_file(
    failure: BaseException, project: Path, adopt: Adopt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loans().to_csv(tmp_path / "loans.csv", index=False)
    written: list[Path] = []
    real = swap.write_atomic

    def breaks(path: Path, content: bytes) -> None:
        if len(written) == 4:
            monkeypatch.setattr(swap, "write_atomic", real)
            raise failure
        written.append(path)
        real(path, content)

    monkeypatch.setattr(swap, "write_atomic", breaks)
    before = state(project)
    code, said = adopt(tmp_path / "loans.csv", "--target", "repaid?")
    assert code == (130 if isinstance(failure, KeyboardInterrupt) else 3)
    assert "Traceback" not in said
    assert len(written) == 4
    assert state(project) == before


def killed(words: list[str], at: int | str) -> int:
    """Adopt in a process that ends itself in its `at`-th write of a file, or that of this name, half of it done."""
    turn, real = itertools.count(), os.fsync

    def fsync(descriptor: int) -> None:
        if at in (next(turn), Path(f"/proc/self/fd/{descriptor}").readlink().name.rpartition(".")[0]):
            os.ftruncate(descriptor, 3)
            os.kill(os.getpid(), signal.SIGKILL)
        real(descriptor)

    return apart(["adopt", *words], lambda: setattr(os, "fsync", fsync))


@pytest.mark.thorough
def test_case_18_a_kill_in_any_write_is_undone_by_the_next_run(project: Path, adopt: Adopt, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("x,y\n")
    loans().to_csv(tmp_path / "loans.csv", index=False)
    words, before = [str(tmp_path / "loans.csv"), "--target", "repaid?"], state(project)
    changed = 0
    for at in (3, ".paths.json", ".schema.py", ".params.yaml", ".README.md", ".raw.parquet", ".snapshot.json"):
        assert killed(words, at) == -signal.SIGKILL, at
        changed += state(project) != before
        assert adopt(tmp_path / "table.csv", "--target", "y")[0] == 1  # whatever runs mends first
        assert state(project) == before, at
    assert changed == 5
    assert killed(words, ".params.yaml") == -signal.SIGKILL
    assert killed(words, ".adopt.json") == -signal.SIGKILL  # all is done by then, the report is missing
    assert adopt(tmp_path / "table.csv", "--target", "y")[0] == 1
    done = state(project)
    assert not [path for path in done if re.search(r"\.[a-z0-9_]{8}$", path)]
    assert adopt(*words, "--force")[0] == 0
    assert {path for path, content in state(project).items() if done.get(path) != content} <= {"README.md"}


def test_what_was_edited_after_a_kill_is_not_undone(project: Path, adopt: Adopt, tmp_path: Path) -> None:
    loans().to_csv(tmp_path / "loans.csv", index=False)
    before = state(project)
    assert killed([str(tmp_path / "loans.csv"), "--target", "repaid?"], ".params.yaml") == -signal.SIGKILL
    assert state(project)["src/model/schema.py"] != before["src/model/schema.py"]
    (project / "src" / "model" / "schema.py").write_text("MINE = 1\n")
    (tmp_path / "table.csv").write_text("x,y\n")
    assert adopt(tmp_path / "table.csv", "--target", "y")[0] == 1
    assert state(project) == before | {"src/model/schema.py": b"MINE = 1\n"}


def test_a_read_only_repository_is_said_and_left_alone(project: Path, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text(GOOD)
    target = project / "reports"
    target.write_text("a file where the folder should be")
    command = [sys.executable, "-m", "mlgate", "adopt", str(tmp_path / "table.csv"), "--target", "nothing"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "cannot write" in done.stderr
    assert "Traceback" not in done.stderr


def test_infinite_values_in_parquet_are_named_as_well(adopt: Adopt, tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": np.arange(60.0), "y": np.arange(60) % 2})
    frame.loc[41, "x"] = np.inf
    frame.to_parquet(tmp_path / "table.parquet")
    code, said = adopt(tmp_path / "table.parquet", "--target", "y")
    assert code == 1
    assert "row 42" in said
