"""The prediction log of a service that runs elsewhere, read from a folder or a store; never a silent nothing."""

from __future__ import annotations

import json
from pathlib import Path

import fsspec
import pytest

from mlgate.errors import ConfigError, InfraError
from mlgate.serving.prediction_read import frame, read
from mlgate.serving.prediction_source import files


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
