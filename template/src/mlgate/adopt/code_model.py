"""The generated `features.py` and `model.py`: how columns enter the model, and which estimator suits the table."""

from __future__ import annotations

from mlgate.adopt.choose import is_trees
from mlgate.adopt.code_text import literal, names, render
from mlgate.adopt.columns import Column, Findings

DATE_PARTS = ("year", "month", "day", "weekday", "hour", "days")


def features(found: Findings) -> str:
    """`features.py`: one tuple of names a kind of column, and how each becomes a feature."""
    groups = groups_of(found)
    time = found.by_role("time")
    outputs = [*groups["numbers"], *groups["categories"], *groups["texts"]]
    outputs += [f"{name}_{part}" for name in groups["dates"] for part in DATE_PARTS]
    hours = bool(time) and _has_hours(found, time)
    outputs += [f"{time.name}_weekday", *([f"{time.name}_hour"] if hours else [])] if time else []
    outputs += [*groups["constant_numbers"], *groups["constant_words"]]
    flags = {name for name, members in groups.items() if members}
    flags |= ({"time"} if time else set()) | ({"hours"} if hours else set())
    flags |= {"constants"} if groups["constant_numbers"] or groups["constant_words"] else set()
    flags |= {"nan"} if flags & {"numbers", "dates", "constant_numbers"} else set()
    prefixes = {"constant_numbers": 18, "constant_words": 16}
    values = {name: names(members, prefixes.get(name, len(name) + 3)) for name, members in groups.items()}
    values |= {
        "time": literal(time.name) if time else "",
        "hour_words": " and hour" if hours else "",
        "features": names(outputs, 28),
        "text_words": ", a missing text empty" if groups["texts"] else "",
    }
    return render("features", flags, values)


def groups_of(found: Findings) -> dict[str, list[str]]:
    """Names of the columns by how they enter the features."""
    constants = found.by_part("constant")
    return {
        "numbers": [c.name for c in found.by_part("number")],
        "categories": [c.name for c in found.by_part("category")],
        "texts": [c.name for c in found.by_part("text")],
        "dates": [c.name for c in found.by_part("date")],
        "constant_numbers": [c.name for c in constants if c.kind != "text"],
        "constant_words": [c.name for c in constants if c.kind == "text"],
    }


def _has_hours(found: Findings, time: Column | None) -> bool:
    return time is not None and bool((found.rows[time.name].dt.hour != 0).any())


def model(found: Findings) -> str:
    """`model.py`: boosted trees, or for few rows a regularised linear model."""
    groups = groups_of(found)
    trees, regression = is_trees(found), found.task == "regression"
    kinds = {"HistGradientBoostingRegressor" if regression else "HistGradientBoostingClassifier": trees}
    kinds["Ridge" if regression else "LogisticRegression"] = not trees
    others = {"CATEGORIES": "categories", "TEXTS": "texts"}
    others |= {"WATCHED_NUMBERS": "constant_numbers", "WATCHED_WORDS": "constant_words"}
    apart = [name for name, group in others.items() if groups[group]]
    numeric = bool(groups["numbers"] or groups["dates"] or found.by_role("time"))
    flags = ({"numeric", "impute"} if numeric else set()) | ({"texts"} if groups["texts"] else set())
    flags |= {"encoder"} if groups["categories"] else set()
    used = sorted({*(n for n in apart if n in ("CATEGORIES", "TEXTS")), *(["FEATURES", *apart] if numeric else [])})
    steps = ["categories become codes" if trees else "categories become switches"] * bool(groups["categories"])
    steps += ["texts become the weights of their words"] * bool(groups["texts"])
    steps += ["numbers stay as they are" if trees else "numbers are scaled"] * numeric
    preprocessing = [*(["OneHotEncoder"] if groups["categories"] else []), *(["StandardScaler"] if numeric else [])]
    return render(
        "model_trees" if trees else "model_linear",
        flags | ({"scaling"} if preprocessing else set()),
        {
            "estimator": next(name for name, chosen in kinds.items() if chosen),
            "feature_import": f"from model.features import {', '.join(used)}",
            "numeric": _numeric(apart) if numeric else "",
            "steps": f"{', '.join(steps).capitalize()}.",
            "missing_words": "A missing value, or a category that training never saw, takes its own way in the trees."
            if trees
            else "A missing number becomes the median, a category that training never saw none of the switches.",
            "make_pipeline": ", make_pipeline" if numeric else "",
            "preprocessing": ", ".join(preprocessing),
        },
    )


def _numeric(apart: list[str]) -> str:
    if not apart:
        return "NUMERIC = FEATURES"
    return f"NUMERIC = tuple(name for name in FEATURES if name not in {{{', '.join(f'*{name}' for name in apart)}}})"
