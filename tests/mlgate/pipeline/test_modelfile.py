"""The model file is data: what could run code, climb out or lie about itself is refused before it is loaded."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import json
import ntpath
import os
import pickle
import posixpath
import sys
import types
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from mlgate.errors import DataError
from mlgate.training import modelfile


class Canary:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def fitted() -> Any:
    rows = np.random.default_rng(0).normal(size=(200, 3))
    return make_pipeline(StandardScaler(), HistGradientBoostingClassifier(max_iter=5, random_state=0)).fit(
        rows, rows[:, 0] > 0
    )


@pytest.fixture
def declare(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """Stands in for the user's `src/model/model.py`."""
    module = types.ModuleType("model.model")
    monkeypatch.setitem(sys.modules, "model.model", module)
    return module


@pytest.fixture
def content(tmp_path: Path, declare: types.ModuleType) -> bytes:
    return modelfile.save(fitted(), tmp_path).read_bytes()


def parts_by(parts: list[str]) -> Callable[[str], str]:
    return lambda mark: mark.join(parts) or "."


def refused(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(DataError) as error:
        modelfile.load(path, digest(content))
    return str(error.value)


def test_a_model_comes_back_as_it_was_and_the_same_model_gives_the_same_bytes(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.skops"
    rows = np.random.default_rng(1).normal(size=(50, 3))
    assert np.array_equal(modelfile.load(path, digest(content)).predict_proba(rows), fitted().predict_proba(rows))
    again = tmp_path / "again"
    again.mkdir()
    assert modelfile.save(fitted(), again).read_bytes() == content


def test_boosted_trees_that_know_categories_come_back_as_they_were(tmp_path: Path, declare: types.ModuleType) -> None:
    rng = np.random.default_rng(0)
    rows = np.column_stack([rng.integers(0, 5, 200), rng.normal(size=200)]).astype(float)
    trees = HistGradientBoostingClassifier(max_iter=5, random_state=0, categorical_features=[0])
    trees.fit(rows, rows[:, 0] > rows[:, 1])
    path = modelfile.save(trees, tmp_path)
    loaded = modelfile.load(path, digest(path.read_bytes()))
    assert np.array_equal(loaded.predict_proba(rows), trees.predict_proba(rows))


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_case_5_a_pickle_in_the_models_place_is_refused_by_its_first_bytes(
    tmp_path: Path, declare: types.ModuleType, protocol: int
) -> None:
    canary = tmp_path / "canary"
    said = refused(tmp_path / "model.skops", pickle.dumps(Canary(canary), protocol))
    assert "first bytes" in said
    assert not canary.exists()


def test_case_5_a_pickle_named_joblib_is_refused_unless_the_code_declares_that_format(
    tmp_path: Path, declare: Any
) -> None:
    canary, path = tmp_path / "canary", tmp_path / "model.joblib"
    refused(path, pickle.dumps(Canary(canary)))
    assert not canary.exists()
    declare.MODEL_FORMAT = "joblib"
    written = modelfile.save(fitted(), tmp_path)
    assert modelfile.load(written, digest(written.read_bytes())).predict([[1.0, 0.0, 0.0]])[0]


def test_a_file_with_another_digest_is_not_loaded(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.skops"
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(DataError, match="digest differs"):
        modelfile.load(path, digest(content))


def test_case_6_a_type_outside_the_allow_list_is_refused_and_named(tmp_path: Path, declare: Any) -> None:
    with pytest.raises(DataError, match=r"allow-list: numpy\.testing"):
        modelfile.save(make_pipeline(FunctionTransformer(np.testing.assert_array_equal)), tmp_path)
    assert not (tmp_path / "model.skops").exists()


def test_case_6_a_partial_is_judged_by_the_function_that_it_holds(tmp_path: Path, declare: types.ModuleType) -> None:
    with pytest.raises(DataError, match=r"allow-list: \w+\.system$"):
        modelfile.save(make_pipeline(FunctionTransformer(functools.partial(os.system))), tmp_path)


def test_case_6_metadata_that_claims_trust_does_not_extend_the_list(tmp_path: Path, content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(members["schema.json"])
    schema["trusted"] = ["os.system", "builtins.eval"]
    schema["content"]["content"]["verbose"] = {
        "__class__": "system",
        "__module__": "os",
        "__loader__": "FunctionNode",
        "content": {"module_path": "os", "function": "system"},
    }
    members["schema.json"] = json.dumps(schema).encode()
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    assert "outside the allow-list: os.system" in refused(tmp_path / "forged.skops", stream.getvalue())


def test_a_type_named_in_the_users_own_code_is_trusted(tmp_path: Path, declare: Any) -> None:
    model = make_pipeline(FunctionTransformer(np.testing.assert_array_equal), StandardScaler())
    with pytest.raises(DataError, match="allow-list"):
        modelfile.save(model, tmp_path)
    declare.TRUSTED_TYPES = ("numpy.testing.assert_array_equal", "numpy.testing._private.utils.assert_array_equal")
    assert modelfile.save(model, tmp_path).is_file()


@pytest.mark.parametrize("name", ["../evil.npy", "/etc/evil", "a/../../evil", "..\\evil", "C:evil"])
def test_case_9_a_member_that_climbs_out_is_refused(tmp_path: Path, declare: types.ModuleType, name: str) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("schema.json", "{}")
        archive.writestr(name, b"x")
    assert "climbs out" in refused(tmp_path / "model.skops", stream.getvalue())


PARTS = st.sampled_from(
    ["..", ".", "", "~", "C:", "a", "schema.json", "\\", "/", "...", " ", "a:b", "nul", "\u2025", "ü"]
)
NAMES = st.lists(PARTS, min_size=1, max_size=5).flatmap(
    lambda parts: st.sampled_from(["/", "\\", ""]).map(parts_by(parts))
)


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=12)


@given(names=st.lists(NAMES | TEXT, min_size=1, max_size=4, unique=True))
@settings(max_examples=300, deadline=None)
def test_case_9_whatever_its_members_are_called_an_archive_that_passes_writes_nothing_outside(names: list[str]) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("schema.json", "{}")
        for name in set(names) - {"schema.json"}:
            archive.writestr(name, b"x")
    with contextlib.suppress(DataError):
        modelfile.check_members(stream.getvalue(), "model.skops")
        with zipfile.ZipFile(stream) as archive:
            for name in archive.namelist():
                for root, kind in ((PurePosixPath("/a/b"), posixpath), (PureWindowsPath("C:/a/b"), ntpath)):
                    there = type(root)(kind.normpath(str(root / name)))
                    assert there.is_relative_to(root), name


def test_an_archive_that_unpacks_to_more_than_the_limit_is_refused(
    tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(modelfile, "MAX_BYTES", 1000)
    assert "unpacks to more" in refused(tmp_path / "model.skops", content)


def test_a_torn_file_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    assert "damaged archive" in refused(tmp_path / "model.skops", content[: len(content) // 2])
