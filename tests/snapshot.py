"""A state that many tests start from, built once through the actions and put back by COPY.

Building takes most of a second, putting back some twenty milliseconds. The rows, events and hashes
are the very ones that the actions and triggers wrote; ids go on from where they are.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import psycopg
from psycopg import sql

Made = TypeVar("Made")

_TABLES: Final = """
    select n.nspname, c.relname,
        (select array_agg(attname::text order by attnum) from pg_attribute
         where attrelid = c.oid and attnum > 0 and not attisdropped and attgenerated = '')
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'r' and n.nspname in ('public', 'ident', 'audit', 'frozen', 'pseudonym')
        and c.relname not in ('django_migrations', 'django_content_type')
    order by 1, 2
"""


@dataclass(frozen=True)
class _Table:
    name: sql.Identifier
    columns: sql.Composable
    rows: bytes


@dataclass(frozen=True)
class Snapshot:
    """The tables as they were, and what the builder answered."""

    made: Any
    tables: tuple[_Table, ...]


_kept: Final[dict[str, Snapshot]] = {}


def start_from(name: str, build: Callable[[], Made], superuser: psycopg.Connection) -> Made:
    """The state of a name in an empty database: built the first time, put back from then on."""
    if name not in _kept:
        made = build()
        _kept[name] = Snapshot(copy.deepcopy(made), _read(superuser))
        return made
    _put_back(superuser, _kept[name])
    answered: Made = copy.deepcopy(_kept[name].made)
    return answered


def _read(superuser: psycopg.Connection) -> tuple[_Table, ...]:
    found = []
    for schema, table, columns in superuser.execute(_TABLES).fetchall():
        name = sql.Identifier(schema, table)
        listed = sql.SQL(", ").join(map(sql.Identifier, columns))
        with superuser.cursor().copy(sql.SQL("copy {} ({}) to stdout").format(name, listed)) as out:
            rows = b"".join(bytes(part) for part in out)
        if rows:
            found.append(_Table(name, listed, rows))
    return tuple(found)


def _put_back(superuser: psycopg.Connection, snapshot: Snapshot) -> None:
    with superuser.transaction():
        superuser.execute("set local session_replication_role = replica")
        # The system account stays between tests; the snapshot has it too.
        superuser.execute("delete from centers_user")
        for table in snapshot.tables:
            statement = sql.SQL("copy {} ({}) from stdin").format(table.name, table.columns)
            with superuser.cursor().copy(statement) as into:
                into.write(table.rows)
