"""Bulk inserts: all rows of a table as one JSON parameter in one short statement.

Several times cheaper than one placeholder a cell, and the plan does not grow with the rows. Table
and columns come from the models; values only ever travel as the parameter.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection, models
from psycopg import sql

Cells = Mapping[str, Any]


def insert_rows(model: type[models.Model], rows: Sequence[Cells]) -> list[int]:
    """Insert rows in their order; their ids. Every row has the same columns (by column name).

    The database fills `created_at`, and `public_id` where a row brings none. Raises IntegrityError.
    """
    if not rows:
        return []
    names = [name for name in rows[0] if name != "public_id"]
    columns = sql.SQL(", ").join(sql.Identifier(name) for name in names)
    table = sql.Identifier(*_parts(model._meta.db_table))
    query = sql.SQL(
        "insert into {table} ({columns}, public_id, created_at)"
        " select {columns}, coalesce(public_id, gen_random_uuid()), now()"
        " from json_populate_recordset(null::{table}, %s) returning id"
    ).format(table=table, columns=columns)
    with connection.cursor() as cursor:
        cursor.execute(query, [json.dumps(rows, default=str)])
        return [row[0] for row in cursor.fetchall()]


def _parts(table: str) -> list[str]:
    """Schema and name of a table that Django knows as `"ident"."patient_identity"`."""
    return [part.strip('"') for part in table.split(".")]
