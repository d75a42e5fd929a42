"""Dates of three boxes, fields that are asked, cells of the grid, calculated values: no database."""

from __future__ import annotations

import pytest
from django.http import QueryDict

from patients.calculated import of_course, of_patient
from patients.forms.cells import resolve_cell
from patients.forms.dates import PartMissing, Parts, join_date, split_date
from patients.forms.entry import read_form
from patients.rules.conditions import CONDITIONS
from patients.rules.definitions import DEFINITIONS
from patients.rules.dictionary import CYCLES, FORMS, LOCAL_THERAPIES, RECORD_FORMS
from patients.rules.record import RecordState, Row
from patients.rules.values import parse_value
from tests.universe import PROGRESSED, WAITING, Forms


@pytest.mark.parametrize(
    ("boxes", "shown", "expected"),
    [
        (("24", "3", "2019"), "", "2019-03-24"),
        (("24", "mar", "2019"), "", "2019-03-24"),
        (("", "March", "2019"), "", "2019-03"),
        (("", "", "2019"), "", "2019"),
        (("2019-03-24", "", ""), "", "2019-03-24"),
        (("", "24/3/2019", ""), "", "2019-03-24"),
        (("", "", "24-Mar-2019"), "", "2019-03-24"),
        (("2019", "", ""), "", "2019"),
        (("2001-05-06", "Mar", "2019"), "2019-03-24", "2001-05-06"),
        (("yesterday", "", ""), "", "yesterday"),
        (("", "", ""), "", ""),
        (("24", "", "2019"), "", "month"),
        (("24", "3", ""), "", "year"),
        (("24", "Foo", "2019"), "", "month"),
        (("x", "3", "2019"), "", "day"),
        (("2001-05-06", "Mar", "2019"), "", "day"),
    ],
)
def test_three_boxes_give_one_date_or_name_the_box(
    boxes: tuple[str, str, str], shown: str, expected: str
) -> None:
    if expected in Parts._fields:
        with pytest.raises(PartMissing) as caught:
            join_date(Parts(*boxes), shown)
        assert caught.value.part == expected
    else:
        assert join_date(Parts(*boxes), shown) == expected


@pytest.mark.parametrize("cell", ["2019", "2019-03", "2019-03-04", "1999-12-31"])
def test_split_date_joins_again(cell: str) -> None:
    assert join_date(split_date(cell)) == cell


def test_every_field_has_its_definition_and_conditions_name_fields() -> None:
    for form in RECORD_FORMS:
        names = {f.name for f in form.fields} | (
            {"record_id"} if form.name == "patients" else set()
        )
        assert set(DEFINITIONS[form.name]) == names
    for name, conditions in CONDITIONS.items():
        fields = FORMS[name].by_name
        for dependent, condition in conditions.items():
            assert dependent in fields
            assert set(condition.codes) <= set(fields[condition.trigger].codes)


@pytest.mark.parametrize(
    ("query", "row_id", "refused"),
    [
        ("modality=stereotactic&dose_gy=20", None, False),
        ("modality=metastasectomy&dose_gy=20", None, True),
        ("modality=metastasectomy&dose_gy=", None, False),
        (
            'modality=metastasectomy&dose_gy=20&base={"modality":"metastasectomy","dose_gy":"20"}',
            1,
            False,
        ),
        (
            'modality=metastasectomy&dose_gy=20&base={"modality":"stereotactic","dose_gy":"20"}',
            1,
            True,
        ),
    ],
)
def test_value_that_is_not_asked_is_refused(query: str, row_id: int | None, refused: bool) -> None:
    form = read_form(LOCAL_THERAPIES, QueryDict(query), set(), row_id=row_id)
    assert ("is asked only when Modality" in form.boxes["dose_gy"].error) == refused


@pytest.mark.parametrize(
    ("field", "typed", "expected"),
    [
        ("hold_reasons", "hypot, REN", "hypotension;renal"),
        ("hold_reasons", "p", "p"),
        ("icu", "Y", "yes"),
        ("doses_given", "unk", "UNK"),
        ("worst_toxicity_grade", "3", "3"),
    ],
)
def test_words_and_beginnings_become_codes(field: str, typed: str, expected: str) -> None:
    assert resolve_cell(CYCLES.by_name[field], typed) == expected


def record(forms: Forms, **patient: str) -> RecordState:
    rows: dict[str, list[Row]] = {}
    for form in RECORD_FORMS:
        given = [
            {**texts, **(patient if form.name == "patients" else {})}
            for texts in forms.get(form.name, ())
        ]
        known = [{k: v for k, v in texts.items() if k in form.by_name} for texts in given]
        rows[form.name] = [
            Row(form.name, i, {k: parse_value(form.by_name[k], v) for k, v in texts.items()})
            for i, texts in enumerate(known, 1)
        ]
    return RecordState(rows["patients"][0], rows)


def test_calculated_values_are_ranges_where_inputs_are_open() -> None:
    texts = {value.id: value.text for value in of_patient(record(WAITING))}
    assert texts["calculated_t0"] == "09-Jan-2006"
    assert texts["calculated_age"] == "57 to 58 years"
    assert texts["calculated_imdc"].startswith(
        "0 to 6 of 6, favorable or intermediate or poor; not"
    )
    known = {
        f"imdc_{name}": "no"
        for name in ("anemia", "hypercalcemia", "neutrophilia", "thrombocytosis")
    }
    exact = of_patient(record(WAITING, **known, ecog="2", primary_diagnosis_date="2005-10"))
    assert exact[2].text == "2 of 6, intermediate"
    open_year = of_patient(record(WAITING, **known, ecog="0", primary_diagnosis_date="2005"))
    assert (
        open_year[2].text
        == "0 to 1 of 6, favorable or intermediate; not known: time from diagnosis to T0"
    )


def test_calculated_values_of_a_course() -> None:
    first, second = of_course(record(PROGRESSED), 1), of_course(record(PROGRESSED), 2)
    assert [value.text for value in first] == ["22 of 28 (79 %)", "7 days", "-"]
    assert second[2].text == "84 days"
    assert [value.text for value in of_course(record(PROGRESSED), 3)] == ["no cycle yet", "-", "-"]
