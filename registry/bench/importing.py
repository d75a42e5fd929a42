"""Import of a CSV bundle by the command, against COPY of the same files into tables without an index."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from patients.models import ROW_MODELS
from patients.rules.dictionary import CENTERS, PATIENTS, RECORD_FORMS, Field, Form
from registry.bench import cluster
from registry.bench.data import load_records
from registry.bench.measure import Table, seconds, show_ratio, show_seconds

ROWS_PER_RECORD: Final = 18
NOT_STORED: Final = ("mrn", "initials", "same_person_as")
EMPTY: Final = "truncate centers_center, patients_record_version, audit.event, analytics_stale, analytics_outcome cascade"


def run(rows: int) -> list[Table]:
    """Import a bundle of about `rows` rows, the same again, and one of a tenth."""
    dsn = os.environ[cluster.DSN]
    records = rows // ROWS_PER_RECORD
    load_records(dsn, records)
    columns = ["bundle", "import", "rows/s", "peak memory", "COPY of the same files", "ratio"]
    table = Table("import_records: read, check, save with audit, commit", columns)
    with tempfile.TemporaryDirectory(prefix="registry-bundle-") as name:
        folder = Path(name)
        bundles = [(folder / "tenth", records // 10), (folder / "whole", records)]
        counted = [export_bundle(dsn, place, part) for place, part in bundles]
        for (place, _), count in zip(bundles, counted, strict=True):
            _empty(dsn)
            floor = _copy_floor(dsn, place)
            took = cluster.measured_manage(
                "import_records", str(place), "--all", "--create-centers"
            )
            table.rows.append(_cells(f"{count} rows", count, took, floor))
        again = cluster.measured_manage("import_records", str(place), "--all", "--create-centers")
        table.rows.append(_cells("the same again (nothing changes)", counted[-1], again, floor))
    table.notes.append("Target: 100,000 rows in less than 60 s at flat memory.")
    table.notes.append("Memory of the whole process, Django included.")
    return [table]


def _cells(title: str, count: int, took: cluster.Finished, floor: float) -> list[str]:
    return [
        title,
        show_seconds(took.seconds),
        f"{count / took.seconds:.0f}",
        f"{took.memory:.0f} MB",
        show_seconds(floor),
        show_ratio(took.seconds, floor),
    ]


def _empty(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(EMPTY)
        connection.execute("vacuum analyze")
        connection.execute("checkpoint")


def export_bundle(dsn: str, folder: Path, records: int) -> int:
    """Write the first records as a bundle; answers the number of rows of records in it."""
    folder.mkdir()
    rows = 0
    with psycopg.connect(dsn) as connection:
        for form in (CENTERS, *RECORD_FORMS):
            query = sql.SQL("copy ({}) to stdout with (format csv, header)").format(
                _centers() if form is CENTERS else _rows(form, records)
            )
            with (
                (folder / f"{form.name}.csv").open("wb") as file,
                connection.cursor() as cursor,
            ):
                with cursor.copy(query) as copy:
                    for block in copy:
                        file.write(block)
                rows += 0 if form is CENTERS else cursor.rowcount
    return rows


def _centers() -> sql.Composable:
    return sql.SQL("select code as center, name, status from centers_center order by code")


def _rows(form: Form, records: int) -> sql.Composable:
    """The form's rows in the columns of its file, in order of saving."""
    model = "patients_patient" if form is PATIENTS else ROW_MODELS[form.name]._meta.db_table
    patient = sql.SQL("r.id" if form is PATIENTS else "r.patient_id")
    return sql.SQL(
        "select c.code as center, i.record_id, {columns} from {table} r"
        " join centers_center c on c.id = r.center_id"
        " join ident.patient_identity i on i.patient_id = {patient}{course}"
        " where {patient} <= {records} order by r.id"
    ).format(
        columns=sql.SQL(", ").join(
            _column(form, f) for f in form.fields if f.name not in NOT_STORED
        ),
        table=sql.Identifier(model),
        patient=patient,
        course=sql.SQL(
            " join patients_course k on k.id = r.course_id" if form.name == "cycles" else ""
        ),
        records=sql.Literal(records),
    )


def _column(form: Form, field: Field) -> sql.Composable:
    name = sql.Identifier(field.name)
    if (form.name, field.name) == ("assessments", "status"):
        return sql.SQL("'final' as status")
    if field.name == "birth_date":
        return sql.SQL("i.birth_date")
    if (form.name, field.name) == ("cycles", "course_number"):
        return sql.SQL("k.course_number")
    if field.kind == "codes":
        return sql.SQL("array_to_string(r.{name}, ';') as {name}").format(name=name)
    return sql.SQL("r.{name}").format(name=name)


def _copy_floor(dsn: str, folder: Path) -> float:
    """Seconds of COPY of all files into tables of text without an index."""
    with psycopg.connect(dsn) as connection:
        copies = []
        for path in sorted(folder.glob("*.csv")):
            with path.open() as file:
                header = file.readline().strip().split(",")
            table = sql.Identifier(f"floor_{path.stem}")
            columns = sql.SQL(", ").join(
                sql.SQL("{} text").format(sql.Identifier(h)) for h in header
            )
            connection.execute(sql.SQL("create table {} ({})").format(table, columns))
            copies.append(
                (sql.SQL("copy {} from stdin with (format csv, header)").format(table), path)
            )
        connection.commit()

        def copy_all() -> None:
            for query, path in copies:
                with path.open("rb") as file, connection.cursor().copy(query) as copy:
                    while block := file.read(1 << 16):
                        copy.write(block)
            connection.commit()

        took = seconds(copy_all)
        for path in folder.glob("*.csv"):
            table = sql.Identifier(f"floor_{path.stem}")
            connection.execute(sql.SQL("drop table {}").format(table))
    return took
