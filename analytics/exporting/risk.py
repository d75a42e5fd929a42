"""The report of risk that an approver reads and the manifest carries: k, uniques, small cells."""

from __future__ import annotations

from typing import Any, Final

from psycopg import sql

from analytics.exporting.columns import Table
from analytics.exporting.release_sql import view_name
from analytics.queries.disclosure import SMALLEST_CELL

# A year or a code of a center is no category that a gate could demand eleven of.
CATEGORIES: Final = ("code",)


def report(cursor: Any, profile: str, table: Table) -> dict[str, Any]:
    """Risk of the subjects' table over its quasi-identifiers, within an export that is read.

    `k` is the size of the smallest class of subjects that look alike in all of them, `uniques` how many subjects
    are alone in theirs, `in_small_classes` how many are in classes below 11. `small_cells`: by
    column, values that 1 to 10 subjects have.
    """
    names = [column.name for column in table.columns if column.quasi]
    view = sql.Identifier(*view_name(profile, table.name).split("."))
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    cursor.execute(sql.SQL("select count(*) from {} group by {}").format(view, columns))
    classes = [int(count) for (count,) in cursor.fetchall()]
    small = {}
    for column in table.columns:
        if column.quasi or column.kind in CATEGORIES:
            cells = _cells(cursor, view, column.name)
            if found := sum(1 for n in cells if n < SMALLEST_CELL):
                small[column.name] = found
    return {
        "quasi_identifiers": names,
        "records": sum(classes),
        "classes": len(classes),
        "k": min(classes, default=0),
        "uniques": sum(1 for n in classes if n == 1),
        "in_small_classes": sum(n for n in classes if n < SMALLEST_CELL),
        "small_cells": small,
        "smallest_cell": SMALLEST_CELL,
    }


def needs_review(found: dict[str, Any]) -> bool:
    """The gate of Safe Harbor: a value that 1 to 10 subjects have goes to a second person."""
    return bool(found["small_cells"]) or found["records"] < SMALLEST_CELL


def _cells(cursor: Any, view: sql.Composable, name: str) -> list[int]:
    column = sql.Identifier(name)
    cursor.execute(
        sql.SQL("select count(*) from {} where {} is not null group by {}").format(
            view, column, column
        )
    )
    return [int(count) for (count,) in cursor.fetchall()]
