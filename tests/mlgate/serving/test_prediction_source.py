"""The prediction log of a service that runs elsewhere, read from a folder or a store; never a silent nothing."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import fsspec
import pytest

from mlgate.errors import ConfigError, InfraError
from mlgate.serving.prediction_read import frame, read
from mlgate.serving.prediction_source import files, here, recent


def line(row: int, hour: int) -> str:
    said = {"time": f"2026-05-01T{hour:02}:00:00", "event_time": None, "version": "0" * 12, "data_digest": "",
            "row": f"{row:032x}", "score": row / 10, "features": {"amount": float(row)}}  # fmt: skip
    return json.dumps(said) + "\n"


def test_a_folder_for_each_environment_is_read_like_the_machines_own(tmp_path: Path) -> None:
    folder = tmp_path / "logs" / "production"
    folder.mkdir(parents=True)
    (folder / "a.jsonl").write_text(line(1, 1) + line(2, 2))
    (folder / "b.jsonl").write_text(line(3, 3))
    (tmp_path / "logs" / "staging").mkdir()
    (tmp_path / "logs" / "staging" / "a.jsonl").write_text(line(9, 9))
    found = frame(files(f"{tmp_path}/logs/{{environment}}", "production"))
    assert found.equals(read(folder))
    assert found["score"].tolist() == [0.1, 0.2, 0.3]


def test_folders_below_are_read_in_order_as_days_and_replicas_make_them(tmp_path: Path) -> None:
    for name, hour in (("2026-05-02/one", 5), ("2026-05-01/two", 3), ("2026-05-01/one", 1)):
        path = tmp_path / f"{name}.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_text(line(hour, hour))
    assert frame(files(str(tmp_path), "production"))["score"].tolist() == [0.1, 0.3, 0.5]


def test_a_store_with_a_driver_is_read_by_url() -> None:
    with fsspec.open("memory://bucket/production/a.jsonl", "w") as stream:
        stream.write(line(1, 1))
    assert len(frame(files("memory://bucket/{environment}", "production"))) == 1
    assert len(frame(files("memory://bucket/{environment}", "staging"))) == 0


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert len(frame(files(str(tmp_path / "nowhere"), "production"))) == 0


@pytest.mark.parametrize(("url", "words"), [("gs://bucket/log", "gcsfs"), ("nonsense://x", "driver")])
def test_a_store_without_a_driver_names_the_package(url: str, words: str) -> None:
    with pytest.raises(ConfigError, match=r"monitor\.source") as caught:
        list(files(url, "production"))
    assert words in caught.value.mend


def test_a_store_that_refuses_is_outside_and_keeps_its_password() -> None:
    with pytest.raises(InfraError, match="can't be read") as caught:
        list(files("http://someone:secret@127.0.0.1:9/log", "production"))
    assert "secret" not in str(caught.value)


def test_days_that_are_over_are_not_read_but_for_the_newest_of_them(tmp_path: Path) -> None:
    """An age-old log costs nothing, and an environment that fell silent is not taken for one that never spoke."""
    days = [f"2026-04-{day:02}" for day in range(1, 31)]
    for day in days:
        (tmp_path / f"{day}-7-0123abcd.jsonl").write_text(line(int(day[-2:]), 1))
    (tmp_path / "2026-04-01-export.jsonl").write_text(line(99, 1))  # somebody else's name says nothing of its content
    since = datetime(2026, 4, 28, 12)
    for content in (files(str(tmp_path), "production", since), here(tmp_path, since)):
        assert frame(content)["score"].tolist() == [9.9, 2.7, 2.8, 2.9, 3.0]
    assert len(frame(here(tmp_path))) == 31
    assert recent(["a/2026-04-01-1-0123abcd.jsonl", "2026-99-99-1-0123abcd.jsonl"], datetime(2027, 1, 1)) == [
        "a/2026-04-01-1-0123abcd.jsonl",
        "2026-99-99-1-0123abcd.jsonl",
    ]


def test_a_file_that_is_rotated_away_meanwhile_ends_nothing(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"{name}.jsonl").write_text(line(ord(name) - 96, 1))
    for content in (files(str(tmp_path), "production"), here(tmp_path)):
        first = next(content)
        (tmp_path / "b.jsonl").unlink(missing_ok=True)
        assert frame([first, *content])["score"].tolist() == [0.1, 0.3]
        (tmp_path / "b.jsonl").write_text(line(2, 1))
