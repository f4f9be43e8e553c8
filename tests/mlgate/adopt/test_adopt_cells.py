"""Numbers and dates as people's spreadsheets write them become what they mean, when adopted and ever after."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from adopt_tables import commit

from mlgate import params as parameters
from mlgate.adopt import trial
from mlgate.adopt.columns import Findings, Wishes
from mlgate.errors import DataError
from mlgate.verbs import adopt as verb

Adopt = Callable[..., tuple[int, str]]
ROWS = 60
POINTS = [f"{n}.5" for n in range(ROWS)]
COMMAS = [f"{n},5" for n in range(ROWS)]


def understood(
    cells: list[str], folder: Path, delimiter: str = ",", beside: list[str] | None = None, **wishes: Any
) -> Findings:
    """A table of the cells, another column of numbers, and a target."""
    other = beside or (POINTS if delimiter == "," else COMMAS)
    frame = pd.DataFrame({"cells": cells, "other": other, "y": [n * 7919 % 2 for n in range(len(cells))]})
    frame.to_csv(folder / "table.csv", index=False, sep=delimiter)
    return verb._understood(str(folder / "table.csv"), Wishes("y", **wishes))


def written(numbers: list[float], thousands: str, decimal: str, digits: int = 2) -> list[str]:
    swap = str.maketrans({",": thousands, ".": decimal})
    return [f"{number:,.{digits}f}".translate(swap) for number in numbers]


NUMBERS = [round(37.25 * n * n + 0.5, 2) for n in range(ROWS)]  # 0.5 to 129,667.75
WHOLE = [float(997 * n) for n in range(ROWS)]  # 0 to 58,823


@pytest.mark.parametrize(
    ("cells", "delimiter", "expected"),
    [
        (written(NUMBERS, ",", "."), ",", NUMBERS),
        (written(NUMBERS, ",", "."), ";", NUMBERS),
        (written(NUMBERS, ".", ","), ";", NUMBERS),
        (written(NUMBERS, ".", ","), ",", NUMBERS),
        (written(NUMBERS, "\u202f", ","), ";", NUMBERS),
        (written(NUMBERS, "\u00a0", ","), ";", NUMBERS),
        (written(NUMBERS, "’", "."), ";", NUMBERS),  # noqa: RUF001 - as Swiss tables have it
        (written(NUMBERS, "", ","), ",", NUMBERS),
        (written(WHOLE, ".", ",", 0), ";", WHOLE),
        (written(WHOLE, ",", ".", 0), ",", WHOLE),
        ([f"{cell} €" for cell in written(NUMBERS, ".", ",")], ";", NUMBERS),
        ([f"${cell}" for cell in written(NUMBERS, ",", ".")], ",", NUMBERS),
        ([f"-${cell}" for cell in written(NUMBERS, ",", ".")], ",", [-number for number in NUMBERS]),
        ([f"{n / 4}%" for n in range(ROWS)], ",", [n / 4 for n in range(ROWS)]),
        ([f"0.{n:03d}" for n in range(1, ROWS + 1)], ";", [n / 1000 for n in range(1, ROWS + 1)]),
    ],
    ids=["english", "english;", "german", "german,", "french", "no-break", "swiss", "quoted-comma", "german-whole",
         "english-whole", "euro", "dollar", "minus-dollar", "percent", "three-decimals"],
)  # fmt: skip
def test_a_number_is_what_its_column_means(
    cells: list[str], delimiter: str, expected: list[float], tmp_path: Path
) -> None:
    found = understood(cells, tmp_path, delimiter)
    (column,) = (column for column in found.columns if column.source == "cells")
    assert (column.kind, column.part) == ("number", "number")
    assert found.rows["cells"].tolist() == expected


def test_without_a_decimal_comma_in_the_file_a_point_is_a_decimal_point(tmp_path: Path) -> None:
    found = understood(["1.234", "2.5", "3.75"] * 20, tmp_path, ";", beside=POINTS)
    assert found.rows["cells"].tolist() == [1.234, 2.5, 3.75] * 20
    assert not any("thousands" in note for note in found.notes)


THREE = [f"{1 + n * 7919 % 900}.{100 + n * 37 % 900}" for n in range(70)]  # 1.100 to 900.xxx
SHORT = [str(n * 13 % 1_000) for n in range(70)]


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_numbers_of_which_no_cell_tells_whether_they_have_thousands_are_said_and_settled_by_the_caller(
    delimiter: str, tmp_path: Path
) -> None:
    found = understood(THREE, tmp_path, delimiter, beside=SHORT)
    assert found.rows["cells"].tolist() == [float(cell) for cell in THREE]
    (note,) = (note for note in found.notes if "no cell tells" in note)
    assert note == (
        "no cell tells whether 1.234 is a decimal or 1234: cells read as a decimal; if it is 1234, give --decimal ,"
    )
    assert found.layout.decimal == "."
    thousands = [float(cell.replace(".", "")) for cell in THREE]
    for mark, expected in ((",", thousands), (".", found.rows["cells"].tolist())):
        settled = understood(THREE, tmp_path, delimiter, beside=SHORT, decimal=mark)
        assert settled.rows["cells"].tolist() == expected
        assert settled.layout.decimal == mark
        assert not any("no cell tells" in note for note in settled.notes)


def test_many_numbers_in_groups_of_three_beside_short_ones_are_thousands_and_it_is_said(tmp_path: Path) -> None:
    found = understood([*THREE, *SHORT], tmp_path, ";", beside=[*SHORT, *SHORT])
    assert found.rows["cells"].tolist() == [float(cell.replace(".", "")) for cell in [*THREE, *SHORT]]
    assert any("cells read as 1234; if it is a decimal, give --decimal ." in note for note in found.notes)


@pytest.mark.parametrize(
    ("cells", "beside", "delimiter"),
    [(THREE, POINTS + POINTS[:10], ";"), (THREE, SHORT, ","), (["1.234", "0.5", "2.50"] * 20, SHORT[:60], ";")],
    ids=["another column tells", "parted by commas", "its own cells tell"],
)
def test_where_a_cell_tells_that_points_are_decimal_nothing_is_said(
    cells: list[str], beside: list[str], delimiter: str, tmp_path: Path
) -> None:
    found = understood(cells, tmp_path, delimiter, beside=beside)
    assert found.rows["cells"].tolist() == [float(cell) for cell in cells]
    assert not any("no cell tells" in note for note in found.notes)


def test_a_number_with_several_points_tells_what_the_points_of_the_others_are(tmp_path: Path) -> None:
    found = understood(THREE, tmp_path, ";", beside=["1.234.567", *THREE[1:]])
    assert found.rows["cells"].tolist() == [float(cell.replace(".", "")) for cell in THREE]
    assert found.layout.decimal == ","


def test_two_currencies_are_no_number(tmp_path: Path) -> None:
    found = understood(["$1.50", "€2.50", "$3.25"] * 20, tmp_path)
    assert next(column for column in found.columns if column.source == "cells").part == "category"


def test_a_later_file_is_held_to_how_numbers_were_written(project: Path, adopt: Adopt, tmp_path: Path) -> None:
    """The form is part of the code: cells that would read otherwise are refused, and the target's is read as well."""
    path = tmp_path / "table.csv"
    mixed = [WHOLE[n * 37 % ROWS] for n in range(ROWS)]
    frame = pd.DataFrame({"price": written(NUMBERS, ".", ","), "other": COMMAS, "y": written(mixed, ".", ",")})
    frame.to_csv(path, index=False, sep=";")
    code, said = adopt(path, "--target", "y")
    assert code == 0, said
    assert "price as 1.234,5" in said
    commit(project)
    with trial.code_of(project / "src"):
        from model import data

        params = parameters.Params.read(project / "params.yaml")
        assert data.load(params)["y"].tolist() == mixed
        frame.assign(price="1.234").to_csv(path, index=False, sep=";")
        assert set(data.load(params)["price"]) == {1234.0}
        frame.assign(price="1,234.5").to_csv(path, index=False, sep=";")
        with pytest.raises(DataError, match=r"'price', row 1: '1,234.5' is not a number written as 1.234,5"):
            data.load(params)


DAYS = pd.date_range("2024-01-05", periods=ROWS, freq="9D")


@pytest.mark.parametrize(
    "form",
    ["%d.%m.%Y", "%d.%m.%y", "%d-%b-%Y", "%d-%m-%Y %H:%M", "%m/%d/%Y %I:%M %p", "%m/%d/%y", "%d/%m/%y", "%d/%m/%Y"],
)
def test_a_date_is_read_as_it_is_written(form: str, tmp_path: Path) -> None:
    found = understood(DAYS.strftime(form).tolist(), tmp_path)
    assert found.rows["cells"].tolist() == DAYS.tolist()


def months(form: str) -> list[str]:
    days = pd.date_range("2019-01-03", periods=ROWS, freq="MS") + pd.Timedelta(days=2)  # the third of each month
    return days.strftime(form).tolist()


def test_where_day_and_month_may_be_swapped_the_order_of_rows_decides_and_it_is_said(tmp_path: Path) -> None:
    for form, name in (("%d/%m/%Y", "day/month"), ("%m/%d/%Y", "month/day")):
        found = understood(months(form), tmp_path)
        assert found.rows["cells"].dt.day.unique().tolist() == [3]
        assert any(f"cells is read as {name}, but may be" in note for note in found.notes), found.notes
    assert not any("but may be" in note for note in understood(DAYS.strftime("%m/%d/%Y").tolist(), tmp_path).notes)


def test_a_spreadsheets_day_numbers_are_no_time_and_the_message_says_so(adopt: Adopt, tmp_path: Path) -> None:
    frame = pd.DataFrame({"when": range(45_292, 45_292 + ROWS), "x": POINTS, "y": [0, 1] * 30})
    frame.to_csv(tmp_path / "table.csv", index=False)
    code, said = adopt(tmp_path / "table.csv", "--target", "y", "--time", "when")
    assert code == 1
    assert "'when' holds numbers such as '45292', no dates" in said
    assert "spreadsheet" in said


@pytest.mark.parametrize(("yes", "no"), [("Ja", "Nein"), ("Oui", "Non"), ("Sí", "No"), ("Tak", "Nie")])
def test_the_word_for_yes_is_the_positive_class_in_other_tongues(yes: str, no: str, tmp_path: Path) -> None:
    answers: list[Any] = [yes] * 40 + [no] * 20
    table = pd.DataFrame({"x": [n * 7919 % 101 for n in range(ROWS)], "y": answers})
    table.to_csv(tmp_path / "t.csv", index=False)
    assert verb._understood(str(tmp_path / "t.csv"), Wishes("y")).classes == (no, yes)


@pytest.mark.parametrize("mark", ["-", "k.A.", "#DIV/0!", "."])
def test_a_sign_that_stands_for_nothing_leaves_a_column_of_numbers_one(mark: str, tmp_path: Path) -> None:
    cells = [mark if n % 5 == 0 else str(n * 7919 % 101) for n in range(ROWS)]
    found = understood(cells, tmp_path)
    assert next(column for column in found.columns if column.source == "cells").kind == "number"
    assert found.rows["cells"].isna().sum() == ROWS // 5


def test_numbers_that_some_words_turn_into_categories_are_named(tmp_path: Path) -> None:
    cells = ["over 100" if n % 5 == 0 else str(n * 7919 % 101) for n in range(ROWS)]
    (note,) = (note for note in understood(cells, tmp_path).notes if "taken as words" in note)
    assert note.startswith("cells is taken as words because of 'over 100', though 80% are numbers")


def test_classes_that_differ_in_capitals_are_kept_apart_where_the_caller_says_so(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": [n * 7919 % 101 for n in range(80)], "letter": ["a", "A", "b", "B"] * 20})
    frame.to_csv(tmp_path / "t.csv", index=False)
    wishes = Wishes("letter", task="classification")
    assert verb._understood(str(tmp_path / "t.csv"), wishes).classes == ("A", "B", "a", "b")
