"""Killed, interrupted, out of disk: what a verb leaves is the old state or the new one, and running it again mends."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from small_world import rows

from mlgate.errors import InfraError
from mlgate.folder import recover, replacement
from mlgate.packing.release import check_release, read_card

Call = Callable[..., tuple[int, str]]
Process = subprocess.Popen[bytes]


HELD = """
import sys, time
from mlgate.cli import main
from mlgate.training import modelfile
save = modelfile.save
def held(*arguments):
    save(*arguments)
    time.sleep(600)
modelfile.save = held
sys.exit(main(sys.argv[1:]))
"""


def start(folder: Path, environ: dict[str, str], *words: str, by: tuple[str, ...] = ("-m", "mlgate")) -> Process:
    env = environ | {"PYTHONPATH": str(folder / "src"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *by, *words]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, cwd=folder, env=env, stdout=quiet, stderr=quiet, start_new_session=True)


def end_when(process: Process, sign: int, seen: Callable[[], bool]) -> None:
    """Send `sign` to the process and its children as soon as `seen`, which a verb's own files make true."""
    limit = time.monotonic() + 120
    while not seen() and process.poll() is None and time.monotonic() < limit:
        time.sleep(0.001)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, sign)
    process.wait(60)


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_case_18_train_ended_while_it_writes_leaves_the_former_model(
    project: Path, environ: dict[str, str], call: Call, sign: int
) -> None:
    former = read_card(project / "models")
    params = project / "params.yaml"
    params.write_text(params.read_text().replace("max_iter: 20", "max_iter: 22"))
    running = start(project, environ, "train", by=("-c", HELD))  # it stays between the first file and the last
    end_when(running, sign, lambda: any(project.glob(".models.new.*/*")))
    assert read_card(project / "models").digest == former.digest
    assert call(project, "train")[0] == 0
    assert read_card(project / "models").digest != former.digest
    assert not list(project.glob(".models.*"))


def test_case_18_ingest_killed_leaves_a_whole_snapshot(project: Path, environ: dict[str, str], call: Call) -> None:
    path = project / "data" / "raw.parquet"
    old, stamp = len(rows(project)), path.stat().st_mtime_ns
    running = start(project, environ, "ingest", "--until", "2026-04-04")
    end_when(running, signal.SIGKILL, lambda: path.stat().st_mtime_ns != stamp)
    assert len(rows(project)) >= old
    assert call(project, "ingest", "--until", "2026-04-04")[0] == 0
    assert "04-04" in (project / "data" / "snapshot.json").read_text()
    assert len(rows(project)) > old


@pytest.mark.parametrize("words", [("ingest", "--until", "2026-04-04"), ("train",)])
def test_case_18_a_dvc_killed_as_it_writes_dvc_lock_in_place_is_mended_by_a_rerun(
    project: Path, call: Call, words: tuple[str, ...]
) -> None:
    lock = project / "dvc.lock"
    whole = lock.read_text()
    for half in ("", whole[:60]):
        lock.write_text(half)
        assert call(project, *words)[0] == 0
        said = yaml.safe_load(lock.read_text())
        assert list(said["stages"]) == list(yaml.safe_load(whole)["stages"])
        if words == ("train",):
            assert lock.read_text() == whole


def test_case_18_package_killed_leaves_no_half_release(project: Path, environ: dict[str, str], call: Call) -> None:
    state = project / ".mlgate"
    end_when(start(project, environ, "package"), signal.SIGKILL, lambda: any(state.glob(".package.*/bento/src")))
    for folder in (state / "releases").glob("*"):
        check_release(folder)
    assert call(project, "package")[0] == 0
    (folder,) = (state / "releases").iterdir()
    check_release(folder)
    assert not list(state.glob(".package.*"))


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte, where this machine lets us mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("mounting a small file system needs root")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def test_case_19_a_full_disk_is_exit_3_and_the_former_folder_stays(tiny_disk: Path) -> None:
    target = tiny_disk / "models"
    target.mkdir()
    (target / "model.skops").write_bytes(b"former")
    with pytest.raises(InfraError, match="No space left"), replacement(target) as folder:
        (folder / "model.skops").write_bytes(b"x" * 2_000_000)
    assert (target / "model.skops").read_bytes() == b"former"
    assert [path.name for path in tiny_disk.iterdir()] == ["models"]


def test_case_19_ingest_on_a_full_disk_says_so_and_keeps_the_snapshot(
    project: Path, tiny_disk: Path, call: Call
) -> None:
    shutil.copytree(project / "data", tiny_disk / "data", dirs_exist_ok=True)
    content = (project / "data" / "raw.parquet").read_bytes()
    subprocess.run(["mount", "--bind", tiny_disk / "data", project / "data"], check=True)
    try:
        with contextlib.suppress(OSError):
            (project / "data" / "ballast").write_bytes(b"x" * 2_000_000)
        code, said = call(project, "ingest", "--until", "2026-04-20")
        assert (code, "No space left" in said) == (3, True)
        assert (project / "data" / "raw.parquet").read_bytes() == content
    finally:
        subprocess.run(["umount", "-l", project / "data"], check=True)


def test_case_19_a_read_only_folder_is_exit_3(tiny_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", tiny_disk], check=True)
    with pytest.raises(InfraError, match="Read-only"), replacement(tiny_disk / "models"):
        pass


def test_a_folder_set_aside_by_a_killed_run_is_put_back(tmp_path: Path) -> None:
    (tmp_path / ".models.old").mkdir()
    (tmp_path / ".models.old" / "model.skops").write_bytes(b"former")
    (tmp_path / ".models.new.x1").mkdir()
    recover(tmp_path / "models")
    assert (tmp_path / "models" / "model.skops").read_bytes() == b"former"
    assert [path.name for path in tmp_path.iterdir()] == ["models"]


def test_a_replacement_that_fails_leaves_the_former_folder(tmp_path: Path) -> None:
    target = tmp_path / "models"
    for content in (b"first", b"second"):
        with replacement(target) as folder:
            (folder / "a").write_bytes(content)
    with contextlib.suppress(KeyboardInterrupt), replacement(target) as folder:
        (folder / "a").write_bytes(b"third")
        raise KeyboardInterrupt
    assert (target / "a").read_bytes() == b"second"
    assert [path.name for path in tmp_path.iterdir()] == ["models"]
