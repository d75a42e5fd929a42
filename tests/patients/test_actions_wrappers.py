"""The thin actions over save_records, one by one."""

from __future__ import annotations

import pytest

from centers.access import Scope
from centers.models import Center
from patients.actions.records import (
    Conflict,
    Refused,
    SavedRecord,
    add_course,
    add_row,
    amend_record,
    amend_row,
    create_record,
    retract_row,
    withdraw_consent,
)
from patients.partial_dates import PartialDate
from tests.patients.record_changes import change, load, new_record, queries


@pytest.fixture
def saved(center: Center, coordinator: Scope) -> SavedRecord:
    return create_record(actor=coordinator, center_id=center.pk, rows=new_record(center).rows)


def test_add_course_saves_course_and_first_cycle(
    center: Center, coordinator: Scope, saved: SavedRecord
) -> None:
    after = add_course(
        actor=coordinator,
        center_id=center.pk,
        patient_id=saved.patient_id,
        course={"course_number": 2},
        cycle={"start_date": PartialDate.parse("2001-06")},
        expected_version=1,
    )
    assert (after.changed, after.version) == (2, 2)
    cycle = load(coordinator, saved).rows["cycles"][1]
    assert (cycle.values["course_number"], cycle.values["cycle_number"]) == (2, 1)


def test_add_amend_and_retract_row(center: Center, coordinator: Scope, saved: SavedRecord) -> None:
    record = {"actor": coordinator, "center_id": center.pk, "patient_id": saved.patient_id}
    values = {"date": PartialDate.parse("2002"), "vital_status": "alive"}
    add_row(**record, form="follow_ups", values=values)  # type: ignore[arg-type]
    row_id = load(coordinator, saved).rows["follow_ups"][0].id
    assert row_id is not None
    row = {**record, "form": "follow_ups", "row_id": row_id}
    amend_row(**row, values={"vital_status": "unknown"}, reason="letter came back")  # type: ignore[arg-type]
    assert load(coordinator, saved).rows["follow_ups"][0].values["vital_status"] == "unknown"
    with pytest.raises(Refused):
        retract_row(**row, reason="")  # type: ignore[arg-type]
    retract_row(**row, reason="other patient", expected_version=3)  # type: ignore[arg-type]
    assert load(coordinator, saved).rows["follow_ups"][0].retracted


def test_retract_course_takes_its_cycles(
    center: Center, coordinator: Scope, saved: SavedRecord
) -> None:
    row_id = load(coordinator, saved).rows["courses"][0].id
    assert row_id is not None
    retract_row(
        actor=coordinator,
        center_id=center.pk,
        patient_id=saved.patient_id,
        form="courses",
        row_id=row_id,
        reason="never treated",
    )
    rows = load(coordinator, saved).rows
    assert rows["courses"][0].retracted
    assert rows["cycles"][0].retracted


def test_retract_record(center: Center, coordinator: Scope, saved: SavedRecord) -> None:
    retract_row(
        actor=coordinator,
        center_id=center.pk,
        patient_id=saved.patient_id,
        form="patients",
        row_id=saved.patient_id,
        reason="entered twice",
    )
    assert load(coordinator, saved).patient.retracted


def test_withdraw_consent_keeps_the_record(
    center: Center, coordinator: Scope, saved: SavedRecord
) -> None:
    record = {"actor": coordinator, "center_id": center.pk, "patient_id": saved.patient_id}
    withdraw_consent(**record, reason="letter of 3 May")  # type: ignore[arg-type]
    assert load(coordinator, saved).patient.values["consent"] == "withdrawn"
    with pytest.raises(Conflict):
        withdraw_consent(**record, reason="x", expected_version=1)  # type: ignore[arg-type]


def test_amend_record_confirms_soft_findings(
    center: Center, coordinator: Scope, saved: SavedRecord
) -> None:
    amend_record(
        actor=coordinator,
        center_id=center.pk,
        patient_id=saved.patient_id,
        rows=[change("patients", {"ldh_ratio": "25"})],
        reason="lab report",
        confirmed={"ldh.range": "repeated"},
    )
    assert [q.confirmed_reason for q in queries(coordinator) if q.check_id == "ldh.range"] == [
        "repeated"
    ]
