"""The live database as a source of verification: one snapshot, read by COPY, nothing written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, BinaryIO

from django.db import OperationalError, connections, transaction
from psycopg import IsolationLevel, sql
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn

from centers.audit_format import EVENT_COLUMNS, SEAL_COLUMNS, Fields
from centers.audit_rows import AuditedTable, check_row, check_step, check_trigger, load
from centers.verification import Report

TABLES = """
    select n.nspname, c.relname, t.tgenabled in ('O', 'A'),
        string_to_array(encode(t.tgargs, 'escape'), '\\000'), pg_get_triggerdef(t.oid)
    from pg_trigger t join pg_class c on c.oid = t.tgrelid
        join pg_namespace n on n.oid = c.relnamespace
    where t.tgfoid = 'audit.write_event'::regproc and c.relkind in ('r', 'p') order by 1, 2
"""
# The last event of each row beside the row itself, where they are not the same.
DIFFERENT_ROWS = """
    with last as (
        select distinct on (row_id) row_id, after from audit.event
        where table_name = {name} and row_id is not null order by row_id, id desc)
    select coalesce(last.row_id, live.key), last.after::text, live.found::text
    from last full join (
        select {key}::bigint as key, to_jsonb(stored) as found
        from (select {columns} from {table}) stored
    ) live on live.key = last.row_id
    where last.after is distinct from live.found
"""
# Events whose `before` is not the `after` of the event before about the same row.
BROKEN_STEPS = """
    select row_id, id, last::text, before::text from (
        select row_id, id, before, lag(after) over (partition by row_id order by id) as last
        from audit.event where table_name = {name} and row_id is not null
    ) steps where before is distinct from last
"""
# Tables that events speak of, that exist, and that have no audit trigger.
WITHOUT_TRIGGER = """
    select distinct c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p') and n.nspname not in ('pg_catalog', 'information_schema')
        and not exists (select from pg_trigger t
            where t.tgrelid = c.oid and t.tgfoid = 'audit.write_event'::regproc)
        and exists (select from audit.event where table_name = c.relname)
"""

# Readers without ownership are shown every row by a policy that says `true`, and by no other.
HIDDEN = """
    select c.relname from pg_class c
    where (c.oid = 'audit.event'::regclass or exists (select from pg_trigger t
            where t.tgrelid = c.oid and t.tgfoid = 'audit.write_event'::regproc))
        and row_security_active(c.oid)
        and (not exists (select from pg_policy p where p.polrelid = c.oid and p.polpermissive
                and p.polcmd in ('r', '*') and pg_get_expr(p.polqual, p.polrelid) = 'true'
                and current_user::regrole = any(p.polroles))
            or exists (select from pg_policy p where p.polrelid = c.oid and not p.polpermissive
                and p.polcmd in ('r', '*') and p.polroles && array[0::oid, current_user::regrole]))
    order by 1
"""


class LiveSource:
    """Use inside `reading`: everything is of one moment, whatever is written meanwhile."""

    def __init__(self, using: str) -> None:
        self._using = using
        with connections[using].cursor() as cursor:
            cursor.execute("set local timezone = 'UTC'; set local bytea_output = 'hex'")
            cursor.execute("select system_identifier, now() from pg_control_system()")
            self.cluster: int | None
            self.now: datetime | None
            self.cluster, self.now = cursor.fetchone()

    def seals(self) -> Iterator[Fields]:
        """All seals."""
        return self._copied(_selection("audit", "seal", SEAL_COLUMNS))

    def events(self) -> Iterator[Fields]:
        """All events, as they lie."""
        return self._copied(_selection("audit", "event", EVENT_COLUMNS))

    def check_rows(self, report: Report) -> None:
        """Compare the rows of every audited table with their events."""
        for name in self._rows(sql.SQL(WITHOUT_TRIGGER)):
            report.add("trigger", f"{name[0]}: has events, but no audit trigger")
        for table, _ in self.tables():
            report.tables += 1
            check_trigger(report, table)
            names = {"name": sql.Literal(table.name)}
            rows = sql.SQL(DIFFERENT_ROWS).format(
                **names,
                key=sql.Identifier("stored", table.key),
                columns=sql.SQL(", ").join(map(sql.Identifier, self._columns(table))),
                table=sql.Identifier(table.schema, table.name),
            )
            for key, after, found in self._rows(rows):
                check_row(report, table, key, load(after), load(found))
            for key, event_id, last, before in self._rows(sql.SQL(BROKEN_STEPS).format(**names)):
                check_step(report, table, key, event_id, load(last), load(before))

    def tables(self) -> list[tuple[AuditedTable, str]]:
        """Audited tables, with the definition of their trigger."""
        return [
            (AuditedTable(schema, name, arguments[0], _names(arguments[3]), is_on), definition)
            for schema, name, is_on, arguments, definition in self._rows(sql.SQL(TABLES))
        ]

    def export(self, file: BinaryIO) -> None:
        """Write what verification of a dump needs, in the format of pg_dump."""
        tables = self.tables()
        self._write(file, "audit", "event", EVENT_COLUMNS)
        self._write(file, "audit", "seal", SEAL_COLUMNS)
        for table, _ in tables:
            self._write(file, table.schema, table.name, self._columns(table))
        for table, definition in tables:
            file.write(f"{definition};\n".encode())
            if not table.is_on:
                name = f"{table.schema}.{table.name}"
                file.write(f"ALTER TABLE {name} DISABLE TRIGGER audit;\n".encode())

    def hidden_tables(self) -> list[str]:
        """Audited tables of which row-level security may keep rows from this login."""
        return [name for (name,) in self._rows(sql.SQL(HIDDEN))]

    def _write(self, file: BinaryIO, schema: str, name: str, columns: tuple[str, ...]) -> None:
        file.write(f"COPY {schema}.{name} ({', '.join(columns)}) FROM stdin;\n".encode())
        for line in self._lines(_selection(schema, name, columns)):
            file.write(line)
        file.write(b"\\.\n\n")

    def _columns(self, table: AuditedTable) -> tuple[str, ...]:
        """The columns that events hold. This login may read no others of the table."""
        statement = sql.SQL(
            "select attname from pg_attribute where attrelid = {}::regclass and attnum > 0"
            " and not attisdropped and attname <> all({}) order by attnum"
        ).format(sql.Literal(f"{table.schema}.{table.name}"), sql.Literal(sorted(table.left_out)))
        return tuple(row[0] for row in self._rows(statement))

    def _copied(self, query: sql.Composed) -> Iterator[Fields]:
        return (line[:-1].split(b"\t") for line in self._lines(query))

    def _lines(self, query: sql.Composed) -> Iterator[bytes]:
        """Lines of COPY, taken from libpq: psycopg's own reader costs four times as much a line."""
        statement = sql.SQL("copy ({}) to stdout").format(query)
        with connections[self._using].cursor() as cursor, cursor.copy(statement) as copy:
            connection: PGconn = copy.connection.pgconn
            while (taken := connection.get_copy_data(0))[0] > 0:
                yield bytes(taken[1])
            while result := connection.get_result():
                if result.status != ExecStatus.COMMAND_OK:
                    raise OperationalError("The rows could not be read to their end.")

    def _rows(self, statement: sql.Composable) -> Iterator[Any]:
        with connections[self._using].cursor() as cursor:
            cursor.execute(statement)
            while rows := cursor.fetchmany(1000):
                yield from rows


@contextmanager
def reading(using: str) -> Iterator[LiveSource]:
    """One snapshot of the database, in which nothing can be written."""
    connection = connections[using]
    # A connection of its own: these settings must be there before the first transaction.
    connection.close()
    connection.ensure_connection()
    connection.connection.isolation_level = IsolationLevel.REPEATABLE_READ
    connection.connection.read_only = True
    try:
        with transaction.atomic(using=using):
            yield LiveSource(using)
    finally:
        connection.close()


def _selection(schema: str, name: str, columns: tuple[str, ...]) -> sql.Composed:
    return sql.SQL("select {} from {}").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(schema, name)
    )


def _names(array: str) -> frozenset[str]:
    """The names in the text of an array of plain names."""
    return frozenset(filter(None, array.strip("{}").split(",")))
