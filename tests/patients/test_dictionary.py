"""The data dictionary, the models and the values are one."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from django.db import models

from patients.fields import NOT_COLUMNS
from patients.models import ROW_MODELS, Patient
from patients.partial_dates import PartialDate
from patients.rules.code_words import CODE_WORDS
from patients.rules.dictionary import FORMS, RECORD_FORMS, Field, Form
from patients.rules.dictionary_page import dictionary_page
from patients.rules.values import InvalidValue, Missing, format_value, parse_value

MODELS: dict[str, type[models.Model]] = {"patients": Patient, **ROW_MODELS}


@pytest.mark.parametrize("form", RECORD_FORMS, ids=lambda form: form.name)
def test_every_field_of_the_dictionary_is_a_column_and_the_reverse(form: Form) -> None:
    expected = {f.name for f in form.fields} - NOT_COLUMNS
    if form.name == "cycles":
        expected -= {"course_number"}
    generated = {f"{f.name}_{p}" for f in form.fields for p in ("lo", "hi", "point")}
    own = {
        "id",
        "public_id",
        "center",
        "retracted",
        "missing",
        "created_at",
        "patient",
        "course",
        "registry_number",
        "same_person",
    }
    columns = {f.name for f in MODELS[form.name]._meta.concrete_fields}
    assert columns - own - generated == expected


@pytest.mark.parametrize("form", RECORD_FORMS, ids=lambda form: form.name)
def test_required_fields_are_not_null(form: Form) -> None:
    for field in form.fields:
        if field.name in NOT_COLUMNS or (form.name, field.name) == ("cycles", "course_number"):
            continue
        assert MODELS[form.name]._meta.get_field(field.name).null == (field.need != "required")


def test_every_field_has_a_label_and_codes_where_they_are_due() -> None:
    for form in FORMS.values():
        for field in form.fields:
            assert field.label
            assert bool(field.codes) == (field.kind in ("code", "codes"))
            assert len(set(field.codes)) == len(field.codes)


def field(form: str, name: str) -> Field:
    return FORMS[form].by_name[name]


@pytest.mark.parametrize(
    ("form", "name", "text", "value"),
    [
        ("assessments", "date", "2019-03", PartialDate.parse("2019-03")),
        ("assessments", "basis", "UNK", Missing("UNK")),
        ("assessments", "basis", "", None),
        ("assessments", "modality", "pet;ct", ("ct", "pet")),
        ("assessments", "modality", ";", None),
        ("cycles", "doses_given", "0", 0),
        ("cycles", "doses_given", "NAVAIL", Missing("NAVAIL")),
        ("patients", "weight_kg", "81.50", Decimal("81.50")),
        ("patients", "metastatic_sites", "NA", Missing("NA")),
        ("prior_therapies", "agent", " Dacarbazine ", "Dacarbazine"),
    ],
)
def test_cell_is_read_and_written_back(form: str, name: str, text: str, value: object) -> None:
    read = parse_value(field(form, name), text)
    assert read == value
    assert parse_value(field(form, name), format_value(read)) == read


@pytest.mark.parametrize(
    ("form", "name", "text", "check"),
    [
        ("assessments", "date", "2019-02-30", "value.partial_date"),
        ("assessments", "date", "UNK", "value.partial_date"),
        ("assessments", "response", "cr", "value.code"),
        ("assessments", "new_lesion", "UNK", "value.code"),
        ("cycles", "doses_given", "15", "value.range"),
        ("cycles", "doses_given", "-1", "value.range"),
        ("cycles", "doses_given", "1.0", "value.integer"),
        ("patients", "weight_kg", "1e400", "value.range"),
        ("patients", "weight_kg", "NaN", "value.number"),
        ("patients", "weight_kg", "80,5", "value.number"),
        ("patients", "initials", "ABCDE", "value.length"),
        ("prior_therapies", "agent", "a\x00b", "value.text"),
        ("centers", "irb_expiry", "2019-02-30", "value.date"),
        ("patients", "metastatic_sites", "lung;toe", "value.code"),
    ],
)
def test_unreadable_cell_is_refused_without_repeating_it(
    form: str, name: str, text: str, check: str
) -> None:
    with pytest.raises(InvalidValue) as refused:
        parse_value(field(form, name), text)
    assert refused.value.check == check
    assert text not in refused.value.message


def test_documented_dictionary_is_the_one_in_force() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "data-dictionary.md"
    assert page.read_text() == dictionary_page()


@pytest.mark.parametrize("form", RECORD_FORMS, ids=lambda form: form.name)
def test_database_takes_missing_reasons_for_the_same_fields(
    superuser: psycopg.Connection, form: Form
) -> None:
    table = MODELS[form.name]._meta.db_table
    row = superuser.execute(
        "select pg_get_constraintdef(oid) from pg_constraint where conname = %s",
        [f"{table}_missing_valid"],
    ).fetchone()
    assert row is not None
    found = re.search(r"'\{(.*?)\}'::text\[\]", row[0])
    assert found is not None
    names = {f.name for f in form.fields if f.takes_missing_reason} - NOT_COLUMNS
    assert {name for name in found[1].split(",") if name} == names


def test_every_code_has_its_words_or_speaks_for_itself() -> None:
    codes = {code for form in FORMS.values() for field in form.fields for code in field.codes}
    assert set(CODE_WORDS) <= codes
    assert [c for c in codes - set(CODE_WORDS) if c.islower()] == []
