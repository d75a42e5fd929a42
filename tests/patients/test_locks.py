"""Locks: the database refuses to write a locked record, whatever way one goes."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, IntegrityError, ProgrammingError, connection, transaction

from centers.access import Scope, acting, set_reason, system_scope
from centers.models import AuditEvent, Center
from patients.actions.changes import RecordNotFound
from patients.actions.locks import NotLocked, ReasonMissing, lock_records
from patients.actions.records import Refused, RowChange, withdraw_consent
from patients.actions.writing import constraint_of
from patients.models import Lock, Patient
from patients.rules.dictionary import FORMS
from tests.patients.bundles import record, row, write_folder
from tests.patients.import_tools import counted, findings, run
from tests.patients.signing import center_of, lock, scope, sign, signing, standing, unlock
from tests.universe import Universe, amend_record, read_values

LATER = {"date": "2013-05", "vital_status": "alive"}


def record_key(universe: Universe, record: str = "survivor") -> int:
    return universe.records[record].patient_id


def _add_contact(universe: Universe, record: str = "survivor") -> None:
    change = RowChange("follow_ups", read_values("follow_ups", LATER))
    amend_record(universe, record, [change])


def test_lock_holds_who_when_and_why_until_it_is_opened_with_a_reason(universe: Universe) -> None:
    assert lock(universe, "survivor", "waiting", reason=" Data cut 2026 ") == 2
    assert lock(universe, "survivor", "untreated") == 1
    held = signing(universe, "survivor").lock
    assert held is not None
    assert (held.locked_by_name, held.reason) == ("Max Example", "Data cut 2026")
    unlock(universe, "survivor", by="dana", reason="Late answer")
    assert signing(universe, "survivor").lock is None
    with acting(system_scope()), transaction.atomic():
        opened = Lock.objects.get(pk=held.pk)
        events = list(
            AuditEvent.objects.filter(table_name="patients_lock", row_id=held.pk).order_by("id")
        )
    assert (opened.unlocked_by_name, opened.unlock_reason) == ("Dana Example", "Late answer")
    assert opened.unlocked_at is not None
    assert opened.unlocked_at > opened.locked_at
    assert [(e.operation, e.reason) for e in events] == [
        ("insert", "Data cut 2026"),
        ("update", "Late answer"),
    ]
    _add_contact(universe)


def test_locking_and_unlocking_need_a_reason_and_a_lock(universe: Universe) -> None:
    with pytest.raises(ReasonMissing):
        lock(universe, "survivor", reason="  ")
    with pytest.raises(NotLocked):
        unlock(universe, "survivor")
    lock(universe, "survivor")
    with pytest.raises(ReasonMissing):
        unlock(universe, "survivor", reason=" ")
    assert signing(universe, "survivor").lock is not None


def test_only_monitors_and_data_managers_of_the_center_lock(universe: Universe) -> None:
    for username in ("carla", "petra", "bea", "otto", "ines", "adam"):
        with pytest.raises((PermissionDenied, RecordNotFound)):
            lock(universe, "survivor", by=username)
    with pytest.raises(RecordNotFound):
        lock(universe, "survivor", "stranger", by="max")
    with pytest.raises(PermissionDenied):
        lock(universe, "survivor", "stranger", by="bea")
    assert signing(universe, "survivor").lock is None
    assert lock(universe, "survivor", "stranger", by="dana") == 2


def test_signing_does_not_write_the_record_and_a_locked_one_is_signed(universe: Universe) -> None:
    lock(universe, "survivor")
    sign(universe, "survivor")
    unlock(universe, "survivor")
    assert standing(universe, "survivor") == {"verified", "approved"}


@pytest.mark.requirement("S3")
def test_every_action_on_a_locked_record_is_refused(universe: Universe) -> None:
    lock(universe, "survivor")
    follow_up = universe.row_key("survivor", "follow_ups")
    changes = [
        RowChange("follow_ups", read_values("follow_ups", LATER)),
        RowChange("follow_ups", {"source": "phone"}, row_id=follow_up),
        RowChange("follow_ups", row_id=follow_up, retract=True),
        RowChange("patients", {"mrn": "1"}),
        RowChange("patients", {"race": "asian"}),
        RowChange("patients", read_values("patients", {"date_of_death": "2016"})),
        RowChange("patients", retract=True),
    ]
    for change in changes:
        with pytest.raises(Refused) as refused:
            amend_record(universe, "survivor", [change])
        assert [f.check for f in refused.value.findings] == ["record.locked"]
        assert refused.value.findings[0].row.form == change.form
    with pytest.raises(Refused):
        withdraw_consent(
            actor=system_scope(),
            center_id=center_of(universe, "survivor"),
            patient_id=record_key(universe),
            reason="x",
        )
    _add_contact(universe, "untreated")


def _as_app(actor: Scope, statement: str, *values: object) -> None:
    with acting(actor), transaction.atomic(), connection.cursor() as cursor:
        set_reason("x")
        cursor.execute(statement, values)


INSERTED = (
    "insert into patients_follow_up (public_id, patient_id, center_id, date, vital_status,"
    " created_at) select gen_random_uuid(), id, center_id, '2015', 'alive', now()"
    " from patients_patient where id = %s"
)
WRITES = (
    *(
        f"update patients_{form} set missing = missing where patient_id = %s"
        for form in ("course", "cycle", "assessment", "follow_up")
    ),
    "update patients_course set retracted = true where patient_id = %s",
    "update patients_patient set race = 'asian' where id = %s",
    INSERTED,
)
IDENTITY = "update ident.patient_identity set mrn_index = null where patient_id = %s"


def _refused_as_locked(actor: Scope, statement: str, key: int, erasing: str = "") -> bool:
    try:
        with acting(actor), transaction.atomic(), connection.cursor() as cursor:
            set_reason("x")
            cursor.execute("select set_config('registry.erasing', %s, true)", [erasing])
            cursor.execute(statement, [key])
            assert cursor.rowcount > 0
    except IntegrityError as error:
        return constraint_of(error) == "record.locked"
    return False


@pytest.mark.requirement("S3")
def test_plain_sql_of_the_app_writes_no_row_of_a_locked_record(universe: Universe) -> None:
    lock(universe, "survivor")
    key, actor = record_key(universe), scope(universe, "carla")
    for statement in (*WRITES, IDENTITY):
        assert _refused_as_locked(actor, statement, key), statement


def test_erasing_identifiers_passes_a_lock_and_nothing_clinical_does(universe: Universe) -> None:
    lock(universe, "survivor", "waiting")
    key, actor = record_key(universe), scope(universe, "carla")
    for statement in WRITES:
        assert _refused_as_locked(actor, statement, key, str(key)), statement
    assert not _refused_as_locked(actor, IDENTITY, key, str(key))
    assert _refused_as_locked(actor, IDENTITY, record_key(universe, "waiting"), str(key))


def test_app_forges_no_lock_and_opens_none(universe: Universe) -> None:
    center, key = center_of(universe, "survivor"), record_key(universe)
    made = (
        "insert into patients_lock (public_id, center_id, patient_id, reason)"
        " values (gen_random_uuid(), %s, %s, 'x')"
    )
    with pytest.raises(ProgrammingError):
        _as_app(scope(universe, "carla"), made, center, key)
    with pytest.raises(DatabaseError):
        _as_app(scope(universe, "mona"), made, center, key)
    lock(universe, "survivor")
    with pytest.raises(ProgrammingError):
        _as_app(scope(universe, "carla"), "update patients_lock set unlock_reason = 'x'")
    for statement in (
        "update patients_lock set unlocked_at = now(), unlock_reason = 'x'",
        "update patients_lock set reason = 'y'",
        "delete from patients_lock",
    ):
        with pytest.raises(ProgrammingError):
            _as_app(scope(universe, "max"), statement)
    unlock(universe, "survivor")
    with pytest.raises(IntegrityError) as refused:
        _as_app(scope(universe, "max"), "update patients_lock set unlock_reason = 'Another'")
    assert constraint_of(refused.value) == "lock.kept"


def test_locks_are_counted_once_and_foreign_ones_hidden(universe: Universe) -> None:
    lock(universe, "stranger", by="mona")
    with acting(scope(universe, "carla")), transaction.atomic():
        assert Lock.objects.count() == 0
    key = record_key(universe, "stranger")
    again = lock_records(actor=scope(universe, "dana"), patient_ids=[key, key], reason="x")
    assert again == 0


def test_every_form_of_the_dictionary_is_under_the_lock(universe: Universe) -> None:
    """Each clinical and identity table has the triggers that refuse a locked record."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "select count(distinct tgrelid) from pg_trigger where tgfoid in"
            " ('patients_touch'::regproc, 'patients_touch_patient'::regproc)"
        )
        assert cursor.fetchone()[0] == len(FORMS) - 1 + 1  # centers has none, identity is one more


def test_import_of_locked_records_names_file_and_row_of_each_and_writes_nothing(
    center: Center, tmp_path: Path
) -> None:
    old = {form: [*record("R1")[form], *record("R2")[form]] for form in record()}
    assert run(write_folder(tmp_path / "old", old))[0] == 0
    _lock_all()
    assert run(write_folder(tmp_path / "same", old))[0] == 0
    new = {
        **record("R3"),
        "follow_ups": [
            *(row("follow_ups", name, date="2005") for name in ("R1", "R2", "R3")),
            row("follow_ups", "R3"),
        ],
    }
    new["patients"] = [row("patients", name) for name in ("R1", "R2", "R3")]
    before = counted()
    found = findings(write_folder(tmp_path / "new", new), "--reason=More contacts")
    assert found == [
        ("follow_ups.csv", "2", "", "record.locked"),
        ("follow_ups.csv", "3", "", "record.locked"),
    ]
    assert counted() == before


def _lock_all() -> None:
    with acting(system_scope()) as actor, transaction.atomic():
        ids = list(Patient.objects.values_list("id", flat=True))
        assert lock_records(actor=actor, patient_ids=ids, reason="Data cut") == 2
