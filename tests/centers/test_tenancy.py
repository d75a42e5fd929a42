"""The database itself refuses: every filter of the application is bypassed here."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, OperationalError, connection, transaction

from centers.access import Scope, acting, set_reason, system_scope
from centers.models import SYSTEM_USER_ID, AuditEvent, Center
from patients.models import Assessment, Patient


@dataclass(frozen=True)
class TwoCenters:
    """Centers A and B with one record each; scopes that see only their own."""

    a: Center
    b: Center
    record_a: int
    record_b: int
    scope_a: Scope
    scope_b: Scope


def insert_record(center: Center, number: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into patients_patient (public_id, center_id, registry_number, sex, disease,"
            " cohort, created_at) values (%s, %s, %s, 'male', 'melanoma', 'retrospective', now())"
            " returning id",
            [uuid.uuid4(), center.pk, number],
        )
        return cursor.fetchone()[0]


@pytest.fixture
def two(database: None) -> TwoCenters:
    with acting(system_scope()), transaction.atomic():
        a = Center.objects.create(code="A01", name="Center A")
        b = Center.objects.create(code="B01", name="Center B")
    with acting(system_scope()), transaction.atomic():
        record_a = insert_record(a, "IL2-00000001-3")
        record_b = insert_record(b, "IL2-00000002-1")
    scopes = [Scope(SYSTEM_USER_ID, "coordinator", (center.pk,)) for center in (a, b)]
    return TwoCenters(a, b, record_a, record_b, scopes[0], scopes[1])


def test_rows_without_a_scope_are_none(two: TwoCenters) -> None:
    with transaction.atomic():
        assert Patient.objects.count() == 0


def test_rows_outside_a_transaction_are_none(two: TwoCenters) -> None:
    with acting(two.scope_a):
        assert Patient.objects.count() == 0


def test_rows_of_another_center_are_not_read(two: TwoCenters) -> None:
    with acting(two.scope_a), transaction.atomic():
        assert list(Patient.objects.values_list("id", flat=True)) == [two.record_a]


def test_row_for_another_center_is_not_written(two: TwoCenters) -> None:
    with (
        acting(two.scope_a),
        pytest.raises(DatabaseError, match="row-level security"),
        transaction.atomic(),
    ):
        insert_record(two.b, "IL2-00000003-0")


def test_row_of_another_center_is_not_changed(two: TwoCenters) -> None:
    with acting(two.scope_a), transaction.atomic():
        set_reason("test")
        assert Patient.objects.filter(id=two.record_b).update(sex="female") == 0


def test_row_is_not_moved_to_another_center(two: TwoCenters) -> None:
    with (
        acting(two.scope_a),
        pytest.raises(DatabaseError, match="row-level security"),
        transaction.atomic(),
    ):
        set_reason("test")
        Patient.objects.filter(id=two.record_a).update(center_id=two.b.pk)


def test_child_is_not_attached_to_another_centers_record(two: TwoCenters) -> None:
    with (
        acting(two.scope_a),
        pytest.raises(DatabaseError, match="foreign key"),
        transaction.atomic(),
    ):
        Assessment.objects.create(
            center_id=two.a.pk, patient_id=two.record_b, date="2001", response="PD"
        )


def test_scope_ends_with_its_transaction(two: TwoCenters) -> None:
    with acting(two.scope_a), transaction.atomic():
        Patient.objects.count()
    with connection.cursor() as cursor:
        cursor.execute("select current_setting('registry.centers', true)")
        assert cursor.fetchone()[0] in ("", None)


def test_transaction_whose_scope_was_not_sent_leaves_nothing_to_the_next(two: TwoCenters) -> None:
    def lost(execute: Any, *arguments: Any) -> Any:
        execute(*arguments)
        raise OperationalError("the connection is lost")

    losing = connection.execute_wrapper(lost)
    with acting(two.scope_a), losing, pytest.raises(OperationalError), transaction.atomic():
        pass
    with acting(two.scope_a), transaction.atomic():
        assert list(Patient.objects.values_list("id", flat=True)) == [two.record_a]


def test_scope_set_inside_a_transaction_holds_and_ends_there(two: TwoCenters) -> None:
    with acting(two.scope_a), transaction.atomic():
        with acting(two.scope_b):
            assert list(Patient.objects.values_list("id", flat=True)) == [two.record_b]
        assert list(Patient.objects.values_list("id", flat=True)) == [two.record_a]


def test_app_cannot_lift_row_level_security(two: TwoCenters) -> None:
    for statement in (
        "set session_replication_role = replica",
        "alter table patients_patient disable row level security",
        "alter table patients_patient disable trigger audit",
        "drop trigger audit on patients_patient",
        "set role registry_owner",
        "set role registry_worker",
        "truncate patients_assessment",
        "delete from patients_patient",
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_app_cannot_read_rows_with_row_security_off(two: TwoCenters) -> None:
    with (
        acting(two.scope_a),
        pytest.raises(DatabaseError),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("set local row_security = off")
        cursor.execute("select count(*) from patients_patient")


@pytest.mark.requirement("A1")
def test_write_leaves_an_event_with_actor_and_values(two: TwoCenters) -> None:
    with acting(two.scope_a), transaction.atomic():
        set_reason("source corrected")
        Patient.objects.filter(id=two.record_a).update(sex="female")
        event = AuditEvent.objects.filter(table_name="patients_patient").latest("id")
    assert (event.operation, event.actor_id, event.role) == (
        "update",
        SYSTEM_USER_ID,
        "coordinator",
    )
    assert event.before is not None
    assert event.after is not None
    assert (event.before["sex"], event.after["sex"]) == ("male", "female")
    assert (event.reason, event.center_id, event.patient_id) == (
        "source corrected",
        two.a.pk,
        two.record_a,
    )
    assert event.request_id == two.scope_a.request_id


def test_events_of_another_center_are_not_read(two: TwoCenters) -> None:
    with acting(two.scope_b), transaction.atomic():
        centers = set(AuditEvent.objects.values_list("center_id", flat=True))
    assert centers == {two.b.pk}


@pytest.mark.requirement("A1")
@pytest.mark.parametrize(
    "statement",
    [
        (
            "insert into audit.event (at, xact, actor_id, role, table_name, operation, app_version,"
            " row_hash) values (now(), pg_current_xact_id(), 1, 'x', 'x', 'x', 'x', '')"
        ),
        "update audit.event set reason = 'x'",
        "delete from audit.event",
        "truncate audit.event",
        "select audit.append(1, 1, 'x', 1, 'x', null, null, null)",
    ],
)
def test_events_are_not_written_by_the_app(two: TwoCenters, statement: str) -> None:
    with (
        acting(two.scope_a),
        pytest.raises(DatabaseError, match="permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


@pytest.mark.requirement("A1")
def test_amendment_without_actor_is_refused(two: TwoCenters) -> None:
    nobody = Scope(SYSTEM_USER_ID, "coordinator", (two.a.pk,))
    with (
        acting(nobody),
        pytest.raises(DatabaseError, match="without an actor"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("select set_config('registry.actor', '', true)")
        cursor.execute("select set_config('registry.reason', 'r', true)")
        cursor.execute("update patients_patient set sex = 'female'")


@pytest.mark.requirement("A1")
def test_amendment_without_reason_is_refused(two: TwoCenters) -> None:
    with (
        acting(two.scope_a),
        pytest.raises(DatabaseError, match="needs a reason"),
        transaction.atomic(),
    ):
        Patient.objects.filter(id=two.record_a).update(sex="female")


def test_record_version_rises_once_a_transaction(two: TwoCenters) -> None:
    with acting(two.scope_a), transaction.atomic():
        for response in ("PD", "SD"):
            Assessment.objects.create(
                center_id=two.a.pk, patient_id=two.record_a, date="2001", response=response
            )
        Patient.objects.get(id=two.record_a)
        version = Patient.objects.get(id=two.record_a).version_row.version
    assert version == 2


def test_record_version_is_not_written_by_the_app(two: TwoCenters) -> None:
    with (
        acting(two.scope_a),
        pytest.raises(DatabaseError, match="row-level security"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("update patients_record_version set version = 99")


@pytest.mark.parametrize("text", ["2019-02-30", "2019--05", "2019-13", "19", "2019-1-1", "1700"])
def test_database_refuses_what_is_no_partial_date(two: TwoCenters, text: str) -> None:
    with (
        acting(two.scope_a),
        pytest.raises(DatabaseError),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "insert into patients_assessment (public_id, center_id, patient_id, date, response,"
            " created_at) values (gen_random_uuid(), %s, %s, %s, 'PD', now())",
            [two.a.pk, two.record_a, text],
        )


@pytest.mark.parametrize(
    ("text", "lo", "hi", "point"),
    [
        ("2019", "2019-01-01", "2019-12-31", "2019-07-01"),
        ("2020-02", "2020-02-01", "2020-02-29", "2020-02-15"),
        ("2019-02-28", "2019-02-28", "2019-02-28", "2019-02-28"),
    ],
)
def test_database_computes_interval_and_point(
    superuser: psycopg.Connection, text: str, lo: str, hi: str, point: str
) -> None:
    row = superuser.execute(
        "select partial_date_lo(%(t)s)::text, partial_date_hi(%(t)s)::text,"
        " partial_date_point(%(t)s)::text",
        {"t": text},
    ).fetchone()
    assert row == (lo, hi, point)


@pytest.mark.parametrize(
    "missing", ['{"sex": "UNK"}', '{"ecog": "WHY"}', '{"ecog": "UNK", "x": "UNK"}', "[]"]
)
def test_database_refuses_a_wrong_missing_reason(two: TwoCenters, missing: str) -> None:
    with (
        acting(two.scope_a),
        pytest.raises(DatabaseError, match="missing"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("select set_config('registry.reason', 'r', true)")
        cursor.execute("update patients_patient set missing = %s::jsonb", [missing])


def test_database_refuses_a_missing_reason_beside_a_value(two: TwoCenters) -> None:
    with (
        acting(two.scope_a),
        pytest.raises(DatabaseError, match="missing_without_value"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("select set_config('registry.reason', 'r', true)")
        cursor.execute("""update patients_patient set ecog = '1', missing = '{"ecog": "UNK"}'""")
