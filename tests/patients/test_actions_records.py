"""save_records and its wrappers: permission, reason, conflict, retracting, batches, queries."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from centers.access import Scope, acting
from centers.models import Center
from patients import slots
from patients.actions.records import (
    Conflict,
    RecordChange,
    RecordNotFound,
    Refused,
    RowChange,
    RowNotFound,
    save_records,
)
from patients.models import Patient, RecordVersion
from patients.queries.records import load_records
from patients.registry_numbers import is_registry_number
from patients.rules.values import Missing
from tests.patients.check_cases import CONTACT, COURSE, CYCLE, PATIENT
from tests.patients.conftest import coordinator_of, reader_of
from tests.patients.record_changes import amend, change, checks, events, load, new_record, save


def test_save_new_record_reads_back_whole(center: Center, coordinator: Scope) -> None:
    saved = save(
        coordinator,
        new_record(
            center,
            mrn="12 345",
            initials="AB",
            ecog="UNK",
            metastatic_sites="bone;lung",
            ldh_ratio="1.5",
            primary_diagnosis_date="1999-05",
        ),
    )[0]
    assert (saved.created, saved.changed, saved.version) == (True, 3, 1)
    state = load(coordinator, saved)
    values = state.patient.values
    assert values["record_id"] == "R1"
    assert str(values["birth_date"]) == "1950-04-01"
    assert (values["mrn"], values["initials"]) == ("12 345", "AB")
    assert values["ecog"] == Missing("UNK")
    assert values["metastatic_sites"] == ("lung", "bone")
    assert values["ldh_ratio"] == Decimal("1.5")
    assert str(values["primary_diagnosis_date"]) == "1999-05"
    assert state.rows["cycles"][0].values["course_number"] == 1
    with acting(coordinator), transaction.atomic():
        assert is_registry_number(Patient.objects.get().registry_number)


def test_save_same_values_again_writes_nothing(center: Center, coordinator: Scope) -> None:
    saved = save(coordinator, new_record(center, mrn="1", weight_kg="80.50"))[0]
    before = len(events(coordinator))
    again = amend(
        coordinator,
        saved,
        change("patients", {**PATIENT, "record_id": "R1", "mrn": "1", "weight_kg": "80.5"}),
    )
    assert (again.changed, again.version) == (0, 1)
    assert len(events(coordinator)) == before


def test_amend_without_reason_is_refused_and_with_one_kept(
    center: Center, coordinator: Scope
) -> None:
    saved = save(coordinator, new_record(center))[0]
    with pytest.raises(Refused) as refused:
        amend(coordinator, saved, change("patients", {"sex": "male"}))
    assert checks(refused) == ["reason.required"]
    after = amend(coordinator, saved, change("patients", {"sex": "male"}), reason="chart")
    assert (after.changed, after.version) == (1, 2)
    event = events(coordinator)[-1]
    assert (event.operation, event.reason) == ("update", "chart")
    assert event.before is not None
    assert event.after is not None
    changed = {k for k in event.after if event.after[k] != event.before[k]}
    assert changed == {"sex"}


def test_amend_without_reason_is_refused_by_the_database(
    center: Center, coordinator: Scope
) -> None:
    saved = save(coordinator, new_record(center))[0]
    with (
        pytest.raises(IntegrityError, match="needs a reason"),
        acting(coordinator),
        transaction.atomic(),
    ):
        Patient.objects.filter(id=saved.patient_id).update(sex="male")


def test_amend_identifiers_changes_the_seal_and_no_event_shows_them(
    center: Center, coordinator: Scope
) -> None:
    saved = save(coordinator, new_record(center, mrn="CANARY1"))[0]
    amend(
        coordinator, saved, change("patients", {"mrn": "CANARY2", "birth_date": "1951"}), reason="x"
    )
    values = load(coordinator, saved).patient.values
    assert (values["mrn"], str(values["birth_date"])) == ("CANARY2", "1951")
    text = "".join(f"{e.before}{e.after}" for e in events(coordinator))
    assert "CANARY" not in text
    assert "1950-04-01" not in text


def test_amend_value_to_coded_reason_and_back(center: Center, coordinator: Scope) -> None:
    saved = save(coordinator, new_record(center, ecog="1"))[0]
    amend(coordinator, saved, change("patients", {"ecog": "NASK"}), reason="x")
    assert load(coordinator, saved).patient.values["ecog"] == Missing("NASK")
    amend(coordinator, saved, change("patients", {"ecog": "2", "birth_date": "UNK"}), reason="x")
    values = load(coordinator, saved).patient.values
    assert (values["ecog"], values["birth_date"]) == ("2", Missing("UNK"))
    amend(coordinator, saved, change("patients", {"ecog": "", "birth_date": ""}), reason="x")
    values = load(coordinator, saved).patient.values
    assert (values["ecog"], values["birth_date"]) == (None, None)


def test_save_in_foreign_center_is_denied(
    center: Center, other_center: Center, coordinator: Scope
) -> None:
    with pytest.raises(PermissionDenied):
        save(coordinator, new_record(other_center))
    with pytest.raises(PermissionDenied):
        save(reader_of(center.pk), new_record(center))


def test_amend_record_of_another_center_is_not_found(
    center: Center, other_center: Center, coordinator: Scope
) -> None:
    other = save(coordinator_of(other_center.pk), new_record(other_center))[0]
    with pytest.raises(RecordNotFound):
        amend(coordinator, other, change("patients", {"sex": "male"}), reason="x")
    both = coordinator_of(center.pk, other_center.pk)
    with pytest.raises(RecordNotFound):
        amend(both, other, change("patients", {"sex": "male"}), reason="x")


def test_amend_row_of_another_record_is_not_found(center: Center, coordinator: Scope) -> None:
    first, second = save(coordinator, new_record(center), new_record(center, "R2"))
    row = load(coordinator, second).rows["cycles"][0]
    with pytest.raises(RowNotFound):
        amend(coordinator, first, RowChange("cycles", {}, row.id, retract=True), reason="x")


def test_amend_with_old_version_conflicts(center: Center, coordinator: Scope) -> None:
    saved = save(coordinator, new_record(center))[0]
    amend(coordinator, saved, change("patients", {"sex": "male"}), expected=1, reason="x")
    with pytest.raises(Conflict) as conflict:
        amend(coordinator, saved, change("patients", {"sex": "female"}), expected=1, reason="x")
    assert (conflict.value.expected, conflict.value.actual) == (1, 2)


def test_batch_with_one_bad_record_writes_nothing(center: Center, coordinator: Scope) -> None:
    bad = new_record(center, "R2", date_of_death="2000")
    with pytest.raises(Refused) as refused:
        save(coordinator, new_record(center), bad)
    assert checks(refused) == ["order.after_death"]
    assert events(coordinator) == []
    with acting(coordinator), transaction.atomic():
        assert Patient.objects.count() == 0
        assert RecordVersion.objects.count() == 0


def test_findings_hand_the_source_back(center: Center, coordinator: Scope) -> None:
    rows = [
        *new_record(center).rows,
        change("follow_ups", {**CONTACT, "date": "1900"}, source="L7"),
    ]
    with pytest.raises(Refused) as refused:
        save(coordinator, RecordChange(center.pk, None, rows))
    assert [(f.check, f.row.source) for f in refused.value.findings] == [("order.birth", "L7")]


def test_retract_row_keeps_it_and_needs_a_reason(center: Center, coordinator: Scope) -> None:
    saved = save(coordinator, new_record(center))[0]
    amend(coordinator, saved, change("follow_ups", {**CONTACT, "date": "2002"}))
    row = load(coordinator, saved).rows["follow_ups"][0]
    retract = RowChange("follow_ups", row_id=row.id, retract=True)
    with pytest.raises(Refused):
        amend(coordinator, saved, retract)
    assert amend(coordinator, saved, retract, reason="wrong patient").changed == 1
    assert load(coordinator, saved).rows["follow_ups"][0].retracted
    assert amend(coordinator, saved, retract, reason="again").changed == 0
    with pytest.raises(Refused) as refused:
        late = change("follow_ups", {"vital_status": "unknown"}, row_id=row.id)
        amend(coordinator, saved, late, reason="x")
    assert checks(refused) == ["row.retracted"]


def test_new_row_with_status_retracted_is_saved_retracted(
    center: Center, coordinator: Scope
) -> None:
    saved = save(coordinator, new_record(center))[0]
    texts = {"date": "2002", "response": "PD", "status": "retracted"}
    amend(coordinator, saved, change("assessments", texts))
    assert load(coordinator, saved).rows["assessments"][0].retracted


def test_retract_course_and_enter_its_number_again(center: Center, coordinator: Scope) -> None:
    saved = save(coordinator, new_record(center))[0]
    state = load(coordinator, saved)
    amend(
        coordinator,
        saved,
        RowChange("courses", row_id=state.rows["courses"][0].id, retract=True),
        RowChange("cycles", row_id=state.rows["cycles"][0].id, retract=True),
        change("courses", COURSE),
        change("cycles", {**CYCLE, "start_date": "2001-04-10"}),
        reason="entered for the wrong year",
    )
    rows = load(coordinator, saved).rows
    assert [row.retracted for row in rows["courses"]] == [True, False]
    assert [str(row.values["start_date"]) for row in rows["cycles"]] == ["2001-03-10", "2001-04-10"]


def test_number_of_a_saved_row_cannot_change(center: Center, coordinator: Scope) -> None:
    saved = save(coordinator, new_record(center))[0]
    row = load(coordinator, saved).rows["cycles"][0]
    with pytest.raises(Refused) as refused:
        amend(
            coordinator, saved, change("cycles", {"cycle_number": "2"}, row_id=row.id), reason="x"
        )
    assert checks(refused) == ["row.key"]


def test_after_commit_is_told_and_its_failure_is_kept_away(
    center: Center, coordinator: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[list[int]] = []

    def failing(ids: list[int]) -> None:
        raise RuntimeError

    monkeypatch.setattr(slots, "after_commit", [failing, told.append])
    saved = save(coordinator, new_record(center))[0]
    amend(coordinator, saved, change("patients", {"sex": "female"}))
    assert told == [[saved.patient_id]]


def test_save_twice_the_same_record_in_a_batch_is_an_error(
    center: Center, coordinator: Scope
) -> None:
    saved = save(coordinator, new_record(center))[0]
    twice = [RecordChange(center.pk, saved.patient_id, ())] * 2
    with pytest.raises(ValueError, match="twice"):
        save_records(actor=coordinator, changes=twice)


@pytest.mark.parametrize(
    "rows",
    [(), (RowChange("patients", {"shoe_size": 9}),), (RowChange("patients", {"sex": "male"}),)],
)
def test_save_what_no_caller_should_build(
    center: Center, coordinator: Scope, rows: Sequence[RowChange]
) -> None:
    with pytest.raises((ValueError, Refused)):
        save_records(actor=coordinator, changes=[RecordChange(center.pk, None, rows)])


def test_queries_do_not_grow_with_the_batch(center: Center, coordinator: Scope) -> None:
    save(coordinator, new_record(center, mrn="1"))  # makes the key of the blind index
    counts = []
    for size in (2, 20):
        batch = [new_record(center, f"B{size}-{n}", mrn=str(n)) for n in range(size)]
        with CaptureQueriesContext(connection) as captured:
            saved = save(coordinator, *batch)
        counts.append(len(captured))
        updates = [
            RecordChange(center.pk, s.patient_id, [change("patients", {"sex": "male", "mrn": "9"})])
            for s in saved
        ]
        with CaptureQueriesContext(connection) as captured:
            save(coordinator, *updates, reason="x")
        counts.append(len(captured))
    assert counts[0] == counts[2]
    assert counts[1] == counts[3]
    assert max(counts) <= 35


def test_amend_twice_in_one_batch_is_one_write(center: Center, coordinator: Scope) -> None:
    saved = save(coordinator, new_record(center))[0]
    amend(coordinator, saved, change("follow_ups", {**CONTACT, "date": "2002"}))
    row = load(coordinator, saved).rows["follow_ups"][0]
    after = amend(
        coordinator,
        saved,
        change("follow_ups", {"vital_status": "unknown"}, row_id=row.id),
        RowChange("follow_ups", {}, row.id, retract=True),
        change("patients", {"sex": "male"}),
        change("patients", {"ecog": "1"}),
        reason="x",
    )
    assert after.changed == 2
    state = load(coordinator, saved)
    contact = state.rows["follow_ups"][0]
    assert (contact.retracted, contact.values["vital_status"]) == (True, "unknown")
    assert (state.patient.values["sex"], state.patient.values["ecog"]) == ("male", "1")


def test_patient_row_of_another_record_is_not_found(center: Center, coordinator: Scope) -> None:
    first, second = save(coordinator, new_record(center), new_record(center, "R2"))
    other = change("patients", {"sex": "male"}, row_id=second.patient_id)
    with pytest.raises(RowNotFound):
        amend(coordinator, first, other, reason="x")


def test_retracted_record_cannot_be_amended(center: Center, coordinator: Scope) -> None:
    saved = save(coordinator, new_record(center))[0]
    amend(coordinator, saved, RowChange("patients", retract=True), reason="entered twice")
    with pytest.raises(Refused) as refused:
        amend(coordinator, saved, change("patients", {"sex": "male"}), reason="x")
    assert checks(refused) == ["row.retracted"]


def test_retracted_new_cycle_needs_its_course(center: Center, coordinator: Scope) -> None:
    saved = save(coordinator, new_record(center))[0]
    cycle = change("cycles", {**CYCLE, "course_number": "2"}, retract=True)
    with pytest.raises(Refused) as refused:
        amend(coordinator, saved, cycle)
    assert checks(refused) == ["cycle.course_missing"]


def test_value_that_no_parser_gives_is_an_error_not_a_finding(
    center: Center, coordinator: Scope
) -> None:
    rows = [*new_record(center).rows, RowChange("patients", {"sex": "man"})]
    with pytest.raises(IntegrityError):
        save(coordinator, RecordChange(center.pk, None, rows))


def test_load_records_without_identifiers_opens_no_seal(center: Center, coordinator: Scope) -> None:
    saved = save(coordinator, new_record(center, mrn="1"))[0]
    with acting(coordinator), transaction.atomic():
        state = load_records([saved.patient_id], identifiers=False)[saved.patient_id]
    assert state.patient.values["mrn"] is None
    assert state.patient.values["record_id"] == "R1"
