"""Fills a throw-away database with records, by set-based SQL as the superuser, triggers off while loading."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from centers.access import acting, system_scope
from patients.identity import RecordKey, new_record_key, save_keys, seal

CENTERS: Final = 50
RECORDS_SQL: Final = (Path(__file__).parent / "records.sql").read_text(encoding="utf-8")
FORM_TABLES: Final = (
    "patients_course",
    "patients_cycle",
    "patients_assessment",
    "patients_local_therapy",
    "patients_systemic_therapy",
    "patients_follow_up",
)


def load_records(dsn: str, records: int, centers: int = CENTERS) -> int:
    """Generate the records; answers how many rows the clinical tables hold then."""
    with psycopg.connect(dsn, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute(
            RECORDS_SQL.encode(),  # fixed text of a file beside this module
            {"records": records, "centers": centers},
        )
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("vacuum analyze")
        connection.execute("checkpoint")
        return sum(count_rows(connection, table) for table in ("patients_patient", *FORM_TABLES))


def count_rows(connection: psycopg.Connection, table: str) -> int:
    """How many rows a table has."""
    query = sql.SQL("select count(*) from {}").format(sql.Identifier(table))
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])


def seal_identities(dsn: str) -> None:
    """Give the generated records real data keys and sealed identifiers, for pages and actions that open them."""
    with psycopg.connect(dsn) as connection:
        found = connection.execute(
            "select p.id, p.center_id, p.public_id::text, i.record_id, i.birth_date::text"
            " from patients_patient p join ident.patient_identity i on i.patient_id = p.id order by p.id"
        ).fetchall()
        keys: list[tuple[int, int, RecordKey]] = []
        connection.execute("set local session_replication_role = replica")
        connection.execute(
            "create temporary table sealing (id bigint, sealed bytea) on commit drop"
        )
        with connection.cursor().copy("copy sealing from stdin") as copy:
            for patient, center, public_id, record_id, birth_date in found:
                key = new_record_key(public_id)
                keys.append((patient, center, key))
                copy.write_row(
                    (patient, seal(key, {"record_id": record_id, "birth_date": birth_date}))
                )
        connection.execute(
            "update ident.patient_identity i set sealed = s.sealed from sealing s where s.id = i.patient_id"
        )
    with acting(system_scope()):
        save_keys(keys)
