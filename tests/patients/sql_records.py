"""Writes the records of case tables by plain SQL as the app role, past all Python."""

from __future__ import annotations

from typing import Any

from django.db import connection, transaction
from psycopg import sql
from psycopg.types.json import Jsonb

from centers.access import Scope, acting
from patients.models import ROW_MODELS
from patients.queries.records import COLUMNS
from patients.rules.record import RecordState, Row
from patients.rules.values import Missing

TABLES = {form: model._meta.db_table for form, model in ROW_MODELS.items()}


def insert_record(scope: Scope, center_id: int, state: RecordState, record_id: str = "R1") -> int:
    """One record in one transaction. Raises what the database raises."""
    with acting(scope), transaction.atomic():
        patient_id = insert_patient(center_id, state.patient, record_id)
        for form, rows in state.rows.items():
            for row in rows:
                insert_row(center_id, patient_id, form, row)
    return patient_id


def insert_patient(center_id: int, row: Row, record_id: str) -> int:
    """The patient's row and its identity."""
    cells = _cells(row) | {"center_id": center_id, "registry_number": f"{center_id}-{record_id}"}
    patient_id = _insert("patients_patient", cells)
    birth = row.value("birth_date")
    identity = {
        "patient_id": patient_id,
        "center_id": center_id,
        "record_id": record_id,
        "birth_date": None if birth is None else str(birth),
        "sealed": b"sealed",
    }
    _insert("ident.patient_identity", identity, key="patient_id", common=False)
    return patient_id


def insert_row(center_id: int, patient_id: int, form: str, row: Row) -> int:
    """One row; a cycle hangs on the record's latest course of its number."""
    cells = _cells(row) | {"center_id": center_id, "patient_id": patient_id}
    if form == "cycles":
        with connection.cursor() as cursor:
            cursor.execute(
                "select max(id) from patients_course where patient_id = %s and course_number = %s",
                [patient_id, row.values["course_number"]],
            )
            cells["course_id"] = cursor.fetchone()[0]
    return _insert(TABLES[form], cells)


def _cells(row: Row) -> dict[str, Any]:
    values = {name: row.values.get(name) for name in COLUMNS[row.form]}
    reasons = {name: v.reason for name, v in values.items() if isinstance(v, Missing)}
    cells = {name: _cell(v) for name, v in values.items() if not isinstance(v, Missing)}
    return cells | {"missing": Jsonb(reasons), "retracted": row.retracted}


def _cell(value: object) -> object:
    if isinstance(value, tuple):
        return list(value)
    return str(value) if hasattr(value, "lo") else value


def _insert(table: str, cells: dict[str, Any], *, key: str = "id", common: bool = True) -> int:
    names = [sql.Identifier(name) for name in cells]
    extra = sql.SQL(", public_id, created_at" if common else "")
    extra_values = sql.SQL(", gen_random_uuid(), now()" if common else "")
    query = sql.SQL("insert into {} ({}{}) values ({}{}) returning {}").format(
        sql.Identifier(*table.split(".")),
        sql.SQL(", ").join(names),
        extra,
        sql.SQL(", ").join([sql.Placeholder()] * len(cells)),
        extra_values,
        sql.Identifier(key),
    )
    with connection.cursor() as cursor:
        cursor.execute(query, list(cells.values()))
        row_id: int = cursor.fetchone()[0]
    return row_id
