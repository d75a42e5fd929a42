"""The database itself refuses: the case table of the hard checks, written by SQL as the app role."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.db.backends.utils import CursorWrapper

from centers.access import Scope, acting, set_reason
from centers.models import Center
from patients.actions.records import KEYS_AS_CHECKS, RecordChange, Refused, save_records
from patients.actions.writing import constraint_of
from patients.rules.checks import CATALOG, check_record
from patients.rules.record import Row
from tests.patients.check_cases import CONTACT, TODAY, Case
from tests.patients.hard_cases import HARD_CASES
from tests.patients.record_changes import change, new_record
from tests.patients.soft_cases import SOFT_CASES
from tests.patients.sql_records import insert_patient, insert_record, insert_row

NOT_NULL = "23502"
NOT_PERMITTED = "42501"
FUTURE_CONTACT = Row("follow_ups", None, {"date": "2199", "vital_status": "alive"})


@contextmanager
def writing(scope: Scope) -> Iterator[CursorWrapper]:
    """A transaction of the app role with a reason for change."""
    with acting(scope), transaction.atomic(), connection.cursor() as cursor:
        set_reason("x")
        yield cursor


def refused_check(error: IntegrityError) -> str:
    """The stable id of the check that a database error stands for."""
    if getattr(error.__cause__, "sqlstate", "") == NOT_NULL:
        return "value.required"
    name = constraint_of(error)
    return KEYS_AS_CHECKS.get(name, name)


def test_database_runs_as_the_app_role_without_privileges(database: None) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "select current_user, rolsuper, rolbypassrls from pg_roles where rolname = current_user"
        )
        assert cursor.fetchone() == ("registry_app", False, False)


@pytest.mark.parametrize("case", HARD_CASES, ids=str)
def test_database_agrees_with_python(case: Case, center: Center, coordinator: Scope) -> None:
    state = case.record()
    python = {f.check for f in check_record(state, today=TODAY) if f.severity == "hard"}
    if not python:
        insert_record(coordinator, center.pk, state)
        return
    with pytest.raises(IntegrityError) as error:
        insert_record(coordinator, center.pk, state)
    assert refused_check(error.value) in python


def test_database_keeps_what_is_only_unlikely(center: Center, coordinator: Scope) -> None:
    for number, case in enumerate(SOFT_CASES):
        state = case.record()
        findings = check_record(state, today=TODAY)
        if all(f.severity == "soft" for f in findings):
            insert_record(coordinator, center.pk, state, f"S{number}")


def test_database_message_repeats_no_value(center: Center, coordinator: Scope) -> None:
    state = Case("order.birth", "", True, {"follow_ups": [{**CONTACT, "date": "1931-07-08"}]})
    with pytest.raises(IntegrityError) as error:
        insert_record(coordinator, center.pk, state.record())
    text = f"{error.value}{error.value.__cause__.diag.message_detail}"  # type: ignore[union-attr]
    assert "1931" not in text
    assert "1950" not in text


def test_database_refuses_after_an_early_check(center: Center, coordinator: Scope) -> None:
    """Checking early and writing on in the same transaction does not slip through."""
    state = Case("", "", False).record()
    with pytest.raises(IntegrityError) as error, acting(coordinator), transaction.atomic():
        patient_id = insert_patient(center.pk, state.patient, "R1")
        with connection.cursor() as cursor:
            cursor.execute("set constraints all immediate")
            cursor.execute("set constraints all deferred")
        insert_row(center.pk, patient_id, "follow_ups", FUTURE_CONTACT)
    assert refused_check(error.value) == "date.future"


@pytest.mark.parametrize("mode", ["immediate", "deferred"])
def test_database_refuses_an_update_into_the_impossible(
    center: Center, coordinator: Scope, mode: str
) -> None:
    patient_id = insert_record(coordinator, center.pk, Case("", "", False).record())
    with pytest.raises(IntegrityError) as error, writing(coordinator) as cursor:
        cursor.execute(f"set constraints all {mode}")
        cursor.execute(
            "update patients_patient set date_of_death = '2000' where id = %s", [patient_id]
        )
    assert refused_check(error.value) == "order.after_death"


def test_database_refuses_changed_birth_date(center: Center, coordinator: Scope) -> None:
    patient_id = insert_record(coordinator, center.pk, Case("", "", False).record())
    with pytest.raises(IntegrityError) as error, writing(coordinator) as cursor:
        cursor.execute(
            "update ident.patient_identity set birth_date = '2010' where patient_id = %s",
            [patient_id],
        )
    assert refused_check(error.value) == "order.birth"


def test_database_version_row_is_out_of_reach(center: Center, coordinator: Scope) -> None:
    insert_record(coordinator, center.pk, Case("", "", False).record())
    for statement in (
        "update patients_record_version set unchecked = false",
        "delete from patients_record_version",
        "select patients_refuse_impossible(1)",
        "alter table patients_record_version disable trigger all",
    ):
        with pytest.raises(ProgrammingError) as error, writing(coordinator) as cursor:
            cursor.execute(statement)
        assert getattr(error.value.__cause__, "sqlstate", "") == NOT_PERMITTED


def test_database_leaves_a_retracted_record_alone(center: Center, coordinator: Scope) -> None:
    state = Case("", "", True, {"follow_ups": [{**CONTACT, "date": "2199"}]}).record()
    state.patient.retracted = True
    insert_record(coordinator, center.pk, state)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sex", "man"),
        ("weight_kg", "-1"),
        ("histology", "x" * 61),
        ("consent_date", "2019-13"),
        ("consent_date", "2019--05"),
    ],
)
def test_database_refuses_values_outside_the_dictionary(
    center: Center, coordinator: Scope, field: str, value: str
) -> None:
    state = Case("", "", True).record()
    state.patient.values = {**state.patient.values, field: value}  # type: ignore[assignment]
    with pytest.raises(IntegrityError):
        insert_record(coordinator, center.pk, state)


def test_database_refusal_inside_an_action_is_a_finding(
    center: Center, coordinator: Scope, superuser: psycopg.Connection
) -> None:
    """Python told that tomorrow is long past lets the row through; the database does not."""
    contact = change("follow_ups", {**CONTACT, "date": "2150"})
    rows = [*new_record(center).rows, contact]
    with pytest.raises(Refused) as refused:
        save_records(
            actor=coordinator,
            changes=[RecordChange(center.pk, None, rows)],
            today=TODAY.replace(year=2190, day=1),
        )
    assert [f.check for f in refused.value.findings] == ["date.future"]
    assert superuser.execute("select count(*) from patients_patient").fetchone() == (0,)


def test_database_check_is_cheap(
    center: Center, coordinator: Scope, superuser: psycopg.Connection
) -> None:
    """Aim 0.3 ms a record; the bound leaves room for a busy machine."""
    case = next(c for c in HARD_CASES if c.check == "attestation.none" and not c.fires)
    patient_id = insert_record(coordinator, center.pk, case.record())
    call = "select patients_refuse_impossible(%s) from generate_series(1, 200)"
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        superuser.execute(call, [patient_id])
        seconds.append(time.perf_counter() - start)
    assert min(seconds) / 200 < 5e-3


def test_documented_places_are_those_of_the_database(superuser: psycopg.Connection) -> None:
    """Constraints and the function's ids are those that the catalog says the database enforces."""
    source = superuser.execute(
        "select prosrc from pg_proc where proname = 'patients_refuse_impossible'"
    ).fetchone()
    assert source is not None
    raised = {check for check in CATALOG if f"'{check}'" in source[0]}
    assert raised == {c.id for c in CATALOG.values() if c.database == "trigger"}
    named = superuser.execute(
        "select conname from pg_constraint where conname like '%.%'"
    ).fetchall()
    assert {name for (name,) in named} <= set(CATALOG)
