"""Loads the oracle's records into the database as they are: by COPY, past triggers and edit checks.

For states that no action would build (evidence after death, cutoff straddles by the hundred) and for
speed. Needs a superuser's connection; row ids are those of the records, so that evidence compares.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence

import psycopg

from tests.oracle import Record, Row

# form -> table, date column, columns copied from the row with their default where one is required
TABLES: dict[str, tuple[str, str, dict[str, str | None]]] = {
    "cycle": ("patients_cycle", "start_date", {"cycle_number": "1", "doses_given": None}),
    "assessment": ("patients_assessment", "date", {"response": "NE", "basis": None}),
    "local_therapy": (
        "patients_local_therapy",
        "date",
        {"modality": "other", "indication": None, "rendered_ned": None},
    ),
    "systemic_therapy": (
        "patients_systemic_therapy",
        "start_date",
        {"therapy_class": "other_anticancer", "indication": None},
    ),
    "follow_up": (
        "patients_follow_up",
        "date",
        {"vital_status": "unknown", "disease_status": None, "systemic_therapy_since_il2": None},
    ),
}
CREATED = "2020-01-01"


def number_rows(records: Sequence[Record]) -> None:
    """Give records and rows ids that are unique in the database, in the order they stand in."""
    following = dict.fromkeys(TABLES, 0)
    for number, record in enumerate(records, start=1):
        record.id = number
        for row in record.rows:
            following[row.table] += 1
            row.id = following[row.table]


def load(connection: psycopg.Connection, records: Sequence[Record]) -> None:
    """Write centers, records and rows; afterwards the tables are analyzed."""
    with connection.transaction():
        connection.execute("set local session_replication_role = replica")
        centers = _load_centers(connection, sorted({record.center for record in records}))
        _load_patients(connection, records, centers)
        _copy(connection, "patients_course", COURSE_COLUMNS, _courses(records, centers))
        for form in TABLES:
            _load_rows(connection, form, records, centers)
    connection.execute("analyze")


def clear(connection: psycopg.Connection) -> None:
    """Remove what `load` wrote, centers excepted."""
    tables = ["ident.patient_identity", "patients_course", "patients_patient"]
    with connection.transaction():
        connection.execute("set local session_replication_role = replica")
        for table in [*tables, *(name for name, _, _ in TABLES.values())]:
            connection.execute(f"delete from {table}")


def _copy(
    connection: psycopg.Connection,
    table: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
) -> None:
    with (
        connection.cursor() as cursor,
        cursor.copy(f"copy {table} ({', '.join(columns)}) from stdin") as copy,
    ):
        for row in rows:
            copy.write_row(row)


def _load_centers(connection: psycopg.Connection, codes: list[str]) -> dict[str, int]:
    for code in codes:
        connection.execute(
            "insert into centers_center (public_id, code, name, city, country, irb_number, status, created_at)"
            " values (gen_random_uuid(), %s, %s, '', '', '', 'active', now()) on conflict do nothing",
            [code, f"Center {code}"],
        )
    return dict(connection.execute("select code, id from centers_center").fetchall())


PATIENT_COLUMNS = (
    "id", "public_id", "center_id", "registry_number", "sex", "disease", "cohort", "consent", "retracted",
    "metastatic_diagnosis_date", "date_of_death", "created_at",
)  # fmt: skip
IDENTITY_COLUMNS = ("patient_id", "center_id", "record_id", "birth_date", "sealed")
COURSE_COLUMNS = (
    "id", "public_id", "center_id", "patient_id", "course_number", "retracted", "created_at",
)  # fmt: skip


def _load_patients(
    connection: psycopg.Connection, records: Sequence[Record], centers: dict[str, int]
) -> None:
    _copy(
        connection,
        "patients_patient",
        PATIENT_COLUMNS,
        (
            (r.id, uuid.uuid4(), centers[r.center], f"IL2-{r.id:09d}", "unknown", r.disease, "retrospective",
             r.consent, r.retracted, r.metastatic_diagnosis_date, r.date_of_death, CREATED)
            for r in records
        ),
    )  # fmt: skip
    _copy(
        connection,
        "ident.patient_identity",
        IDENTITY_COLUMNS,
        ((r.id, centers[r.center], r.record_id, r.birth_date, b"") for r in records),
    )


def _course_id(record: Record, row: Row) -> int:
    return record.id * 100 + int(row.values.get("course_number") or 1)


def _courses(records: Sequence[Record], centers: dict[str, int]) -> Iterator[tuple[object, ...]]:
    for record in records:
        for number in sorted(
            {_course_id(record, row) for row in record.rows if row.table == "cycle"}
        ):
            yield (
                number,
                uuid.uuid4(),
                centers[record.center],
                record.id,
                number % 100,
                False,
                CREATED,
            )


def _load_rows(
    connection: psycopg.Connection, form: str, records: Sequence[Record], centers: dict[str, int]
) -> None:
    table, dated, copied = TABLES[form]
    columns = [
        "id",
        "public_id",
        "center_id",
        "patient_id",
        "retracted",
        "created_at",
        dated,
        *copied,
    ]
    if form == "cycle":
        columns.append("course_id")
    _copy(
        connection,
        table,
        columns,
        (
            (
                row.id, uuid.uuid4(), centers[record.center], record.id, row.retracted, CREATED, row.when,
                *(row.values.get(name) or default for name, default in copied.items()),
                *([_course_id(record, row)] if form == "cycle" else []),
            )
            for record in records
            for row in record.rows
            if row.table == form and row.when
        ),
    )  # fmt: skip
