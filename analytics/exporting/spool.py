"""Reading a release as the exporter: each view once, by COPY, sorted, into a file that all formats share."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from django.db import connections, transaction
from psycopg import sql

from analytics.exporting.columns import Column, Table
from analytics.exporting.release_sql import view_name
from analytics.models import ExportJob

EXPORTER: Final = "exporter"
# Bytes must not depend on how a server or session is set.
_SETTINGS: Final = """
    select set_config('registry.export', %s, true), set_config('datestyle', 'ISO, YMD', true),
        set_config('timezone', 'UTC', true), set_config('extra_float_digits', '1', true),
        set_config('work_mem', '64MB', true), set_config('enable_nestloop', 'off', true),
        set_config('jit', 'off', true)
"""
Value = str | int | float | None


class NoExporter(RuntimeError):
    """DATABASE_EXPORTER_URL is not set for this process."""


@dataclass(frozen=True, slots=True)
class Spooled:
    """A table's rows in a file: CSV without header, an empty cell is no value."""

    table: Table
    path: Path
    rows: int

    def values(self) -> Iterator[list[Value]]:
        """Typed rows, one at a time."""
        kinds = [column.kind for column in self.table.columns]
        with self.path.open(encoding="utf-8", newline="") as file:
            for cells in csv.reader(file):
                yield [typed(cell, kind) for cell, kind in zip(cells, kinds, strict=True)]


def typed(cell: str, kind: str) -> Value:
    """A cell as its column's kind has it; empty is None."""
    if not cell:
        return None
    if kind == "integer":
        return int(cell)
    return float(cell) if kind == "number" else cell


@contextmanager
def releasing(job: ExportJob) -> Iterator[Any]:
    """A cursor of the exporter in a transaction in which the views show this export. Raises NoExporter.

    Frozen rows never change; a consent withdrawn meanwhile takes the export from this build.
    """
    if EXPORTER not in connections.settings:
        raise NoExporter(
            "Set DATABASE_EXPORTER_URL for the worker: exports are read with a login of their own."
        )
    with transaction.atomic(using=EXPORTER), connections[EXPORTER].cursor() as cursor:
        cursor.execute(_SETTINGS, [str(job.public_id)])
        yield cursor


def spool(cursor: Any, profile: str, table: Table, folder: Path) -> Spooled:
    """Copy a view into a file of the folder, sorted by code and then by every other column."""
    path = folder / f"{table.name}.rows"
    names = sql.SQL(", ").join(sql.Identifier(name) for name in table.names)
    order = sql.SQL(", ").join(_sorted(column) for column in table.columns)
    if table.key:
        keys = [column for column in table.columns if column.name in table.key]
        order = sql.SQL(", ").join(_sorted(column) for column in keys)
    view = sql.Identifier(*view_name(profile, table.name).split("."))
    statement = sql.SQL("copy (select {} from {} order by {}) to stdout (format csv)")
    rows = 0
    with path.open("wb") as file, cursor.copy(statement.format(names, view, order)) as blocks:
        for block in blocks:
            file.write(block)
            rows += bytes(block).count(b"\n")
    return Spooled(table, path, rows)


def _sorted(column: Column) -> sql.Composable:
    name = sql.Identifier(column.name)
    return name if column.kind in ("integer", "number") else sql.SQL('{} collate "C"').format(name)
