"""Erasing identifiers on request of the person: nothing opens them again, and the trail holds."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path

import psycopg
import pytest
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from pytest_django import Settings

from analytics.derivation.stale import drain
from analytics.models import Outcome
from centers.access import acting, scope_of, set_reason, system_scope
from centers.sealing import seal_events
from patients.actions.changes import Refused, RowChange
from patients.actions.erasure import AlreadyErased, erase_identifiers
from patients.actions.key_rotation import rotate_identifier_key
from patients.actions.retirement import retire_record
from patients.models import DataKey, Erasure, Patient, PatientIdentity
from patients.queries.records import load_records
from patients.rules.record import RecordState
from patients.rules.values import Value
from tests.audit_trail import verify_live
from tests.patients.import_tools import findings
from tests.patients.pages import Visitor, shown
from tests.patients.signing import lock, sign
from tests.universe import RECORDS, Universe, add_record, amend_record, read_values

ASKED = date(2026, 3, 2)
CANARIES = ("C01-0001", "1951", "88 1234", "14-Jul-1951", "19510714")


def patient_of(universe: Universe, record: str = "survivor") -> Patient:
    with acting(system_scope()), transaction.atomic():
        return Patient.objects.get(pk=universe.records[record].patient_id)


def erase(universe: Universe, record: str = "survivor") -> None:
    erase_identifiers(
        actor=system_scope(),
        patient=patient_of(universe, record),
        requested_on=ASKED,
        reason="Letter of the person",
    )


def state_of(universe: Universe) -> RecordState:
    patient_id = universe.records["survivor"].patient_id
    with acting(system_scope()), transaction.atomic():
        return load_records([patient_id])[patient_id]


def stored(superuser: psycopg.Connection, universe: Universe) -> list[tuple[object, ...]]:
    """All that the database holds of the record outside clinical columns, as text."""
    patient_id = universe.records["survivor"].patient_id
    return superuser.execute(
        "select i::text, k::text, e::text, (select count(*) from ident.person_index where patient_id = %s)"
        " from ident.patient_identity i, ident.data_key k, patients_erasure e"
        " where i.patient_id = %s and k.patient_id = %s and e.patient_id = %s",
        [patient_id] * 4,
    ).fetchall()


@pytest.mark.requirement("I4")
def test_erasing_by_page_leaves_nothing_that_opens(
    universe: Universe, superuser: psycopg.Connection
) -> None:
    number = patient_of(universe).registry_number
    visitor = Visitor(universe, "petra")
    page = visitor.fill(
        universe.url("survivor", "erase/"),
        requested_on="2-Mar-2026",
        number=number.lower(),
        reason_preset="Letter of the person",
    )
    assert (page.status, page.url) == (302, universe.url("survivor"))
    rows = stored(superuser, universe)
    assert len(rows) == 1
    assert shown(str(rows), CANARIES) == []
    assert rows[0][3] == 0
    state = state_of(universe)
    assert state.erased
    values = state.patient.values
    assert str(values["record_id"]).startswith("erased-")
    assert [values[name] for name in ("birth_date", "mrn", "initials")] == [None] * 3
    assert values["sex"] == "female"
    page = visitor.get(universe.url("survivor"))
    assert "Identifiers erased" in page.text
    assert shown(page.text, CANARIES) == []
    assert "C01-0001" not in visitor.get("/records/").text
    assert "were erased on" in visitor.get(universe.url("survivor", "erase/")).text


def test_old_events_hold_only_what_nobody_can_open_and_the_trail_verifies(
    universe: Universe, superuser: psycopg.Connection
) -> None:
    key = superuser.execute(
        "select wrapped from ident.data_key where patient_id = %s",
        [universe.records["survivor"].patient_id],
    ).fetchone()
    assert key is not None
    erase(universe)
    seal_events()
    report = verify_live()
    assert [f"{f}" for f in report.findings] == []
    events = superuser.execute("select coalesce(string_agg(e::text, ''), '') from audit.event e")
    text = events.fetchone()
    assert text is not None
    # Whole words: the digits of a hash may hold a year by chance.
    assert [one for one in CANARIES if re.search(rf"\b{one}\b", text[0])] == []
    assert bytes(key[0]).hex() not in text[0]
    kept = superuser.execute("select k::text from ident.data_key k").fetchall()
    assert bytes(key[0]).hex() not in str(kept)


def test_age_goes_with_the_birth_date_and_the_outcome_stays(universe: Universe) -> None:
    def outcome() -> Outcome:
        with acting(system_scope()), transaction.atomic():
            return Outcome.objects.get(
                patient_id=universe.records["survivor"].patient_id, variant="primary"
            )

    before = outcome()
    assert before.age_at_t0 == 47
    erase(universe)
    drain()
    after = outcome()
    assert after.age_at_t0 is None
    assert (after.eligible, after.t0, after.pfs_days) == (
        before.eligible,
        before.t0,
        before.pfs_days,
    )


def test_bundle_with_the_old_record_id_brings_nothing_back(
    universe: Universe, tmp_path: Path
) -> None:
    erase(universe)
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / "patients.csv").write_text(
        "center,record_id,birth_date,sex,disease,cohort,consent\n"
        "C01, c01-0001 ,1951-07-14,female,melanoma,retrospective,signed\n"
    )
    assert findings(bundle) == [("patients.csv", "2", "record_id", "record.erased")]
    with pytest.raises(Refused) as refused:
        add_record(universe.centers["C01"], RECORDS["survivor"][1])
    assert "record.erased" in {f.check for f in refused.value.findings}
    # Another center's record of that number is another person.
    add_record(universe.centers["C02"], RECORDS["survivor"][1])


def test_identifiers_do_not_come_back_by_amending(universe: Universe) -> None:
    erase(universe)
    old = {"birth_date": "1951", "mrn": "88 1234", "initials": "AB", "record_id": "N-1"}
    for name, text in old.items():
        change = RowChange("patients", read_values("patients", {name: text}))
        with pytest.raises(Refused) as refused:
            amend_record(universe, "survivor", [change])
        assert [f.check for f in refused.value.findings] == ["person.erased"]
    sex: dict[str, Value] = {"sex": "male"}
    amend_record(universe, "survivor", [RowChange("patients", sex)])
    assert state_of(universe).patient.values["sex"] == "male"


def test_baseline_form_of_an_erased_record_has_no_identifying_box(universe: Universe) -> None:
    erase(universe)
    page = Visitor(universe, "carla").get(universe.url("survivor", "baseline/"))
    assert page.status == 200
    assert not {"patients.birth_date", "birth_date", "mrn"} & {
        name.split(".")[-1] for name in page.form
    }
    saved = Visitor(universe, "carla").fill(
        universe.url("survivor", "baseline/"), reason_preset="Review of the chart"
    )
    assert saved.status == 302


def test_database_itself_keeps_what_was_erased(universe: Universe) -> None:
    erase(universe)
    patient_id = universe.records["survivor"].patient_id
    with acting(system_scope()):
        with pytest.raises(IntegrityError, match="were erased"), transaction.atomic():
            set_reason("x")
            PatientIdentity.objects.filter(pk=patient_id).update(record_id="C01-0001")
        with pytest.raises(IntegrityError, match="were erased"), transaction.atomic():
            DataKey.objects.filter(pk=patient_id).update(wrapped=b"x", destroyed_at=None)
        other = universe.records["waiting"].patient_id
        with pytest.raises(IntegrityError, match="by an erasure only"), transaction.atomic():
            DataKey.objects.filter(pk=other).update(
                wrapped=b"", destroyed_at=datetime(2026, 1, 1, tzinfo=UTC)
            )
        with pytest.raises(Exception, match="permission denied"), transaction.atomic():
            Erasure.objects.filter(pk=patient_id).delete()


def test_erasure_is_once_and_needs_reason_and_a_day_that_has_come(universe: Universe) -> None:
    patient = patient_of(universe)
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    for day, reason in ((tomorrow, "letter"), (ASKED, " ")):
        with pytest.raises(ValueError, match="needs a reason"):
            erase_identifiers(
                actor=system_scope(), patient=patient, requested_on=day, reason=reason
            )
    erase(universe)
    with pytest.raises(AlreadyErased):
        erase(universe)


def test_page_refuses_another_number_a_wrong_day_and_no_reason(universe: Universe) -> None:
    number = patient_of(universe).registry_number
    visitor, path = Visitor(universe, "petra"), universe.url("survivor", "erase/")
    right = {"requested_on": "2026-03-02", "number": number, "reason_preset": "Other"}
    right["reason"] = "by telephone"
    for name, value, words in (
        ("number", "IL2-1", "Type the registry number of this record"),
        ("requested_on", "2999-01-01", "in the future"),
        ("requested_on", "2026-03", "Enter the day of the request"),
        ("reason", "", "Give the reason"),
    ):
        page = visitor.post(path, {**right, name: value})
        assert (page.status, words in page.text) == (422, True), name
    assert not state_of(universe).erased
    assert visitor.post(path, right).status == 302
    page = visitor.post(path, right)
    assert (page.status, "were erased" in page.text) == (422, True)


def test_only_the_principal_investigator_of_the_center_erases(universe: Universe) -> None:
    for username in ("carla", "max", "dana", "ines", "adam"):
        assert Visitor(universe, username).get(universe.url("survivor", "erase/")).status == 403
        with acting(system_scope()), pytest.raises(PermissionDenied):
            erase_identifiers(
                actor=scope_of(universe.users[username]),
                patient=patient_of(universe),
                requested_on=ASKED,
                reason="x",
            )
    assert Visitor(universe, "petra").get(universe.url("stranger", "erase/")).status == 404


@pytest.mark.requirement("I4")
def test_restored_backup_is_erased_again_from_the_list(
    universe: Universe, superuser: psycopg.Connection, tmp_path: Path
) -> None:
    """The list is kept apart; the database goes back to a state before the erasure."""
    columns = {
        "patient_identity": ("record_id", "birth_date", "sealed", "mrn_index"),
        "data_key": ("key_id", "wrapped", "destroyed_at"),
    }
    for table in columns:
        superuser.execute(f"create temporary table {table} as table ident.{table}")
    erase(universe)
    file = tmp_path / "erased.jsonl"
    out = StringIO()
    call_command("reapply_erasures", "--write", str(file), stdout=out)
    assert out.getvalue() == "1 erasures written.\n"
    entry = json.loads(file.read_text())
    assert entry == {
        "record": str(universe.records["survivor"].public_id),
        "requested_on": "2026-03-02",
    }
    superuser.execute("set session_replication_role = replica")
    superuser.execute("delete from patients_erasure")
    for table, names in columns.items():
        values = ", ".join(f"{name} = b.{name}" for name in names)
        superuser.execute(
            f"update ident.{table} t set {values} from pg_temp.{table} b"
            " where b.patient_id = t.patient_id"
        )
        superuser.execute(f"drop table pg_temp.{table}")
    superuser.execute("reset session_replication_role")
    assert not state_of(universe).erased
    gone = "00000000-0000-4000-8000-000000000000"
    file.write_text(file.read_text() + json.dumps({**entry, "record": gone}) + "\n")
    out = StringIO()
    call_command("reapply_erasures", str(file), stdout=out)
    assert out.getvalue().startswith("1 erased, 0 were erased already.\n")
    assert gone in out.getvalue()
    assert state_of(universe).erased
    out = StringIO()
    call_command("reapply_erasures", stdout=out)
    assert out.getvalue() == "0 erased, 1 were erased already.\n"


@pytest.mark.parametrize("text", ["x", "[]", '{"record": "1", "requested_on": "2026-03-02"}', "1"])
def test_broken_list_has_status_two(tmp_path: Path, text: str) -> None:
    file = tmp_path / "list"
    file.write_text(text)
    with pytest.raises(CommandError, match="Line 1") as refused:
        call_command("reapply_erasures", str(file))
    assert refused.value.returncode == 2
    with pytest.raises(CommandError, match="The list") as refused:
        call_command("reapply_erasures", str(tmp_path / "absent"))
    assert refused.value.returncode == 2


def test_rotation_passes_by_a_destroyed_key(universe: Universe, settings: Settings) -> None:
    erase(universe)
    settings.REGISTRY_IDENTIFIER_KEY_NEW = b"n" * 32
    rotation = rotate_identifier_key(actor=system_scope())
    assert rotation.is_complete
    assert rotation.unreadable == []
    assert state_of(universe).erased


def test_erased_record_can_be_retired(universe: Universe) -> None:
    erase(universe)
    amend_record(universe, "survivor", [RowChange("patients", retract=True)])
    assert state_of(universe).erased


def test_setting_of_the_erasure_names_one_record_only(universe: Universe) -> None:
    erase(universe)
    with acting(system_scope()), pytest.raises(IntegrityError), transaction.atomic():
        set_reason("x")
        with connection.cursor() as cursor:
            other = str(universe.records["waiting"].patient_id)
            cursor.execute("select set_config('registry.erasing', %s, true)", [other])
        PatientIdentity.objects.filter(pk=universe.records["survivor"].patient_id).update(
            record_id="x"
        )


def test_lock_stops_retirement_and_not_the_persons_right(universe: Universe) -> None:
    sign(universe, "survivor")
    lock(universe, "survivor")
    with pytest.raises(Refused) as refused:
        retire_record(actor=system_scope(), patient=patient_of(universe), reason="error")
    assert {f.check for f in refused.value.findings} == {"record.locked"}
    erase(universe)
    assert state_of(universe).erased
    seal_events()
    assert [f"{f}" for f in verify_live().findings] == []
    sex: dict[str, Value] = {"sex": "male"}
    with pytest.raises(Refused):
        amend_record(universe, "survivor", [RowChange("patients", sex)])
