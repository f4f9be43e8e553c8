"""The generated `data.py`, `schema.py` and tests: plain code that a person would have written."""

from __future__ import annotations

import re
from typing import Any

from mlgate.adopt.code_model import groups_of
from mlgate.adopt.code_text import WIDTH, literal, render
from mlgate.adopt.columns import Column, Findings

PREDICTION = literal("prediction")
COUNTED = re.compile(
    r"(^|_)(counts?|num|number|n|qty|quantity|age|length|width|height|weight|area|radius|perimeter|size|distance|"
    r"duration|seconds|minutes|hours|days|years|pixels?|period|share|demand)(_|$)"
)


def data(found: Findings, file: str) -> str:
    time = found.by_role("time")
    every = [*found.columns, found.target]
    left_out = "".join(f"    {literal(name)}: {literal(why)},\n" for name, why in found.left_out.items())
    return render(
        "data",
        {"time"} if time else set(),
        {
            "file": file,
            "delimiter": literal(found.layout.delimiter) if found.layout.delimiter != "\t" else '"\\t"',
            "encoding": literal(found.layout.encoding),
            "decimal": literal(found.layout.decimal),
            "target": literal(found.target.name),
            "time": literal(time.name) if time else "",
            "columns": "\n".join(f"    {literal(c.name)}: FileColumn({_place(c)})," for c in every),
            "left_out": f"{{\n{left_out}}}" if left_out else "{}",
            "order": "by time" if time else "in the file's order",
            "until_words": "Rows before this moment; else before `params.data.source.until`, if it is set."
            if time
            else "Without a time column there is nothing to cut by: every row is taken.",
        },
    )


def _place(column: Column) -> str:
    form = f", {literal(column.form)}" if column.form else ""
    return f"{literal(column.source)}, {literal(column.kind)}{form}"


def schema(found: Findings, file: str, owner: str) -> str:
    target = found.target
    isin = {} if found.task == "regression" else {"isin": _list(found.classes)}
    words = "What the model predicts" + (
        f"; {found.classes[1]!r} is the positive class" if found.task == "binary" else ""
    )
    key = found.by_role("identifier")
    answer = [_field(key, {}, "The row asked about")] if key else []
    if found.task == "regression":
        answer.append(_text("prediction", "float", {}, f"Predicted {target.name}", PREDICTION))
    elif found.task == "binary":
        answer.append(
            _text("score", "float", {"ge": "0", "le": "1"}, f"Probability of {found.classes[1]!r}", PREDICTION)
        )
    else:
        answer.append(_text("label", _type(target), isin, "The likeliest class", PREDICTION))
        for number, label in enumerate(found.classes):
            limits = {"ge": "0", "le": "1"}
            answer.append(_text(f"score_{number}", "float", limits, f"Probability of {label!r}", PREDICTION))
    return render(
        "schema",
        {"moments"} if any(c.kind == "moment" for c in found.columns) else set(),
        {
            "file": file,
            "owner": literal(owner),
            "inputs": "\n".join(_field(c, _bounds(c), _words(c)) for c in found.columns) + "\n",
            "target": _field(target, isin, words) + "\n",
            "predictions": "\n".join(answer) + "\n",
        },
    )


def _field(column: Column, checks: dict[str, str], words: str) -> str:
    extra = {"nullable": "True"} if column.nullable else {}
    roles = f'("{column.role}", "unlogged")' if column.part == "text" else literal(column.role)
    return _text(column.name, _type(column), {**extra, **checks}, words, roles)


def _text(name: str, kind: str, checks: dict[str, str], words: str, roles: str) -> str:
    """A field of the contract; `roles` as the code writes them."""
    lines = [f"        {key}={value}," for key, value in checks.items()]
    lines += [
        f"        description={literal(words)},",
        f'        metadata={{"role": {roles}, "owner": OWNER}},',
    ]
    return f"    {name}: {kind} = pa.Field(\n" + "\n".join(lines) + "\n    )"


def _type(column: Column) -> str:
    return {"integer": "int", "text": "str", "moment": "pd.Timestamp"}.get(column.kind, "float")


def _bounds(column: Column) -> dict[str, str]:
    if column.kind == "flag":
        return {"ge": "0", "le": "1"}
    if column.kind == "text" and column.role == "feature":
        return {"str_length": f'{{"max_value": {max(200, 10 ** len(str(column.longest)))}}}'}
    if column.kind == "number" and (column.low or 0) >= 0 and COUNTED.search(column.name.casefold()):
        return {"ge": "0"}
    return {}


def _words(column: Column) -> str:
    named = f"{column.source[:40]!r} in the file" if column.source != column.name else column.name
    if column.part == "constant":
        return f"{named}; one value only when adopted"
    if column.kind == "flag":
        return f"{named}; 1 for true, 0 for false"
    if column.low is not None and column.high is not None and column.role == "feature":
        return f"{named}; {column.low:.4g} to {column.high:.4g} when adopted"
    if column.part == "category":
        return f"{named}; {column.distinct} values when adopted"
    return named


def _list(values: tuple[Any, ...]) -> str:
    shown = ", ".join(literal(v) if isinstance(v, str) else str(v) for v in values)
    if len(shown) < WIDTH - 20:
        return f"[{shown}]"
    return (
        "[\n" + "".join(f"            {v if not isinstance(v, str) else literal(v)},\n" for v in values) + "        ]"
    )


def tests(found: Findings) -> dict[str, str]:
    """Path in the repository -> text of a test file."""
    groups = groups_of(found)
    flags = {found.task} | ({"categories"} if groups["categories"] else set())
    breakable = [*groups["numbers"][:2], *groups["categories"][:2], *groups["texts"][:1]]
    flags |= {"breakable"} if breakable else set()
    needed = [c.name for c in found.columns][:5]
    values = {
        "target": literal(found.target.name),
        "required": ", ".join(map(literal, needed)),
        "categories": ", ".join(map(literal, groups["categories"][:3])),
        "breakable": ", ".join(map(literal, breakable)),
        "label_word": "number" if found.task == "regression" else "class",
    }
    return {
        "tests/data/test_contract.py": render("test_data", flags, values),
        "tests/model/test_behaviour.py": render("test_model", flags, values),
    }
