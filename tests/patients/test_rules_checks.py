"""Every edit check against its case table: passes, fires, boundary, partial date that passes."""

from __future__ import annotations

import csv
import time
from collections import defaultdict
from datetime import date
from pathlib import Path

import pytest

from patients.partial_dates import PartialDate
from patients.rules.checks import (
    CATALOG,
    check_duplicate,
    check_linked,
    check_record,
    documentation_table,
)
from patients.rules.checks_unlikely import years_between
from patients.rules.dictionary import RECORD_FORMS
from patients.rules.record import RecordState, Row
from patients.rules.values import Missing, parse_value
from tests.patients.check_cases import TODAY, Case
from tests.patients.hard_cases import HARD_CASES, PYTHON_CASES
from tests.patients.soft_cases import SOFT_CASES

ROOT = Path(__file__).resolve().parents[2]
BUNDLE = ROOT / "tests/data/bundle-example/records"
ALL_CASES = HARD_CASES + PYTHON_CASES + SOFT_CASES


@pytest.mark.parametrize("case", ALL_CASES, ids=str)
def test_check_case_fires_or_passes(case: Case) -> None:
    findings = check_record(case.record(), today=TODAY)
    fired = {finding.check for finding in findings}
    if case.fires:
        assert case.check in fired
    else:
        assert case.check not in fired
        assert not {f.check for f in findings if f.severity == "hard"}


@pytest.mark.parametrize("check", sorted({case.check for case in ALL_CASES}))
def test_check_has_cases_of_both_kinds(check: str) -> None:
    kinds = {case.fires for case in ALL_CASES if case.check == check}
    assert kinds == {True, False}


def test_check_every_id_of_the_catalog_is_covered() -> None:
    covered = {case.check for case in ALL_CASES}
    elsewhere = {"person.vital_status", "duplicate.person", "duplicate.mrn", "value.missing_reason"}
    by_actions = {"record.duplicate", "person.link", "row.retracted", "row.key", "reason.required"}
    by_actions |= {"record.locked", "record.erased", "person.erased"}
    values = {check for check in CATALOG if check.startswith("value.")}
    assert set(CATALOG) - covered - elsewhere - by_actions - values == set()


def test_check_findings_name_row_and_field_and_repeat_no_value() -> None:
    for case in ALL_CASES:
        for finding in check_record(case.record(), today=TODAY):
            assert finding.row.form == finding.form
            assert finding.severity == CATALOG[finding.check].severity
            for text in ("1950-04-01", "2001-03-10", "1949"):
                assert text not in finding.message


def test_check_missing_reason_only_where_the_dictionary_takes_one() -> None:
    patient = _patient(sex=Missing("UNK"), ecog=Missing("UNK"))
    found = check_record(RecordState(patient, {}), today=TODAY)
    assert [(f.check, f.field) for f in found] == [("value.missing_reason", "sex")]


def test_check_retracted_record_raises_nothing() -> None:
    patient = Row("patients", 1, {}, retracted=True)
    assert check_record(RecordState(patient, {}), today=TODAY) == []


@pytest.mark.parametrize(
    ("died", "other_is_dead", "fires"),
    [("2005", True, False), ("2005", False, True), ("", True, True), ("", False, False)],
)
def test_check_linked_vital_status(died: str, other_is_dead: bool, fires: bool) -> None:
    patient = _patient(date_of_death=PartialDate.parse(died) if died else None)
    found = [f.check for f in check_linked(patient, other_is_dead=other_is_dead)]
    assert found == (["person.vital_status"] if fires else [])


@pytest.mark.parametrize(
    ("birth", "twins", "fires"),
    [("1950-04-01", 1, True), ("1950-04-01", 0, False), ("1950-04", 1, False)],
)
def test_check_duplicate_person(birth: str, twins: int, fires: bool) -> None:
    patient = _patient(birth_date=PartialDate.parse(birth))
    found = [f.check for f in check_duplicate(patient, twins=twins)]
    assert found == (["duplicate.person"] if fires else [])


def test_check_years_between_leap_day() -> None:
    assert years_between(date(2000, 2, 29), date(2018, 2, 27)) == 17
    assert years_between(date(2000, 2, 29), date(2018, 2, 28)) == 18


def test_check_example_bundle_has_no_hard_finding() -> None:
    records = _bundle()
    assert len(records) == 400
    for record in records:
        hard = [f for f in check_record(record, today=TODAY) if f.severity == "hard"]
        assert hard == []


def test_check_is_fast_enough_for_imports() -> None:
    """Aim 150 us a record; the bound leaves room for a busy machine."""
    records = _bundle()
    best = min(_seconds(records) for _ in range(3)) / len(records)
    assert best < 2e-3


def test_check_documentation_lists_every_check() -> None:
    text = (ROOT / "docs/checks.md").read_text(encoding="utf-8")
    assert documentation_table() in text


def _patient(**values: object) -> Row:
    base = {"sex": "male", "disease": "melanoma", "cohort": "retrospective"}
    return Row("patients", 1, {**base, **values})  # type: ignore[arg-type]


def _seconds(records: list[RecordState]) -> float:
    start = time.process_time()
    for record in records:
        check_record(record, today=TODAY)
    return time.process_time() - start


def _bundle() -> list[RecordState]:
    rows: dict[tuple[str, str], dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for form in RECORD_FORMS:
        with (BUNDLE / f"{form.name}.csv").open(encoding="utf-8", newline="") as file:
            for cells in csv.DictReader(file):
                values = {
                    f.name: parse_value(f, cells[f.name]) for f in form.fields if f.name != "status"
                }
                row = Row(form.name, 1, values, cells.get("status") == "retracted")
                rows[cells["center"], cells["record_id"]][form.name].append(row)
    return [RecordState(forms.pop("patients")[0], forms) for forms in rows.values()]
