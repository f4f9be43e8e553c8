"""Columns that name a person or a row: they can't teach a model anything that holds for the next one."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import pandas as pd

_PERSON = (
    r"patient(en|in)?|person(en)?|customer|kunden?|client|employee|staff|mitarbeiter|member|mitglieds?|user|owner|"
    r"holder|inhaber|guest|passenger|student|schueler|pupil|teacher|doctor|arzt|physician|nurse|contact|applicant|"
    r"borrower|insured|driver|tenant|buyer|seller|spouse|parent|mother|father|child|vor|nach|familien|geburts|"
    r"maedchen|ruf|first|last|full|sur|given|family|middle|maiden|nick|legal"
)
_NAMES = re.compile(
    rf"(^|_)(({_PERSON})_?names?|e_?mails?|mail|phone|mobile|telephone|tel|fax|ssn|social_security|iban|passport|"
    r"credit_card|card_number|account_number|address|street|ip|ip_address|licen[cs]e_plate|"
    r"mrn|medical_record|(nhs|insurance|national|tax|social_insurance)_(id|no|nr|number)|"
    r"birth_?(date|day|dt|place)|(date|place)_of_birth|dob|"
    r"geburts(datum|tag|ort)|geb_?dat(um)?|strasse|anschrift|adresse?|telefon(nummer)?|handy|"
    r"[a-z]{0,40}(versicherungs|versicherten|ausweis|steuer|personen?|konto|patienten)_?(nummer|nr|id)|"
    r"prenom|nom_(de_)?famille|nom_du_\w+|naissance|date_naissance|courriel|"
    r"apellidos?|nacimiento|fecha_nacimiento|correo|telefono|dni|nif|cognome|nascita|nascimento|codice_fiscale|"
    r"indirizzo|sobrenome|endereco|cpf|voornaam|achternaam|geboorte(datum|plaats)|bsn|fornamn|efternamn|fornavn|"
    r"etternavn|efternavn|personnummer|fodsels(dato|nummer)|cpr|imie|nazwisko|pesel|urodzenia|jmeno|prijmeni|"
    r"naam|namn|navn)(_|$)"
)
_ALONE = re.compile(r"names?|nom|nombre|nome|nom_complet|nombre_completo|nome_completo")  # a count in other tongues
_SPECIAL = re.compile(
    r"(^|_)(race|ethnic(ity)?|ethnie|rasse|religion|religious|konfession|belief|faith|politic(s|al)|party_member|"
    r"(trade_)?union(_member)?|gewerkschaft|sexual\w*|sexuell\w*|orientation_sex\w*|disab(led|ility)|behinderung|"
    r"genetic\w*|genome|hiv|mental\w*|biometric\w*|icd(_?\d{1,2}(_?cm)?)?|snomed(_ct)?|[a-z]{0,12}diagno(s|st)[a-z]{0,6}|"
    r"diseases?|illness|comorbidit(y|ies)|krankheit(en)?|[a-z]{0,12}erkrankung(en)?|maladies?|enfermedad(es)?)(_|$)"
)
_ID = re.compile(
    r"(^|_)(id|uuid|guid|key|identifier|no|nr|nummer)$|^(id|uuid|guid)(_|$)|^(index|row|row_?number|unnamed_\d+)$"
)
_LETTERS = str.maketrans({"ä": "ae", "ü": "ue", "ø": "o", "ł": "l", "æ": "ae"})
_EMAIL = r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}"
_PHONE = r"\+\d[\d ()/-]{7,18}|\(?\d{2,5}\)?[ /-]\d{3,4}[ -]?\d{2,8}"


def words_of(name: str) -> str:
    """`CustomerID` and `customer id` as `customer_id`, `Straße` as `strasse`, `Prénom` as `prenom`."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip())
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFC", parted).casefold().translate(_LETTERS))
    bare = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return re.sub(r"[^a-z0-9]+", "_", bare).strip("_")


def why(name: str, cells: pd.Series[Any]) -> str:
    """Why a column looks like personal data; empty if it doesn't."""
    plain = words_of(name)
    if _NAMES.search(plain):
        return "its name says so"
    if not pd.api.types.is_string_dtype(cells):
        return ""
    if _ALONE.fullmatch(plain) and not pd.to_numeric(cells, errors="coerce").notna().mean() > 0.5:
        return "its name says so"
    words = cells.dropna().astype("str").head(1_000)
    for what, pattern in (("e-mail addresses", _EMAIL), ("phone numbers", _PHONE)):
        if len(words) and words.str.strip().str.fullmatch(pattern).mean() > 0.5:
            return f"its values look like {what}"
    return ""


def is_special(name: str) -> bool:
    """Whether a name speaks of origin, belief, opinion, union, health of body or mind, or sexual life."""
    return bool(_SPECIAL.search(words_of(name)))


def identifies(name: str, values: pd.Series[Any]) -> str:
    """Why a column identifies rows or what they belong to; empty if it doesn't."""
    unique = values.nunique() == len(values)
    if _ID.search(words_of(name)) and (unique or _holds_codes(values)):
        if unique:
            return f"identifier: every row has its own value (`--id {name}` makes it the row's identifier)"
        return f"identifier that repeats (`--cluster {name}` says that rows which share it are dependent)"
    if unique and pd.api.types.is_numeric_dtype(values) and len(values) > 1:
        steps = values.diff().iloc[1:]
        if (steps == 1).all() and values.iloc[0] in (0, 1):
            return "a row number"
    return ""


def _holds_codes(values: pd.Series[Any]) -> bool:
    """Whole numbers or short words, as identifiers are; not the measurements of a column that is called `no`."""
    if pd.api.types.is_numeric_dtype(values):
        return bool((values % 1 == 0).all()) and values.nunique() > 20
    return int(values.nunique()) > 20
