"""Sealing: every committed event in exactly one seal, whatever happens at the same time."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connections, transaction

from centers.audit_format import merkle_root
from centers.sealing import head, seal_events
from centers.tasks import seal
from registry.celery import app
from tests.audit_trail import (
    add_center,
    export,
    verify_dump,
    verify_live,
    write_events,
    writer,
)

SEALED_ONCE = """
    select count(*), count(*) filter (where sealed = 1) from (
        select (select count(*) from audit.seal s where s.ids @> e.id) as sealed
        from audit.event e) found
"""
OLD_CLUSTER = 10**12


def sealed(superuser: psycopg.Connection) -> tuple[int, int]:
    """Events, and those of them that exactly one seal names."""
    row: Any = superuser.execute(SEALED_ONCE).fetchone()
    return row


def test_without_an_event_there_is_no_seal(database: None) -> None:
    assert seal_events() is None
    assert head() is None
    with pytest.raises(CommandError) as refused:
        call_command("audit_anchor")
    assert refused.value.returncode == 2
    report = verify_live()
    assert (report.findings, report.events, report.seals) == ([], 0, 0)


def test_seals_name_every_event_and_follow_each_other(
    database: None, superuser: psycopg.Connection
) -> None:
    for number in range(1, 4):
        write_events(f"A{number}", 5)
        assert seal_events() == number
        assert seal_events() == number
    assert sealed(superuser) == (15, 15)
    found = head()
    assert found is not None
    assert (found.number, found.events, len(found.hash)) == (3, 15, 64)
    assert verify_live().findings == []


@pytest.mark.parametrize("using", ["default", "worker"])
def test_application_and_worker_may_seal_and_only_read_seals(database: None, using: str) -> None:
    write_events("A")
    assert seal_events(using) == 1
    for statement in (
        "insert into audit.seal select * from audit.seal",
        "update audit.seal set events = 0",
        "delete from audit.seal",
        "truncate audit.seal",
        "select audit.merkle_root('{}')",
    ):
        with (
            pytest.raises(DatabaseError, match="permission denied"),
            transaction.atomic(using=using),
            connections[using].cursor() as cursor,
        ):
            cursor.execute(statement)


def test_task_seals_and_stands_in_the_beat_table(database: None) -> None:
    write_events("A")
    assert seal() == 1
    entry = app.conf.beat_schedule["seal"]
    assert (entry["task"], entry["schedule"]) == (seal.name, 5)


def test_transaction_begun_earlier_and_committed_later_is_sealed_later(
    database: None, superuser: psycopg.Connection
) -> None:
    with writer() as early:
        add_center(early, "A1")
        write_events("B", 3)
        # B is committed, though above the horizon of the open transaction.
        assert seal_events() == 1
        assert sealed(superuser) == (3, 3)
        assert seal_events() == 1
    assert seal_events() == 2
    assert sealed(superuser) == (4, 4)
    assert verify_live().findings == []


@pytest.mark.requirement("A3")
def test_event_with_a_smaller_id_that_commits_later_is_not_lost(
    database: None, superuser: psycopg.Connection
) -> None:
    write_events("A")
    with writer() as other:
        # The transaction has its number first, and writes its event last.
        other.execute("select pg_current_xact_id()")
        with writer() as late:
            add_center(late, "C1")
            add_center(other, "B1")
            other.commit()
            assert seal_events() == 1
            names = superuser.execute("select ids::text from audit.seal").fetchall()
            assert len(names) == 1
    assert seal_events() == 2
    assert sealed(superuser) == (3, 3)
    ranges: Any = superuser.execute(
        "select max(last_event) filter (where number = 1),"
        " max(first_event) filter (where number = 2) from audit.seal"
    ).fetchone()
    assert ranges[0] > ranges[1], "the later seal names the smaller id"
    assert verify_live().findings == []


def test_rolled_back_events_leave_no_finding(database: None, superuser: psycopg.Connection) -> None:
    write_events("A", 2)
    with writer() as undone:
        add_center(undone, "B1")
        undone.rollback()
    write_events("C", 2)
    seal_events()
    assert sealed(superuser) == (4, 4)
    assert verify_live().findings == []


@pytest.mark.requirement("A3")
def test_sealers_and_writers_at_once_lose_and_double_nothing(
    database: None, superuser: psycopg.Connection
) -> None:
    errors: list[BaseException] = []
    stop = threading.Event()

    def guarded(work: Any) -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    def sealer() -> None:
        while not stop.is_set():
            seal_events()

    def write(name: str) -> None:
        for number in range(25):
            write_events(f"{name}{number}x", 1 + number % 3)

    sealers = [threading.Thread(target=guarded, args=[sealer]) for _ in range(2)]
    writers = [threading.Thread(target=guarded, args=[lambda n=name: write(n)]) for name in "ABC"]
    for thread in (*sealers, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    for thread in sealers:
        thread.join()
    seal_events()
    assert errors == []
    total = 3 * sum(1 + number % 3 for number in range(25))
    assert sealed(superuser) == (total, total)
    assert verify_live().findings == []


def test_second_sealer_waits_and_finds_nothing_left(
    database: None, superuser: psycopg.Connection
) -> None:
    write_events("A", 4)
    answers: list[int | None] = []

    def second() -> None:
        answers.append(seal_events())
        connections.close_all()

    thread = threading.Thread(target=second)
    with transaction.atomic(using="worker"), connections["worker"].cursor() as cursor:
        cursor.execute("select audit.seal_events()")
        thread.start()
        thread.join(timeout=0.5)
        assert thread.is_alive()
    thread.join()
    assert answers == [1]
    assert sealed(superuser) == (4, 4)


def move_to_another_cluster(superuser: psycopg.Connection) -> None:
    """As after a restore: the trail comes from a cluster whose transactions were counted far higher."""
    superuser.execute("set session_replication_role = replica")
    superuser.execute(
        "update audit.event set xact = (xact::text::bigint + %s)::text::xid8", [OLD_CLUSTER]
    )
    superuser.execute("reset session_replication_role")


def test_events_unsealed_at_a_restore_are_sealed_in_the_new_cluster(
    database: None, superuser: psycopg.Connection
) -> None:
    write_events("A", 3)
    move_to_another_cluster(superuser)
    write_events("B", 3)
    with writer() as open_one:
        add_center(open_one, "C1")
        assert seal_events() == 1
        assert verify_live().findings == []
    assert seal_events() == 2
    assert sealed(superuser) == (7, 7)
    assert verify_live().findings == []


def test_chain_moves_to_a_new_cluster_with_an_empty_seal(
    database: None, superuser: psycopg.Connection, tmp_path: Path
) -> None:
    write_events("A", 3)
    seal_events()
    moved: Any = superuser.execute(
        "update audit.seal set cluster = 1, horizon = '1000000000000' returning number,"
        " ids::text, events, encode(merkle_root, 'hex'), extract(epoch from sealed_at)"
    ).fetchone()
    superuser.execute(
        "update audit.seal set hash = sha256(convert_to(jsonb_build_array('seal', number, ids::text,"
        " events, encode(merkle_root, 'hex'), cluster, horizon::text,"
        " extract(epoch from sealed_at), '')::text, 'UTF8'))"
    )
    assert moved[0] == 1
    write_events("B", 1)
    assert verify_live().findings == [], "young transaction numbers of a new cluster are no forgery"
    superuser.execute("delete from audit.event where after ->> 'code' = 'B0'")
    superuser.execute(
        "set session_replication_role = replica; delete from centers_center where"
        " code = 'B0'; reset session_replication_role"
    )
    assert seal_events() == 2
    assert seal_events() == 2
    write_events("C", 2)
    assert seal_events() == 3
    assert sealed(superuser) == (5, 5)
    assert verify_live().findings == []
    assert verify_dump(export(tmp_path / "dump")).findings == []


def test_merkle_root_is_the_databases(superuser: psycopg.Connection) -> None:
    for size in (*range(20), 100, 1023, 1024, 1025):
        leaves = [os.urandom(32) for _ in range(size)]
        row: Any = superuser.execute("select audit.merkle_root(%s)", [leaves]).fetchone()
        assert bytes(row[0]) == merkle_root(leaves), size


def test_merkle_root_separates_leaves_from_nodes_and_orders() -> None:
    one, two, three = (bytes([i]) * 32 for i in range(3))
    roots = {merkle_root(part) for part in ([one, two], [two, one], [one, two, three], [one])}
    assert len(roots) == 4
