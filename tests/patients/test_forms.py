"""Dates as people write them, labels, and the layout of forms: no page, no database."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from django.http import QueryDict

from patients.forms.boxes import Box, read_box, show_box
from patients.forms.dates import normalise_date
from patients.forms.page import EntryPage
from patients.forms.sections import BASELINE, sections_of, shown_fields
from patients.labels import code_label, display_value
from patients.partial_dates import PartialDate
from patients.queries.timeline import age_at
from patients.rules.dictionary import CENTERS, FORMS, PATIENTS, RECORD_FORMS
from patients.rules.values import Missing, Value


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("2019", "2019"),
        ("2019-3", "2019-03"),
        ("2019-03-24", "2019-03-24"),
        ("2019/3/4", "2019-03-04"),
        ("24/3/2019", "2019-03-24"),
        ("24.03.2019", "2019-03-24"),
        ("24-Mar-2019", "2019-03-24"),
        ("24 March, 2019", "2019-03-24"),
        ("Sept 2019", "2019-09"),
        ("3/2019", "2019-03"),
        ("  2019 ", "2019"),
        ("24/Foo/2019", "24/Foo/2019"),
        ("24/3/19", "24/3/19"),
        ("Ma 2019", "Ma 2019"),
        ("", ""),
        ("31/2/2020", "2020-02-31"),
        ("٢٤/3/2019", "٢٤/3/2019"),
    ],
)
def test_dates_become_iso_text(typed: str, expected: str) -> None:
    assert normalise_date(typed) == expected


def test_every_field_has_one_place_on_its_form() -> None:
    for form in (BASELINE, *RECORD_FORMS[1:]):
        placed = [name for _, names in sections_of(form) for name in names]
        assert sorted(placed) == sorted(f.name for f in form.fields if f.name != "status")


def test_fields_of_another_disease_are_not_shown() -> None:
    shown = {field.name for field in shown_fields(PATIENTS, {"renal_cell"})}
    assert "nephrectomy" in shown
    assert "m_stage" not in shown


def test_every_code_has_a_label_that_begins_like_a_word() -> None:
    for form in FORMS.values():
        for field in form.fields:
            labels = [code_label(field, code) for code in field.codes]
            assert len(set(labels)) == len(labels)
            assert all("_" not in label and label.strip() for label in labels)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("birth_date", PartialDate.parse("1950-03"), "Mar-1950 (day not known)"),
        ("weight_kg", Decimal("81.50"), "81.5 kg"),
        ("ldh_ratio", Decimal("0.9"), "0.9 x upper limit"),
        ("metastatic_sites", ("lung", "lymph_node"), "Lung, Lymph node"),
        ("ecog", Missing("UNK"), "Unknown"),
        ("histology", "8720/3", "8720/3"),
        ("nephrectomy", "none", "Not done"),
        ("ecog", None, ""),
    ],
)
def test_values_are_shown_in_words(name: str, value: Value, expected: str) -> None:
    assert display_value(PATIENTS.by_name[name], value) == expected


def test_full_date_is_shown_unambiguously() -> None:
    field = CENTERS.by_name["irb_expiry"]
    assert display_value(field, date(2020, 1, 2)) == "02-Jan-2020"


def test_value_of_an_older_dictionary_is_shown_as_empty() -> None:
    box = Box(PATIENTS.by_name["ecog"], "ecog", saved="9")
    assert box.saved_words == "empty"


def test_box_reads_the_normal_form_of_what_was_typed() -> None:
    field = PATIENTS.by_name["weight_kg"]
    box = read_box(field, "", QueryDict("weight_kg=081.50"), {"weight_kg": "81.5"})
    assert (box.value, box.cell, box.is_changed) == (Decimal("81.50"), "81.5", False)


def test_box_shows_a_saved_reason_beside_an_empty_value() -> None:
    box = show_box(PATIENTS.by_name["histology"], "", Missing("NASK"))
    assert (box.text, box.reason) == ("", "NASK")


def test_reason_for_change_is_preset_and_details() -> None:
    assert EntryPage([], preset="Other", details="why").reason == "why"
    assert EntryPage([], preset="New source document").reason == "New source document"
    assert EntryPage([], preset="New source document", details="CT").reason.endswith(": CT")


@pytest.mark.parametrize(
    ("birth", "day", "age"),
    [("1950-03-24", date(2000, 3, 23), 49), ("1950-03-24", date(2000, 3, 24), 50)],
)
def test_age_counts_completed_years(birth: str, day: date, age: int) -> None:
    assert age_at(PartialDate.parse(birth), day) == age
    assert age_at(None, day) is None
