"""Audit and row-level security switched off on the throw-away database, to measure what they cost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, LiteralString

import psycopg
from psycopg import sql

PRODUCT: Final = "product"
NO_AUDIT: Final = "without audit"
NEITHER: Final = "without audit and RLS"
SIDES: Final = (PRODUCT, NO_AUDIT, NEITHER)

_AUDITED: Final = (
    "select n.nspname, c.relname from pg_trigger t join pg_class c on c.oid = t.tgrelid"
    " join pg_namespace n on n.oid = c.relnamespace where t.tgname = 'audit'"
)
_SECURED: Final = (
    "select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace"
    " where c.relrowsecurity"
)


@contextmanager
def audit_off(dsn: str) -> Iterator[None]:
    """No audit trigger fires in the block. `dsn`: the superuser's."""
    with _altered(dsn, _AUDITED, "disable trigger audit", "enable trigger audit"):
        yield


@contextmanager
def audit_always(dsn: str) -> Iterator[None]:
    """The audit triggers fire in the block where all others are off (session_replication_role)."""
    with _altered(dsn, _AUDITED, "enable always trigger audit", "enable trigger audit"):
        yield


@contextmanager
def row_security_off(dsn: str) -> Iterator[None]:
    """No policy is applied in the block: every role sees all rows of the tables it may read."""
    with _altered(dsn, _SECURED, "disable row level security", "enable row level security"):
        yield


@contextmanager
def side(dsn: str, name: str) -> Iterator[None]:
    """The database as that side of SIDES."""
    if name == PRODUCT:
        yield
    elif name == NO_AUDIT:
        with audit_off(dsn):
            yield
    else:
        with audit_off(dsn), row_security_off(dsn):
            yield


@contextmanager
def _altered(dsn: str, tables: str, before: LiteralString, after: LiteralString) -> Iterator[None]:
    with psycopg.connect(dsn, autocommit=True) as superuser:
        found = superuser.execute(tables.encode()).fetchall()
        try:
            _alter(superuser, found, before)
            yield
        finally:
            _alter(superuser, found, after)


def _alter(
    superuser: psycopg.Connection, tables: list[tuple[str, str]], change: LiteralString
) -> None:
    for schema, table in tables:
        name = sql.Identifier(schema, table)
        superuser.execute(sql.SQL("alter table {} {}").format(name, sql.SQL(change)))
