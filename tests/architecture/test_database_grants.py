"""What each login may do, as reviewed data: tests/database_grants.json lists it in full.

After a migration that changes it on purpose: REGISTRY_WRITE_GRANTS=1 pytest <this file>, then read
the difference. The migrating login assumes the owner and the backup reads everything, so neither is
listed; the other rules of the house are in test_database_catalog.py.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import psycopg
import pytest

LISTED = (
    "registry_app",
    "registry_worker",
    "registry_exporter",
    "registry_auditor",
    "registry_ages",
    "public",
)
GRANTS = Path(__file__).resolve().parent.parent / "database_grants.json"
SYSTEM = "('pg_catalog', 'information_schema', 'pg_toast')"
WORDS = ("select", "insert", "update", "delete")

SCHEMAS = """
    select 'schema ' || nspname, wanted from pg_namespace, unnest(array['usage', 'create']) wanted
    where nspname not like 'pg\\_%%' and nspname <> 'information_schema'
        and has_schema_privilege(%(role)s, oid, wanted)
"""
SEQUENCES = """
    select 'sequence ' || oid::regclass::text, wanted
    from pg_class, unnest(array['usage', 'select', 'update']) wanted
    where relkind = 'S' and has_sequence_privilege(%(role)s, oid, wanted)
"""
FUNCTIONS = f"""
    select 'function ' || p.oid::regprocedure::text, 'execute'
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where n.nspname not in {SYSTEM} and has_function_privilege(%(role)s, p.oid, 'execute')
"""
TABLES = f"""
    select c.oid::regclass::text, wanted, wanted <> 'delete' and
            not has_table_privilege(%(role)s, c.oid, wanted),
        array(select attname::text from pg_attribute a where a.attrelid = c.oid and attnum > 0
            and not attisdropped and wanted <> 'delete'
            and has_column_privilege(%(role)s, c.oid, attnum, wanted) order by attnum),
        array(select attname::text from pg_attribute a where a.attrelid = c.oid and attnum > 0
            and not attisdropped and wanted <> 'delete'
            and not has_column_privilege(%(role)s, c.oid, attnum, wanted) order by attnum)
    from pg_class c join pg_namespace n on n.oid = c.relnamespace,
        unnest(array['select', 'insert', 'update', 'delete']) wanted
    where c.relkind in ('r', 'p', 'v', 'm') and n.nspname not in {SYSTEM}
        and case when wanted = 'delete' then has_table_privilege(%(role)s, c.oid, wanted)
            else has_any_column_privilege(%(role)s, c.oid, wanted) end
"""


def held_by(superuser: psycopg.Connection, role: str) -> dict[str, str]:
    """Object: what the role may do with it, of columns the shorter of two lists."""
    found: dict[str, list[str]] = {}
    for query in (SCHEMAS, SEQUENCES, FUNCTIONS):
        for name, word in superuser.execute(query, {"role": role}).fetchall():
            found.setdefault(name, []).append(word)
    for name, word, by_column, open_to, closed in superuser.execute(
        TABLES, {"role": role}
    ).fetchall():
        if by_column and not closed:
            word += " (each column)"
        elif by_column and len(open_to) <= len(closed):
            word += f" ({' '.join(open_to)})"
        elif by_column:
            word += f" but ({' '.join(closed)})"
        found.setdefault(name, []).append(word)
    return {name: ", ".join(sorted(words, key=_place)) for name, words in sorted(found.items())}


def _place(text: str) -> tuple[int, str]:
    word = text.split()[0]
    return (WORDS.index(word) if word in WORDS else len(WORDS), text)


@pytest.mark.requirement("P3")
def test_each_login_holds_exactly_what_was_reviewed(superuser: psycopg.Connection) -> None:
    held = {role: held_by(superuser, role) for role in LISTED}
    if os.environ.get("REGISTRY_WRITE_GRANTS"):
        GRANTS.write_text(json.dumps(held, indent=1) + "\n")
    assert held == json.loads(GRANTS.read_text()), "REGISTRY_WRITE_GRANTS=1 writes what is held"
