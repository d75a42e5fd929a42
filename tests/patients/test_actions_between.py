"""Checks between records in the actions: links, duplicates; soft findings as queries."""

from __future__ import annotations

from datetime import date

import pytest

from centers.access import Scope
from centers.models import Center
from patients.actions.records import (
    RecordChange,
    Refused,
    RowChange,
)
from tests.patients.check_cases import CONTACT
from tests.patients.conftest import coordinator_of
from tests.patients.record_changes import amend, change, checks, load, new_record, queries, save


def test_record_id_is_used_once_a_center(
    center: Center, other_center: Center, coordinator: Scope
) -> None:
    save(coordinator, new_record(center))
    save(coordinator_of(other_center.pk), new_record(other_center))
    with pytest.raises(Refused) as refused:
        save(coordinator, new_record(center))
    assert checks(refused) == ["record.duplicate"]
    with pytest.raises(Refused) as refused:
        save(coordinator, new_record(center, "R5"), new_record(center, "R5"))
    assert checks(refused) == ["record.duplicate"]


def test_new_records_may_name_each_other(center: Center, coordinator: Scope) -> None:
    first, second = save(
        coordinator,
        new_record(center, "R1", same_person_as="R2"),
        new_record(center, "R2", same_person_as="R1", disease="renal_cell"),
    )
    assert load(coordinator, first).patient.values["same_person_as"] == "R2"
    assert load(coordinator, second).patient.values["same_person_as"] == "R1"
    assert not [f for s in (first, second) for f in s.soft if f.check == "duplicate.person"]
    amend(coordinator, first, change("patients", {"same_person_as": ""}), reason="x")
    assert load(coordinator, first).patient.values["same_person_as"] is None


@pytest.mark.parametrize("named", ["R1", "R9"])
def test_link_to_itself_or_nothing_is_refused(
    center: Center, coordinator: Scope, named: str
) -> None:
    with pytest.raises(Refused) as refused:
        save(coordinator, new_record(center, "R1", same_person_as=named))
    assert checks(refused) == ["person.link"]


def test_linked_record_of_the_dead_opens_a_query(center: Center, coordinator: Scope) -> None:
    first = save(coordinator, new_record(center, date_of_death="2003"))[0]
    second = save(coordinator, new_record(center, "R2", same_person_as="R1"))[0]
    assert "person.vital_status" in {f.check for f in second.soft}
    # From the other end too: the first is corrected, then dies again.
    after = amend(coordinator, first, change("patients", {"date_of_death": ""}), reason="x")
    assert "person.vital_status" not in {f.check for f in after.soft}
    after = amend(coordinator, first, change("patients", {"date_of_death": "2003"}), reason="x")
    assert "person.vital_status" in {f.check for f in after.soft}


def test_same_birth_date_and_sex_open_a_query(center: Center, coordinator: Scope) -> None:
    save(coordinator, new_record(center))
    twin, man = save(coordinator, new_record(center, "R2"), new_record(center, "R3", sex="male"))
    assert "duplicate.person" in {f.check for f in twin.soft}
    assert "duplicate.person" not in {f.check for f in man.soft}


def test_soft_finding_opens_one_query_and_is_not_raised_twice(
    center: Center, coordinator: Scope
) -> None:
    today = date(2002, 1, 1)
    saved = save(coordinator, new_record(center, weight_kg="250"), today=today)[0]
    assert [f.check for f in saved.soft] == ["weight.range"]
    query = queries(coordinator)[0]
    assert (query.check_id, query.row_id, query.closed_at) == (
        "weight.range",
        saved.patient_id,
        None,
    )
    contact = change("follow_ups", {**CONTACT, "date": "2001-12"})
    assert amend(coordinator, saved, contact, today=today).soft == ()
    assert len(queries(coordinator)) == 1


def test_soft_finding_is_confirmed_with_a_reason(center: Center, coordinator: Scope) -> None:
    today = date(2002, 1, 1)
    record = new_record(center, weight_kg="250")
    for confirmed in ({}, {"weight.range": " "}):
        with pytest.raises(Refused) as refused:
            save(coordinator, record, today=today, confirmed=confirmed)
        assert checks(refused) == ["weight.range"]
    save(coordinator, record, today=today, confirmed={"weight.range": "scale checked"})
    query = queries(coordinator)[0]
    assert query.confirmed_reason == "scale checked"
    assert query.closed_at is not None


def test_batch_of_mixed_changes_checks_the_linked(center: Center, coordinator: Scope) -> None:
    records = [new_record(center, "R1"), new_record(center, "R2", same_person_as="R1")]
    first, second = save(coordinator, *records)
    third = save(coordinator, new_record(center, "R3", birth_date="1961-01-01"))[0]
    batch = [
        RecordChange(center.pk, first.patient_id, [change("patients", {"date_of_death": "2003"})]),
        RecordChange(center.pk, second.patient_id, [RowChange("patients", retract=True)]),
        RecordChange(
            center.pk, third.patient_id, [change("follow_ups", {**CONTACT, "date": "2002"})]
        ),
    ]
    after = save(coordinator, *batch, reason="x")
    assert "person.vital_status" not in {f.check for saved in after for f in saved.soft}
    batch = [
        RecordChange(
            center.pk, first.patient_id, [change("patients", {"birth_date": "1961-01-01"})]
        ),
        RecordChange(
            center.pk, third.patient_id, [change("follow_ups", {**CONTACT, "date": "2002-05"})]
        ),
    ]
    after = save(coordinator, *batch, reason="x")
    assert "duplicate.person" in {f.check for f in after[0].soft}
