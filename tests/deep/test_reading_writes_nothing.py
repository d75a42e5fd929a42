"""Opening pages changes no row: the audit trail, sessions and codes of exports are all that grows."""

from __future__ import annotations

import psycopg
import pytest

from tests.crawl import addresses, public_ids
from tests.patients.pages import Visitor
from tests.universe import USERS, Universe, build_universe

# What reading may write, with the reason.
GROWS = {
    "audit.event": "reading identifiers is an event",
    "audit.seal": "the worker seals events",
    "centers_session": "activity of the session",
    "patients_visit": "the records a person opened last are offered again",
    "analytics_api_code": "random codes of an export, made at first use",
}


@pytest.fixture
def universe(database: None) -> Universe:
    return build_universe()


def content(superuser: psycopg.Connection) -> dict[str, str]:
    """A hash of every table's rows."""
    rows = superuser.execute(
        "select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " where c.relkind = 'r' and n.nspname not like 'pg\\_%'"
        " and n.nspname <> 'information_schema'"
    ).fetchall()
    found = {}
    for (table,) in rows:
        if table not in GROWS:
            [(digest,)] = superuser.execute(
                f"select coalesce(md5(string_agg(t::text, '' order by t::text)), '') from {table} t"
            ).fetchall()
            found[table] = digest
    return found


@pytest.mark.parametrize("method", ["get", "head", "options"])
@pytest.mark.parametrize("username", ["", *USERS])
def test_reading_writes_nothing(
    universe: Universe, superuser: psycopg.Connection, username: str, method: str
) -> None:
    visitor = Visitor(universe, username or "carla")
    if not username:
        visitor.client.logout()
    before = content(superuser)
    assert len(before) > 15
    paths = addresses(public_ids())
    assert len(paths) > 50
    for path in [*paths, *(f"{path}?draft=1" for path in paths if "new/" in path)]:
        getattr(visitor.client, method)(path).close()
    after = content(superuser)
    assert [table for table in before if before[table] != after[table]] == []
