"""Fixtures of all tests: committed data in the worker's own database, cleaned after each test.

Tests run as the app role against real rows, real triggers and real policies; nothing is rolled
back, so commits, deferred checks and several connections behave as in the product.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial

import psycopg
import pytest
from django.db import connections
from pytest_django import DjangoDbBlocker

KEPT = ("django_migrations", "django_content_type")
FIGURE = "figure"


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Says what the test counted or measured: printed at the end of the run, and kept in its results."""
    return partial(record_property, FIGURE)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The figures that tests told, of whichever process."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    told = [
        f"{report.nodeid}: {figure}"
        for report in reports
        for name, figure in report.user_properties
        if name == FIGURE and report.when == "call"
    ]
    if told:
        terminalreporter.section("figures")
    for line in told:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def superuser() -> Iterator[psycopg.Connection]:
    """A superuser's autocommit connection to the test database: cleaning and catalog reading only."""
    with psycopg.connect(os.environ["TEST_SUPERUSER_DSN"], autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def _cleaning_sql(superuser: psycopg.Connection) -> str:
    rows = superuser.execute(
        "select quote_ident(schemaname) || '.' || quote_ident(tablename) from pg_tables"
        " where schemaname in ('public', 'ident', 'audit', 'frozen', 'pseudonym') and tablename <> all(%s)",
        [list(KEPT)],
    ).fetchall()
    tables = [row[0] for row in rows]
    deletes = "".join(
        f"delete from {table}{' where id <> 1' if table == 'public.centers_user' else ''};"
        for table in tables
    )
    return f"set session_replication_role = replica; {deletes} reset session_replication_role;"


@pytest.fixture
def database(
    django_db_blocker: DjangoDbBlocker, superuser: psycopg.Connection, _cleaning_sql: str
) -> Iterator[None]:
    """Opens the database to the test; afterwards every row but the system account is gone."""
    with django_db_blocker.unblock():
        yield
        for connection in connections.all(initialized_only=True):
            connection.close()
    superuser.execute(_cleaning_sql)
