"""A record created in error counts for nothing, frees its record ID, and can be restored."""

from __future__ import annotations

import pytest
from django.core.exceptions import PermissionDenied
from django.db import transaction

from analytics.derivation.stale import drain
from analytics.models import Outcome
from centers.access import acting, scope_of, system_scope
from centers.models import AuditEvent
from patients.actions.changes import RecordChange, Refused, RowChange
from patients.actions.records import save_records
from patients.actions.retirement import LinkedRecords, restore_record, retire_record
from patients.models import Patient, PatientIdentity
from patients.queries.records import load_records
from tests.patients.pages import Page, Visitor, without_token
from tests.universe import RECORDS, Universe, add_record, amend_record, read_values

REASON = {"reason_preset": "Entered twice"}


def patient_of(universe: Universe, record: str) -> Patient:
    with acting(system_scope()), transaction.atomic():
        return Patient.objects.get(pk=universe.records[record].patient_id)


def retire(universe: Universe, record: str, reason: str = "Entered twice") -> None:
    retire_record(actor=system_scope(), patient=patient_of(universe, record), reason=reason)


def send(universe: Universe, username: str, **more: str) -> Page:
    return Visitor(universe, username).fill(universe.url("survivor", "retire/"), **REASON, **more)


def plain_record_id(universe: Universe, record: str) -> str:
    with acting(system_scope()), transaction.atomic():
        return PatientIdentity.objects.get(pk=universe.records[record].patient_id).record_id


def test_retired_record_leaves_list_search_and_outcomes_and_stays_readable(
    universe: Universe,
) -> None:
    url = universe.url("survivor")
    number = patient_of(universe, "survivor").registry_number
    page = send(universe, "carla")
    assert (page.status, page.url) == (302, url)
    drain()
    visitor = Visitor(universe, "carla")
    assert number not in visitor.get("/records/").text
    assert url in visitor.get("/records/?state=retired").text
    for wanted in (number, "C01-0001", "88 1234"):
        assert visitor.post("/records/find/", {"text": wanted}).status == 200, wanted
    page = visitor.get(url)
    assert page.status == 200
    assert "Retired" in page.text
    assert "Amend" not in page.text
    assert "Restore" in page.text
    for closed in ("baseline/", "consent/", "courses/new/"):
        assert visitor.get(universe.url("survivor", closed)).status == 404, closed


def test_retired_record_counts_in_no_outcome_and_no_cohort(universe: Universe) -> None:
    before = without_token(Visitor(universe, "petra").get("/cohort/").text)
    assert outcomes(universe) == 4
    retire(universe, "survivor")
    # At once on the page, even before its outcome is taken away.
    assert without_token(Visitor(universe, "petra").get("/cohort/").text) != before
    drain()
    assert outcomes(universe) == 0
    restore_record(actor=system_scope(), patient=patient_of(universe, "survivor"), reason="found")
    drain()
    assert outcomes(universe) == 4
    assert without_token(Visitor(universe, "petra").get("/cohort/").text) == before


def outcomes(universe: Universe) -> int:
    with acting(system_scope()), transaction.atomic():
        patient_id = universe.records["survivor"].patient_id
        return Outcome.objects.filter(patient_id=patient_id).count()


def test_right_record_takes_the_record_id_and_a_restored_one_waits_for_it(
    universe: Universe,
) -> None:
    retire(universe, "survivor")
    assert plain_record_id(universe, "survivor").startswith("retired-")
    right = add_record(universe.centers["C01"], RECORDS["survivor"][1])
    with pytest.raises(Refused) as refused:
        restore_record(
            actor=system_scope(), patient=patient_of(universe, "survivor"), reason="by mistake"
        )
    assert {f.check for f in refused.value.findings} == {"record.duplicate"}
    change = RowChange("patients", read_values("patients", {"record_id": "C01-0009"}))
    save_records(
        actor=system_scope(),
        changes=[RecordChange(universe.centers["C01"].pk, right.patient_id, [change])],
        reason="another number",
    )
    restore_record(actor=system_scope(), patient=patient_of(universe, "survivor"), reason="found")
    assert plain_record_id(universe, "survivor") == "C01-0001"
    with acting(system_scope()), transaction.atomic():
        patient_id = universe.records["survivor"].patient_id
        values = load_records([patient_id])[patient_id].patient.values
    assert (values["record_id"], values["mrn"]) == ("C01-0001", "88 1234")


def test_restore_by_page_keeps_the_reason_in_the_trail(universe: Universe) -> None:
    assert send(universe, "carla").status == 302
    sent = Visitor(universe, "carla").fill(
        universe.url("survivor", "retire/"), reason_preset="Retired by mistake"
    )
    assert sent.status == 302
    assert universe.url("survivor") in Visitor(universe, "carla").get("/records/").text
    with acting(system_scope()), transaction.atomic():
        reasons = AuditEvent.objects.filter(
            table_name="patients_patient", patient_id=universe.records["survivor"].patient_id
        ).values_list("reason", flat=True)
        assert {"Entered twice", "Retired by mistake"} <= set(reasons)


def test_retirement_needs_reason_and_version(universe: Universe) -> None:
    path = universe.url("survivor", "retire/")
    visitor = Visitor(universe, "carla")
    page = visitor.fill(path, reason_preset="", reason="")
    assert (page.status, "Give the reason" in page.text) == (422, True)
    page = visitor.fill(path, reason_preset="Other", reason="")
    assert page.status == 422
    page = visitor.post(path, REASON)
    assert (page.status, "Open this page again" in page.text) == (422, True)
    old = visitor.get(path).form
    amend_record(universe, "survivor", [RowChange("patients", {"sex": "male"})])
    page = visitor.post(path, {**old, **REASON})
    assert (page.status, "Somebody else saved this record" in page.text) == (409, True)
    assert not patient_of(universe, "survivor").retracted


def test_linked_record_is_not_retired(universe: Universe) -> None:
    link = RowChange("patients", {"same_person_as": "C01-0001"})
    amend_record(universe, "waiting", [link])
    with pytest.raises(LinkedRecords) as refused:
        retire(universe, "survivor")
    number = patient_of(universe, "waiting").registry_number
    assert refused.value.numbers == (number,)
    page = send(universe, "carla")
    assert (page.status, number in page.text) == (422, True)
    retire(universe, "waiting")
    retire(universe, "survivor")
    with pytest.raises(LinkedRecords):
        restore_record(
            actor=system_scope(), patient=patient_of(universe, "waiting"), reason="by mistake"
        )


def test_only_coordinators_of_the_center_retire(universe: Universe) -> None:
    for username in ("petra", "max", "dana", "ines", "adam"):
        assert Visitor(universe, username).get(universe.url("survivor", "retire/")).status == 403
        with pytest.raises(PermissionDenied), acting(system_scope()):
            actor = scope_of(universe.users[username])
            retire_record(actor=actor, patient=patient_of(universe, "survivor"), reason="x")
    assert Visitor(universe, "otto").get(universe.url("survivor", "retire/")).status == 404
    assert Visitor(universe, "bea").get(universe.url("stranger", "retire/")).status == 403
