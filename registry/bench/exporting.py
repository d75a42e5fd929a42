"""De-identified exports: the release views against raw COPY, the ORM and a REST serializer; formats; memory."""

from __future__ import annotations

import csv
import io
import os
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import psycopg
from django.conf import settings
from django.db import connection, connections, transaction
from psycopg.types.json import Jsonb
from rest_framework import serializers

from analytics.derivation.engine import refresh_all
from analytics.exporting.choices import FORMATS, recipe
from analytics.exporting.engine import build_waiting
from analytics.exporting.formats import csv_package, parquet
from analytics.exporting.frozen import fill_statement, frozen_tables
from analytics.exporting.spool import Spooled, spool
from analytics.exporting.tables import RELEASES
from analytics.models import Outcome
from analytics.projects import PROFILES, RESEARCH, SAFE_HARBOR
from centers.access import acting, system_scope
from registry.bench import cluster
from registry.bench.data import load_records
from registry.bench.derivation import STANDING
from registry.bench.measure import (
    Effort,
    Table,
    effort,
    peak_memory,
    show_ratio,
    show_seconds,
)

# Slow ways are timed on so many records and scaled.
PART: Final = 10_000
_JOB: Final = """
    insert into analytics_export_job (public_id, project_id, cut_id, profile, population, disease,
        recipe, recipe_hash, formats, requested_by_id, client, state, progress, stage, attempts,
        error, manifest_sha256, decision_reason)
    select gen_random_uuid(), project.id, cut.id, %(profile)s::text, 'treated', '', %(recipe)s, '',
        %(formats)s, 1, '', %(state)s, 0, '', 0, '', '', ''
    from analytics_data_cut cut, analytics_project project
    where project.profile = %(profile)s::text returning public_id::text
"""
_PROJECT: Final = """
    insert into analytics_project (public_id, name, purpose, profile, agreement,
        agreement_expires_on, recipients, created_by_id)
    values (gen_random_uuid(), %(profile)s::text, '', %(profile)s::text, '', '2099-12-31', '', 1)
"""
_CUT: Final = """
    insert into analytics_data_cut (public_id, name, cutoff, seal, seal_hash, rule_set, records,
        content_hash, code_version, made_by_id, sizes)
    values (gen_random_uuid(), 'Bench', %s, 1, '', 1, 0, '', '', 1, '{}') returning id
"""


class OutcomeSerializer(serializers.ModelSerializer):  # type: ignore[type-arg]  # plain while running
    """What a REST framework would write of an outcome."""

    class Meta:
        model = Outcome
        fields = ["disease", "age_at_t0", "pfs_days", "pfs_event", "cnsr", "os_days", "os_event"]


def run(records: int) -> list[Table]:
    """Freeze, give codes, and write the same records in every way."""
    dsn = os.environ[cluster.DSN]
    load_records(dsn, records)
    with acting(system_scope()):
        refresh_all(cutoff=STANDING)
    return released(dsn, records)


def released(dsn: str, records: int) -> list[Table]:
    """The same of records that are loaded and derived."""
    with psycopg.connect(dsn, autocommit=True) as server:
        frozen = _prepare(server)
        jobs = {profile: _job(server, profile) for profile in PROFILES}
        rows = _count(server)
        title = f"{rows} treated of {records} records, frozen in {show_seconds(frozen)}"
        table = Table(
            title, ["what", "rows", "seconds", "CPU seconds", "/ raw COPY", "peak memory"]
        )
        with tempfile.TemporaryDirectory() as folder:
            floor = _measure(server, jobs, rows, Path(folder), table)
            taken, formats = _whole(server, rows, Path(folder) / "store")
    _line(table, f"whole export for research: {', '.join(formats)}", rows, taken, floor)
    table.notes.append(
        f"ORM and serializer: {PART} records, scaled; seven columns, not de-identified, not sorted."
    )
    table.notes.append(
        "Release views: pseudonyms of 80 bits, sorted by them, read as the exporter."
    )
    return [table]


def _whole(
    server: psycopg.Connection[Any], rows: int, folder: Path
) -> tuple[Effort, tuple[str, ...]]:
    """An export as the worker builds it, from codes to the signed manifest, of all nine tables."""
    formats = tuple(FORMATS) if rows <= PART else ("csv", "parquet", "adam")
    settings.REGISTRY_EXPORT_DIR = folder
    server.execute("set session_replication_role = replica")
    server.execute("update analytics_export_job set state = 'expired'")
    _job(server, RESEARCH, "queued", formats)
    with connections["exporter"].cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        backend = int(cursor.fetchone()[0])
    built: list[int] = []
    taken = effort(lambda: built.append(build_waiting()), backend)
    row = server.execute(
        "select state, error from analytics_export_job order by id desc limit 1"
    ).fetchone()
    if built != [1] or row is None or row[0] != "review":
        raise RuntimeError(f"the export was not built: {row}")
    return taken, formats


def _prepare(server: psycopg.Connection[Any]) -> float:
    """A cut, two projects, and the frozen rows: seconds of filling."""
    server.execute("set session_replication_role = replica")
    cut = server.execute(_CUT, [STANDING]).fetchone()
    assert cut is not None
    for profile in PROFILES:
        server.execute(_PROJECT, {"profile": profile})
    server.execute("analyze")
    server.execute("set enable_memoize = off")
    parameters = {"cut": cut[0], "cutoff": STANDING}
    client = psycopg.ClientCursor(server)

    def fill() -> None:
        for name in frozen_tables():
            client.execute(fill_statement(name), parameters)

    taken = effort(fill, server.info.backend_pid).wall
    server.execute("insert into frozen.cut (cut_id) values (%s)", cut)
    server.execute("reset session_replication_role")
    return taken


def _job(
    server: psycopg.Connection[Any],
    profile: str,
    state: str = "running",
    formats: Sequence[str] = (),
) -> str:
    given = {"profile": profile, "state": state, "formats": list(formats)}
    made = Jsonb(recipe(profile, "treated", ""))
    server.execute("set session_replication_role = replica")
    row = server.execute(_JOB, {**given, "recipe": made}).fetchone()
    server.execute("reset session_replication_role")
    assert row is not None
    if state == "running":
        server.execute("select pseudonym.prepare(%s::uuid)", [row[0]])
        server.execute("analyze")
    return str(row[0])


def _count(server: psycopg.Connection[Any]) -> int:
    row = server.execute(
        "select count(*) from frozen.record where disease in ('melanoma', 'renal_cell')"
    ).fetchone()
    return int(row[0]) if row else 0


def _measure(
    server: psycopg.Connection[Any], jobs: dict[str, str], rows: int, folder: Path, table: Table
) -> Effort:
    pid = server.info.backend_pid
    made: dict[str, Spooled] = {}

    def raw(name: str) -> Callable[[], None]:
        return lambda: _raw(server, name, folder)

    def released(profile: str, name: str) -> Callable[[], None]:
        def work() -> None:
            with server.cursor() as cursor:
                cursor.execute("select set_config('registry.export', %s, false)", [jobs[profile]])
                cursor.execute("set work_mem = '64MB'; set enable_nestloop = off; set jit = off")
                made[profile + name] = spool(cursor, profile, RELEASES[profile][name], folder)

        return work

    floor = effort(raw("frozen.record"), pid)
    _line(table, "raw COPY of the frozen records", rows, floor, floor)
    wide = effort(raw("patients_patient"), pid)
    _line(table, "raw COPY of patients_patient", rows, wide, floor)
    server.execute("set role registry_exporter")
    for profile, name in (
        (SAFE_HARBOR, "subjects"),
        (RESEARCH, "subjects"),
        (RESEARCH, "time_to_event"),
    ):
        taken = effort(released(profile, name), pid)
        _line(table, f"{profile} {name}, CSV", made[profile + name].rows, taken, floor)
    server.execute("reset role")
    _formats(table, made, floor, folder, pid)
    _alternatives(table, rows, floor)
    return floor


def _formats(table: Table, made: dict[str, Spooled], floor: Effort, folder: Path, pid: int) -> None:
    for name in ("subjects", "time_to_event"):
        spooled = made[RESEARCH + name]
        path = folder / f"{name}.csv"
        taken = effort(partial(csv_package.write_table, spooled, path), pid)
        _line(table, f"{name}: names and guard against formulas", spooled.rows, taken, floor)
        taken = effort(partial(parquet.write_table, spooled, path), pid)
        _line(table, f"{name}: Parquet from it", spooled.rows, taken, floor)


def _alternatives(table: Table, rows: int, floor: Effort) -> None:
    part = min(rows, PART)
    for what, work in (("ORM and csv", _orm), ("REST serializer", _serialized)):
        taken = effort(partial(work, part), _app_backend()).scaled(rows / part)
        _line(table, what, rows, taken, floor)


def _app_backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        return int(cursor.fetchone()[0])


def _raw(server: psycopg.Connection[Any], name: str, folder: Path) -> None:
    with (
        (folder / "raw").open("wb") as file,
        server.cursor() as cursor,
        cursor.copy(f"copy {name} to stdout (format csv)") as blocks,
    ):
        for block in blocks:
            file.write(block)


def _outcomes(part: int) -> Any:
    return Outcome.objects.filter(variant="primary", t0__isnull=False)[:part]


def _orm(part: int) -> None:
    writer = csv.writer(io.StringIO())
    with acting(system_scope()), transaction.atomic():
        for one in _outcomes(part).iterator():
            writer.writerow(
                [one.disease, one.age_at_t0, one.pfs_days, one.pfs_event, one.cnsr, one.os_days]
            )


def _serialized(part: int) -> None:
    with acting(system_scope()), transaction.atomic():
        for one in _outcomes(part).iterator():
            dict(OutcomeSerializer(one).data)


def _line(table: Table, what: str, rows: int, taken: Effort, floor: Effort) -> None:
    cells = [what, f"{rows}", show_seconds(taken.wall), show_seconds(taken.cpu)]
    table.rows.append([*cells, show_ratio(taken.wall, floor.wall), f"{peak_memory():.0f} MB"])
