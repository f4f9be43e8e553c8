"""The fast path answers what the pipeline answers, and is off, with the reason, wherever it might not."""

from __future__ import annotations

import asyncio
import json
import math
import random
import re
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest
import yaml
from serving_bundle import read_params
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from mlgate.files import digest
from mlgate.gates.scoring import score
from mlgate.packing.release import ModelCard
from mlgate.serving.fast.agreement import PARTS, Fast, Subject, judge, mixed
from mlgate.serving.fast.framed import framing
from mlgate.serving.fast.lift import lift
from mlgate.serving.fast.not_lifted import NotLiftedError
from mlgate.serving.fast.switch import record, switch
from mlgate.serving.replica import Replica
from mlgate.serving.rows import Contract, RequestError
from mlgate.serving.runtime import Runtime
from mlgate.training import modelfile

FEATURES = ("kind", "place", "text", "x", "y", "z")
WORDS = ["late", "payment", "house", "car", "school"]


def table(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "kind": rng.choice([*"abcde"], rows),
            "place": rng.choice([f"place {n}" for n in range(60)], rows),
            "text": [" ".join(rng.choice(WORDS, 3)) for _ in range(rows)],
            "x": rng.normal(size=rows).round(3),
            "y": rng.normal(size=rows).round(3),
            "z": rng.integers(0, 5, rows).astype(float),
        }
    )
    for name in ("kind", "x", "z"):
        frame.loc[rng.random(rows) < 0.1, name] = np.nan
    return frame


def number(frame: pd.DataFrame) -> Any:
    x, y = frame["x"].fillna(1).to_numpy(), frame["y"].to_numpy()
    return x * y + y + (frame["kind"] == "a") + 0.3 * frame["z"].fillna(3)


TARGETS: dict[str, Callable[[Any], Any]] = {
    "binary": lambda z: (z > 0.5).astype(int),
    "multiclass": lambda z: np.digitize(z, [-0.5, 0.5, 1.5]),
    "regression": lambda z: z,
}


def trees(task: str) -> Any:
    kind = HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier
    codes = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan, max_categories=30
    )
    columns = [("codes", codes, ["kind", "place"]), ("numbers", "passthrough", ["x", "y", "z"])]
    columns.append(("words", TfidfVectorizer(max_features=5), "text"))
    model = kind(random_state=0, max_iter=30, categorical_features=[0, 1])
    return Pipeline([("columns", ColumnTransformer(columns, sparse_threshold=0.0)), ("model", model)])


def linear(task: str) -> Any:
    switches = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=30, sparse_output=False)
    scaled = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
    columns = ColumnTransformer([("switches", switches, ["kind", "place"]), ("numbers", scaled, ["x", "y", "z"])])
    return Pipeline([("columns", columns), ("model", Ridge() if task == "regression" else LogisticRegression())])


FITTED: dict[tuple[str, str], Any] = {}


def fitted(make: Callable[[str], Any], task: Any) -> Any:
    key = make.__name__, task
    if key not in FITTED:
        frame = table(1_500, 0)
        FITTED[key] = make(task).fit(frame, TARGETS[task](number(frame)))
    return FITTED[key]


def any_rows(number: int) -> list[dict[str, Any]]:
    """Valid rows as no training had them: missing, unknown, empty, at a bin's edge, far out."""
    rng = random.Random(number)
    edges = table(1_500, 0)[["x", "y"]].dropna().to_numpy().ravel().tolist()
    return [
        {
            "kind": rng.choice([*"abcde", None, "never seen", ""]),
            "place": f"place {rng.randrange(70)}",
            "text": " ".join(rng.choices([*WORDS, "other"], k=rng.randrange(4))),
            "x": rng.choice([None, rng.choice(edges), rng.gauss(0, 2), -0.0]),
            "y": rng.choice([rng.choice(edges), rng.gauss(0, 1), 1e6, -1e6, 5e-324]),
            "z": rng.choice([None, float(rng.randrange(-3, 9))]),
        }
        for _ in range(number)
    ]


@pytest.mark.parametrize("task", TARGETS)
@pytest.mark.parametrize("make", [trees, linear])
def test_any_valid_row_scores_as_in_the_pipeline(make: Callable[[str], Any], task: Any) -> None:
    pipeline, rows = fitted(make, task), any_rows(600)
    found = lift(pipeline, FEATURES, task)
    frame = pd.DataFrame(rows, columns=FEATURES).astype(dict.fromkeys("xyz", "float64"))
    ours = np.array([found(row_features(row)) for row in rows])
    np.testing.assert_allclose(ours, score(pipeline, frame, task), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("model", "named"),
    [(RandomForestClassifier(5), "RandomForestClassifier"), (make_pipeline(StandardScaler(), Ridge()), "Ridge")],
)
def test_a_pipeline_without_a_fast_equal_is_named(model: Any, named: str) -> None:
    frame = table(100, 0)[["y"]]
    with pytest.raises(NotLiftedError, match=named):
        lift(model.fit(frame, frame["y"] > 0), ("y",), "binary")


class Inputs(pa.DataFrameModel):
    id: int = pa.Field(ge=0, unique=True, metadata={"role": "identifier"})
    when: pd.Timestamp = pa.Field(metadata={"role": "time"})
    kind: str = pa.Field(nullable=True, metadata={"role": "feature"})
    place: str = pa.Field(metadata={"role": "feature"})
    text: str = pa.Field(metadata={"role": ("feature", "unlogged")})
    x: float = pa.Field(nullable=True, le=1e6, metadata={"role": "feature"})
    y: float = pa.Field(metadata={"role": "feature"})
    z: float = pa.Field(nullable=True, metadata={"role": "feature"})

    class Config:
        strict = True
        coerce = True


def features(rows: pd.DataFrame, history: pd.DataFrame | None) -> pd.DataFrame:
    return rows[list(FEATURES)].copy()


def row_features(row: dict[str, Any]) -> list[Any]:
    return [math.nan if row[name] is None and name in "xyz" else row[name] for name in FEATURES]


def code(**changes: Any) -> types.ModuleType:
    module = types.ModuleType("model.features")
    module.__dict__.update(FEATURES=FEATURES, HISTORY=None, features=features, row_features=row_features)
    module.__dict__.update(changes)
    return module


def requests(rows: int, seed: int) -> list[dict[str, Any]]:
    made = table(rows, seed).replace({np.nan: None}).to_dict("records")
    return [{"id": n, "when": f"2026-03-01T10:00:{n % 60:02}", **row} for n, row in enumerate(made)]


def subject(**changes: Any) -> Subject:
    return Subject(Contract(Inputs.to_schema(), 500), fitted(trees, "binary"), "binary", code(**changes))


def judged(**changes: Any) -> Fast:
    asked = subject(**changes)
    rows = asked.contract.read(json.dumps({"rows": requests(200, 5)}).encode())
    return judge(asked, rows, asked.inputs(asked.contract.frame(rows), None))


def test_what_agrees_is_on() -> None:
    found = judged()
    assert found.reasons == {}
    assert found.alone
    assert found.together
    assert found.rows == 200


def test_features_of_one_row_that_differ_are_off_by_name() -> None:
    def other(row: dict[str, Any]) -> list[Any]:
        return [*row_features(row)[:-1], 0.0 if row["z"] is None else row["z"]]

    found = judged(row_features=other)
    assert found.reasons == dict.fromkeys(("features", "frame"), "feature z differs")
    assert not found.alone
    assert found.pipeline is not None


def test_features_that_see_the_rows_beside_them_keep_requests_apart() -> None:
    def ranked(rows: pd.DataFrame, history: pd.DataFrame | None) -> pd.DataFrame:
        return features(rows, None).assign(y=rows["y"].rank())

    found = judged(features=ranked)
    assert found.reasons == dict.fromkeys(("features", "frame", "together"), "feature y differs")


def test_scores_that_differ_turn_the_lifted_pipeline_off(monkeypatch: pytest.MonkeyPatch) -> None:
    off_by_little = lambda *arguments: lambda values: lift(*arguments)(values) + 1e-6  # noqa: E731
    monkeypatch.setattr("mlgate.serving.fast.agreement.lift", off_by_little)
    assert "scores differ by 1e-06" in judged().reasons["pipeline"]


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        (lambda frame: frame["z"].astype("float32").astype(object), "feature z has dtype object"),
        (lambda frame: pd.to_datetime(frame["z"], unit="D"), "feature z has dtype datetime64"),
    ],
)
def test_a_column_that_no_value_gives_back_keeps_the_frame_of_features(column: Any, reason: str) -> None:
    with pytest.raises(NotLiftedError, match=re.escape(reason)):
        framing(table(5, 0).assign(z=column))


def test_a_frame_made_from_values_is_the_one_that_features_give() -> None:
    whole = table(40, 4).assign(
        n=np.arange(40), b=np.arange(40) % 3 == 0, f=np.float32(0.1), c=pd.Categorical([*"abcd"] * 10)
    )
    framed = framing(whole)
    for at in range(len(whole)):
        own = whole.iloc[[at]].reset_index(drop=True)
        pd.testing.assert_frame_equal(
            framed([column.tolist()[0] for _, column in own.items()]), own, check_column_type=False
        )


def test_values_or_scores_that_differ_in_a_frame_made_from_values_turn_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        rounded = lambda like: lambda values: framing(like)(values).round(1)  # noqa: E731
        patch.setattr("mlgate.serving.fast.agreement.framing", rounded)
        assert judged().reasons == {"frame": "feature x differs"}
    by_name = lambda model, inputs, task: np.full(len(inputs), float(inputs.columns.dtype == object))  # noqa: E731
    monkeypatch.setattr("mlgate.serving.fast.agreement.score", by_name)
    assert judged().reasons["frame"] == "scores differ in a frame made from values"


def test_code_that_raises_is_off_and_not_an_error() -> None:
    reason = "KeyError, see the log"
    assert judged(row_features=lambda row: row["nothing"]).reasons == {"features": reason, "frame": reason}


def test_rows_are_mixed_of_values_given_of_nothing_and_of_words_never_seen() -> None:
    contract = Contract(Inputs.to_schema(), 500)
    given_rows = contract.read(json.dumps({"rows": requests(3, 1)}).encode())
    rows = mixed(given_rows, contract, 200)
    assert {row["y"] for row in rows} == {row["y"] for row in given_rows}
    assert None in {row["kind"] for row in rows}
    assert None not in {row["text"] for row in rows}
    assert len({row["kind"] for row in rows} - {row["kind"] for row in given_rows}) >= 1


def bundle(root: Path, **serving: Any) -> Path:
    """A release of the table above; its code stands in `sys.modules`."""
    params = read_params(**serving)
    params["data"] = {"task": "binary", "target": "t", "positive": 1, "id": "id", "time": "when", "cluster": None}
    artifacts = root / "artifacts"
    artifacts.mkdir(parents=True)
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    path = modelfile.save(fitted(trees, "binary"), artifacts)
    zeros = "sha256:" + "0" * 64
    card = ModelCard(
        model="m", file=path.name, format="skops", digest=digest(path), inputs=zeros, estimator="Pipeline",
        task="binary", classes=["no", "yes"], features=list(FEATURES), train_rows=1, train_digest=zeros,
        data_digest=zeros, holdout_digest=zeros, holdout_rows=200,
    )  # fmt: skip
    (artifacts / "model.json").write_text(card.model_dump_json())
    (artifacts / "golden.json").write_text(json.dumps({"rows": requests(20, 9), "scores": []}))
    (artifacts / "fast.json").write_text(record(card, judged()).model_dump_json())
    return root


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Runtime]]:
    """`load(name, code)`: a runtime of the bundle, with a log of its own."""
    opened: list[Runtime] = []
    schema = types.ModuleType("model.schema")
    schema.Inputs = Inputs  # type: ignore[attr-defined]

    def _load(name: str = "one", module: types.ModuleType | None = None, **serving: Any) -> Runtime:
        import model

        for part, stand_in in (("features", module or code()), ("schema", schema), ("model", types.ModuleType("m"))):
            monkeypatch.setitem(sys.modules, f"model.{part}", stand_in)
            monkeypatch.setattr(model, part, stand_in, raising=False)
        monkeypatch.setenv("MLGATE_ENVIRONMENT_STATE", str(tmp_path / name / "state"))
        monkeypatch.setenv("MLGATE_PSEUDONYM_KEY", "a key for tests, long enough")
        root = tmp_path / name / "bundle"
        opened.append(Runtime(root if root.exists() else bundle(root, **serving)))
        return opened[-1]

    yield _load
    for runtime in opened:
        runtime.close()


def body(*rows: dict[str, Any]) -> bytes:
    return json.dumps({"rows": rows}).encode()


def logged(runtime: Runtime) -> list[dict[str, Any]]:
    runtime.flush()
    assert runtime.state is not None
    files = (runtime.state / "predictions").glob("*.jsonl")
    lines = [json.loads(line) for path in files for line in path.read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "time"} for line in lines]


def test_answers_and_log_are_the_same_with_and_without_frames(load: Callable[..., Runtime]) -> None:
    fast, slow = load("fast"), load("slow", fast=False)
    assert fast.fast.reasons == {}
    assert slow.fast.reasons == dict.fromkeys(("pipeline", "features", "frame"), "serving.fast is off")
    for row in requests(40, 11):
        assert slow.predict_alone(body(row)) is None
        done = fast.predict_alone(body(row))
        assert done is not None
        expected = slow.predict(body(row))
        assert json.loads(done[0]) == json.loads(expected[0])
        done[1]()
        expected[1]()
    assert logged(fast) == logged(slow)
    assert len(logged(fast)) == 40
    assert {frozenset(line["features"]) for line in logged(fast)} == {frozenset(FEATURES) - {"text"}}, "free text"


def test_without_a_lifted_pipeline_one_row_is_framed_from_its_values(
    load: Callable[..., Runtime], tmp_path: Path
) -> None:
    seen: list[int] = []

    def watched(rows: pd.DataFrame, history: pd.DataFrame | None) -> pd.DataFrame:
        seen.append(len(rows))
        return features(rows, history)

    _edit(bundle(tmp_path / "framed" / "bundle") / "artifacts" / "fast.json", off={"pipeline": "of no such kind"})
    framed, slow = load("framed", code(features=watched)), load("slow", fast=False)
    assert framed.fast.reasons == {"pipeline": "of no such kind"}
    seen.clear()
    for row in requests(40, 11):
        assert framed.predict_alone(body(row)) is None
        (answer, log), (expected, log_too) = framed.predict(body(row)), slow.predict(body(row))
        assert answer == expected, "to the last bit: scikit-learn's own score"
        log()
        log_too()
    assert seen == [], "the two frames before it are not made"
    assert logged(framed) == logged(slow)
    framed.fast.frame = lambda values: 1 / 0  # type: ignore[assignment,return-value]
    assert json.loads(framed.predict(body(row))[0]) == json.loads(slow.predict(body(row))[0])
    assert seen == [1], "where it fails, it is made as ever"


BAD = [
    b"",
    b"{}",
    b'{"rows": []}',
    b'{"rows": [1]}',
    body({**requests(1, 0)[0], "x": 1e7}),
    body({**requests(1, 0)[0], "more": 1}),
    body({**requests(1, 0)[0], "kind": 5}),
    body({**requests(1, 0)[0], "y": None}),
    body(requests(1, 0)[0]).replace(b'"id": 0', b'"id": 0, "id": 0'),
    body({**requests(1, 0)[0], "y": "@"}).replace(b'"@"', b"NaN"),
    body({**requests(1, 0)[0], "when": "2300-01-01T00:00:00"}),
]


@pytest.mark.parametrize("content", BAD)
def test_case_27_a_bad_row_is_refused_in_the_same_words(load: Callable[..., Runtime], content: bytes) -> None:
    runtime = load()
    refusals = []
    for ask in (runtime.predict_alone, runtime.predict):
        with pytest.raises(RequestError) as refused:
            ask(content)
        refusals.append((refused.value.status, refused.value.body()))
    assert refusals[0] == refusals[1]
    together = runtime.predict_together([(content, False), (body(requests(1, 0)[0]), False)])
    assert isinstance(together[0], RequestError)
    assert (together[0].status, together[0].body()) == refusals[0]
    assert isinstance(together[1], tuple)


def test_several_rows_and_what_the_fast_path_cannot_do_are_left_to_the_frame(load: Callable[..., Runtime]) -> None:
    runtime = load()
    assert runtime.predict_alone(body(*requests(2, 0))) is None
    runtime.fast.row = lambda row: [1 / 0]
    assert runtime.predict_alone(body(requests(1, 0)[0])) is None
    runtime.fast.row, runtime.fast.pipeline = row_features, lambda values: math.nan
    assert runtime.predict_alone(body(requests(1, 0)[0])) is None
    assert json.loads(runtime.predict(body(requests(1, 0)[0]))[0])["predictions"][0]["score"] > 0


def test_requests_that_waited_share_a_frame_and_get_their_own_answers(load: Callable[..., Runtime]) -> None:
    seen: list[int] = []

    def watched(rows: pd.DataFrame, history: pd.DataFrame | None) -> pd.DataFrame:
        seen.append(len(rows))
        return features(rows, history)

    runtime = load(module=code(features=watched))
    rows = requests(30, 3)
    asked = [(body(*rows[n : n + 1 + n % 3]), False) for n in range(0, 27, 3)]
    alone = [json.loads(runtime.predict(content)[0]) for content, _ in asked]
    seen.clear()
    together = runtime.predict_together(asked)
    assert seen == [sum(len(answer["predictions"]) for answer in alone)]
    for one, other in zip(alone, together, strict=True):
        assert isinstance(other, tuple)
        answers = json.loads(other[0])["predictions"]
        assert [answer["id"] for answer in answers] == [answer["id"] for answer in one["predictions"]]
        for ours, theirs in zip(answers, one["predictions"], strict=True):
            assert ours["score"] == pytest.approx(theirs["score"], abs=1e-9)


def test_a_request_that_breaks_the_features_costs_only_itself(load: Callable[..., Runtime]) -> None:
    def fragile(rows: pd.DataFrame, history: pd.DataFrame | None) -> pd.DataFrame:
        if (rows["y"] == 13.0).any():
            raise ValueError("thirteen")
        return features(rows, history)

    runtime = load(module=code(features=fragile))
    good, bad = requests(1, 0)[0], {**requests(1, 0)[0], "y": 13.0}
    answers = runtime.predict_together([(body(row), False) for row in (good, bad, good)])
    assert [type(answer).__name__ for answer in answers] == ["tuple", "ValueError", "tuple"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda path: path.unlink(), "the release has no fast.json"),
        (lambda path: path.write_text("{}"), "fast.json is not a record of agreement"),
        (lambda path: _edit(path, model_digest="sha256:" + "1" * 64), "fast.json tells of another model"),
        (lambda path: _edit(path, worst=1e-3), "fast.json tells of no agreement"),
        (lambda path: _edit(path, rows=0), "fast.json tells of no agreement"),
    ],
)
def test_without_a_record_of_this_model_on_the_holdout_nothing_is_on(
    load: Callable[..., Runtime], tmp_path: Path, change: Callable[[Path], Any], reason: str
) -> None:
    change(bundle(tmp_path / "one" / "bundle") / "artifacts" / "fast.json")
    runtime = load()
    assert runtime.fast.reasons == dict.fromkeys(PARTS, reason)
    assert runtime.predict_alone(body(requests(1, 0)[0])) is None


def _edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_part_that_was_off_on_the_holdout_stays_off(tmp_path: Path) -> None:
    root, asked = bundle(tmp_path / "b"), subject()
    _edit(root / "artifacts" / "fast.json", off={"features": "feature z differs"})
    card = ModelCard.model_validate_json((root / "artifacts" / "model.json").read_bytes())
    golden = asked.contract.read(json.dumps({"rows": requests(20, 9)}).encode())
    found = switch(asked, card, root / "artifacts", golden, None)
    assert found.reasons == {"features": "feature z differs"}
    assert found.row is None


def test_a_copy_answers_one_row_at_once_and_more_from_its_thread(load: Callable[..., Runtime]) -> None:
    replica = Replica()
    replica.runtime = load()
    rows = requests(6, 2)

    async def ask() -> list[tuple[int, bytes]]:
        contents = [body(rows[0]), body(*rows), b"{", *(body(row) for row in rows)]
        got = await asyncio.gather(*(replica.predict(c, False) for c in contents), return_exceptions=True)
        return [(g.status, b"") if isinstance(g, RequestError) else g for g in got]

    answers = asyncio.run(ask())
    assert [status for status, _ in answers] == [200, 200, 400] + [200] * 6
    together = [answer["score"] for answer in json.loads(answers[1][1])["predictions"]]
    assert together == pytest.approx([json.loads(b)["predictions"][0]["score"] for _, b in answers[3:]], abs=1e-9)
    assert len(logged(replica.runtime)) == 13
    replica.close()
