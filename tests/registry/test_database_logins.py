"""The logins that only read: what each can do, tried with real connections."""

from __future__ import annotations

import os
import subprocess
from io import StringIO
from pathlib import Path

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from centers.audit_live import reading
from centers.sealing import seal_events
from centers.verification import verify
from registry.stack.postgres import programs
from tests.universe import SURVIVOR, build_universe

RECORD_ID, BIRTH_DATE = (SURVIVOR["patients"][0][name] for name in ("record_id", "birth_date"))


def login(name: str) -> psycopg.Connection:
    return psycopg.connect(os.environ[f"DATABASE_{name}_URL"], autocommit=True)


def run_verify(*arguments: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("verify_audit", *arguments, stdout=out, stderr=StringIO())
    except CommandError as error:
        return error.returncode, out.getvalue() + str(error)
    return 0, out.getvalue()


def test_auditor_finds_the_trail_whole_and_what_was_changed(
    database: None, superuser: psycopg.Connection
) -> None:
    build_universe()
    seal_events()
    with reading("auditor") as source:
        report = verify(source)
    assert report.findings == []
    assert report.events > 50
    superuser.execute(
        "set session_replication_role = replica; update patients_patient set sex = 'male'"
        " where sex = 'female'; delete from patients_follow_up where id in (select min(id) from"
        " patients_follow_up); reset session_replication_role;"
    )
    status, text = run_verify()
    assert (status, "patients_patient" in text, "is gone" in text) == (1, True, True)


def test_auditors_dump_verifies_and_holds_no_plain_identifier(
    database: None, tmp_path: Path
) -> None:
    build_universe()
    seal_events()
    dump = tmp_path / "dump"
    assert run_verify("--export-dump", str(dump))[0] == 0
    assert run_verify("--dump", str(dump))[0] == 0
    text = dump.read_text()
    assert "centers_membership" in text
    assert RECORD_ID not in text
    assert BIRTH_DATE not in text


def test_auditor_does_not_verify_what_a_policy_hides(
    database: None, superuser: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = "alter policy auditor_reads on patients_course using ({})"
    superuser.execute(change.format("course_number = 1"))
    try:
        status, text = run_verify()
        assert (status, "patients_course" in text) == (2, True)
        monkeypatch.delitem(connections.settings, "auditor")
        assert run_verify()[0] == 0
    finally:
        superuser.execute(change.format("true"))


@pytest.mark.parametrize(
    "statement",
    [
        "select record_id from ident.patient_identity",
        "select birth_date from ident.patient_identity",
        "select * from ident.data_key",
        "select * from ident.index_key",
        "select password from centers_user",
        "select * from django_session",
        "insert into audit.seal default values",
        "delete from audit.event",
        "select audit.seal_events()",
    ],
)
def test_auditor_is_refused_secrets_and_writing(database: None, statement: str) -> None:
    with login("AUDITOR") as connection:
        connection.execute("set default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "select 1 from patients_patient",
        "select 1 from analytics_outcome",
        "select 1 from centers_center",
        "select 1 from ident.patient_identity",
        "select 1 from audit.event",
        "create table release.mine (n int)",
        "create table mine (n int)",
        "select centers_scope()",
    ],
)
def test_exporter_is_refused_everything_that_was_not_released(
    database: None, statement: str
) -> None:
    with login("EXPORTER") as connection:
        connection.execute("set default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)


def test_exporter_reads_what_is_granted_in_release(
    database: None, superuser: psycopg.Connection
) -> None:
    superuser.execute(
        "create view release.answer as select 42 as number;"
        " grant select on release.answer to registry_exporter"
    )
    try:
        with login("EXPORTER") as connection:
            assert connection.execute("select number from release.answer").fetchone() == (42,)
    finally:
        superuser.execute("drop view release.answer")


def test_backup_dumps_every_row_and_writes_none(database: None, tmp_path: Path) -> None:
    universe = build_universe()
    dump = tmp_path / "dump.sql"
    subprocess.run(
        [programs(None) / "pg_dump", f"--file={dump}", os.environ["DATABASE_BACKUP_URL"]],
        check=True,
    )
    text = dump.read_text()
    for record in universe.records.values():
        assert str(record.public_id) in text
    assert RECORD_ID in text
    assert "setval('audit.event_id_seq'" in text
    with login("BACKUP") as connection:
        connection.execute("set default_transaction_read_only = off")
        for statement in (
            "update patients_patient set sex = 'male'",
            "delete from audit.event",
            "create table mine (n int)",
            "select audit.seal_events()",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


@pytest.mark.parametrize("name", ["AUDITOR", "BACKUP", "EXPORTER"])
def test_readers_transactions_are_read_only_by_default(database: None, name: str) -> None:
    with login(name) as connection:
        assert connection.execute("show default_transaction_read_only").fetchone() == ("on",)
