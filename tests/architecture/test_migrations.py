"""New migrations take no lock that pages would wait for: squawk reads their SQL.

Those before 0.1.0 make the tables, in a database without rows; FIRST says where the rule begins. A
finding that is harmless here is named with its reason.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.migration import Migration

SQUAWK = str(Path(sys.executable).with_name("squawk"))
FIRST = {"centers": 8, "patients": 70, "analytics": 150}
LEFT_OUT = {
    "require-timeout-settings": "the owner's connection has lock_timeout (registry/settings.py)",
    "prefer-robust-stmts": "one transaction, or what was broken off is dropped first",
    "prefer-bigint-over-int": "counts of a batch stay small",
    "prefer-text-field": "lengths are checked where people type",
}


def new_migrations() -> list[Migration]:
    loader = MigrationLoader(None)
    return [
        migration
        for (app, name), migration in sorted(loader.graph.nodes.items())
        if app in FIRST and int(name[:4]) >= FIRST[app]
    ]


def findings(sql: str, *, atomic: bool = True) -> tuple[int, str]:
    done = subprocess.run(
        [SQUAWK, *(["--assume-in-transaction"] if atomic else []), "--pg-version", "18",
         "--reporter", "gcc", "--exclude", ",".join(LEFT_OUT)],
        input=sql,
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_new_migrations_take_no_long_locks(database: None) -> None:
    loader, found = MigrationLoader(connections["owner"], replace_migrations=False), {}
    assert len(new_migrations()) >= 2
    for migration in new_migrations():
        plan = [(loader.graph.nodes[migration.app_label, migration.name], False)]
        statements = "\n".join(loader.collect_sql(plan))
        status, said = findings(statements, atomic=migration.atomic)
        if status:
            found[f"{migration.app_label}.{migration.name}"] = said
    assert not found, "\n".join(found.values())


@pytest.mark.parametrize(
    "sql",
    [
        "create index slow on patients_course (id);",
        "alter table patients_course alter column id type text;",
        "alter table patients_course add constraint c check (id > 0);",
        "alter table patients_course drop column id;",
    ],
)
def test_a_long_lock_is_found(sql: str) -> None:
    assert findings(sql)[0] == 1


def test_migrating_login_waits_for_no_lock_longer_than_ten_seconds(database: None) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("show lock_timeout")
        assert cursor.fetchone()[0] == "10s"
