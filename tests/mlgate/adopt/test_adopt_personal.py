"""What names or describes a person stays out of the project, in the words of several tongues."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlgate.adopt import personal, trial
from mlgate.table.roles import UNLOGGED, columns

Adopt = Callable[..., tuple[int, str]]
TEXT = pd.Series(["Ada", "Bo", "Cy", "Ada"])
NUMBERS = pd.Series([1.0, 2.0, 3.0, 2.0])

PERSONAL = (
    "Name Vorname Nachname Patientenname PatientName patient_name full_name Surname middle_name Straße Anschrift "
    "Adresse Geburtsdatum geb_dat birthdate Date_of_Birth birth_day DOB Telefon E-Mail-Adresse Versichertennummer "
    "Krankenversichertennummer MRN nhs_number Prénom nom_de_famille date_de_naissance Apellidos fecha_de_nacimiento "
    "cognome data_di_nascita sobrenome achternaam geboortedatum efternamn personnummer nazwisko PESEL kontonr"
)


INNOCENT = (
    "product_name file_name hotel_name city_name nombre_de_visites portable birth_weight age_at_birth births mobility "
    "territory nominal rename emailed_at_all streetlights ipso country region Nachfrage Vorlauf Station"
)


@pytest.mark.parametrize("name", [*PERSONAL.split(), "patient name", "Name des Patienten (Vorname)", "GEBURTSTAG"])
def test_a_name_that_says_so_is_personal(name: str) -> None:
    assert personal.why(name, TEXT) == "its name says so"


@pytest.mark.parametrize(
    "name",
    INNOCENT.split(),
)
def test_a_name_that_only_looks_like_it_is_none(name: str) -> None:
    assert personal.why(name, TEXT) == ""


@pytest.mark.parametrize("name", ["nombre", "nom", "name"])
def test_a_count_that_is_called_like_a_name_in_another_tongue_is_none(name: str) -> None:
    assert personal.why(name, NUMBERS) == personal.why(name, pd.Series(["1", "2", "3", "3"])) == ""
    assert personal.why(name, TEXT) == "its name says so"


def patients(rows: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    stay = rng.exponential(4, rows).round()
    born = pd.Timestamp("1940-01-01") + pd.to_timedelta(rng.integers(0, 20_000, rows), "D")
    names = np.array(["Zäzilie Quittenbaum", "Notker Wutzel", "Ada Lärmeling"])
    return pd.DataFrame(
        {
            "Fallnummer": [f"F{n:06d}" for n in range(rows)],
            "Patientenname": rng.choice(names, rows),
            "Geburtsdatum": born.strftime("%d.%m.%Y"),
            "Verweildauer": stay,
            "Station": rng.choice(["Süd", "Nord"], rows),
            "Wiederaufnahme": np.where(stay + rng.normal(0, 3, rows) > 6, "Ja", "Nein"),
        }
    )


def test_names_and_birth_dates_of_patients_reach_no_file_of_the_repository(
    project: Path, adopt: Adopt, tmp_path: Path
) -> None:
    frame = patients()
    frame.to_csv(tmp_path / "patients.csv", index=False, sep=";", encoding="utf-8-sig")
    code, said = adopt(tmp_path / "patients.csv", "--target", "Wiederaufnahme", "--id", "Fallnummer")
    assert code == 0, said
    for name in ("Patientenname", "Geburtsdatum"):
        assert f"left out: {name} (personal data: its name says so)" in said
    secret = [name.encode() for name in ("Quittenbaum", "Wutzel", "Lärmeling", frame["Geburtsdatum"][0])]
    card = (project / "data" / "DATA_CARD.md").read_text("utf-8")
    assert "F000000" not in card
    files = [path for path in project.rglob("*") if path.is_file()]
    assert [path for path in files for word in secret if word in path.read_bytes()] == []


def test_free_text_is_a_feature_that_is_not_logged_and_the_report_names_it_and_what_the_law_protects(
    project: Path, adopt: Adopt, tmp_path: Path
) -> None:
    rng = np.random.default_rng(6)
    words = ["Atemnot", "Schmerzen", "stabil", "Sturz", "Kontrolle", "Entlassung"]
    frame = patients().assign(Religion=rng.choice(["rk", "ev"], 400))
    frame["Arztbrief"] = [" ".join(rng.choice(words, 6)) for _ in range(400)]
    frame.to_csv(tmp_path / "patients.csv", index=False)
    code, said = adopt(tmp_path / "patients.csv", "--target", "Wiederaufnahme", "--id", "Fallnummer")
    assert code == 0, said
    assert "free text, whose words the model learns: Arztbrief;" in said
    assert "(GDPR, article 9): Religion;" in said
    with trial.code_of(project / "src"):
        from model.schema import Inputs

        found = columns(Inputs)
    assert found["Arztbrief"].roles == ("feature", "unlogged")
    assert set(found.of(*UNLOGGED)) == {"Arztbrief", "Fallnummer"}


@pytest.mark.parametrize(
    ("name", "special"),
    [
        ("ICD-10", True), ("icd9_cm", True), ("Hauptdiagnose", True), ("primary diagnosis", True),
        ("Vorerkrankungen", True), ("Krankheit", True), ("Krankenkasse", False), ("Verweildauer", False),
        ("incident", False), ("disease", True), ("Religion", True), ("suicide", False), ("ICU", False),
    ],
)  # fmt: skip
def test_a_name_that_tells_of_health_is_said_to_be_protected(name: str, special: bool) -> None:
    assert personal.is_special(name) is special


def test_an_identifier_that_repeats_is_refused_by_its_row_and_without_its_value(adopt: Adopt, tmp_path: Path) -> None:
    frame = patients().assign(ward=lambda rows: rows["Station"])
    frame.loc[7, "Fallnummer"] = frame.loc[3, "Fallnummer"]
    frame.to_csv(tmp_path / "patients.csv", index=False)
    wishes = ["--target", "Wiederaufnahme", "--id", "Fallnummer", "--cluster", "ward"]
    code, said = adopt(tmp_path / "patients.csv", *wishes)
    assert code == 1
    assert "row 8" in said
    assert frame.loc[3, "Fallnummer"] not in said
