"""Ten kinds of tampering, each at several random places: verify_audit finds every one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import psycopg
import pytest

from centers.anchors import add_anchor, read_anchors
from centers.sealing import head, seal_events
from patients.actions.records import RowChange
from patients.rules.dictionary import FORMS
from patients.rules.values import parse_value
from tests.audit_trail import export, verify_dump, verify_live, writer
from tests.tampering import (
    ADD_ASSESSMENT,
    Tamper,
    Trail,
    change_time,
    delete_event,
    edit_event,
    edit_live_row,
    forge_seal,
    forge_whole_chain,
    insert_event,
    keep,
    kinds,
    reorder_events,
    restore,
    restore_old_state,
    swap_two_events,
    truncate_tail,
)
from tests.universe import RECORDS, Universe, amend_record, build_universe

PLACES = 12
ROUNDS = 10
SPEED_EVENTS = 100_000


def amend(universe: Universe, random: Random) -> None:
    """Some saves to random records."""
    for _ in range(random.randint(1, 3)):
        name = random.choice(sorted(RECORDS))
        weight = parse_value(
            FORMS["patients"].by_name["weight_kg"], f"{random.randint(400, 990) / 10}"
        )
        amend_record(
            universe,
            name,
            [RowChange("patients", {"weight_kg": weight}, universe.records[name].patient_id)],
        )


@pytest.fixture
def trail(
    database: None, superuser: psycopg.Connection, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Trail]:
    """The named records, amended in rounds with a seal after each, anchors in between."""
    random = Random(request.node.name)
    universe = build_universe(derived=False)
    seal_events()
    path = tmp_path / "anchors"
    for number in range(ROUNDS):
        amend(universe, random)
        with writer() as undone:  # a hole in the ids
            undone.execute(
                "insert into centers_center (public_id, code, name, city, country,"
                " irb_number, status, created_at) values (gen_random_uuid(), 'X', '',"
                " '', '', '', 'active', now())"
            )
            undone.rollback()
        seal_events()
        found = head()
        assert found is not None
        if number % 3 == 2 or number == ROUNDS - 1:
            add_anchor(path, found)
    superuser.execute("set session_replication_role = replica")
    superuser.execute("create schema kept")
    keep(superuser)
    try:
        yield Trail(superuser, random, tmp_path, read_anchors(path))
    finally:
        superuser.execute("drop schema kept cascade")
        superuser.execute("reset session_replication_role")
        superuser.execute("alter table patients_patient enable trigger audit")


KINDS: list[tuple[Tamper, set[str], bool]] = [
    (edit_event, {"event", "content", "row"}, False),
    (delete_event, {"missing"}, False),
    (insert_event, {"extra", "content"}, False),
    (reorder_events, {"content"}, False),
    (swap_two_events, {"content"}, False),
    (truncate_tail, {"anchor"}, True),
    (edit_live_row, {"row"}, False),
    (forge_seal, {"seal"}, False),
    (forge_whole_chain, {"anchor"}, True),
    (restore_old_state, {"anchor"}, True),
    (change_time, {"event", "content"}, False),
]


@pytest.mark.requirement("A1")
@pytest.mark.parametrize(
    ("tamper", "expected", "needs_anchor"), KINDS, ids=[kind[0].__name__ for kind in KINDS]
)
def test_tampering_is_found_live_and_in_a_dump(
    trail: Trail, tamper: Tamper, expected: set[str], needs_anchor: bool
) -> None:
    assert verify_live(trail.anchors).findings == []
    for place in range(PLACES):
        tamper(trail)
        live = kinds(verify_live(trail.anchors))
        dump = export(trail.folder / f"dump{place}")
        assert live & expected, f"place {place}: {live}"
        assert kinds(verify_dump(dump, trail.anchors)) == live
        if not needs_anchor:
            assert kinds(verify_live()) & expected
        restore(trail.database)
        assert verify_live(trail.anchors).findings == []
        assert verify_dump(export(dump), trail.anchors).findings == []


@pytest.mark.requirement("A2")
def test_edit_with_triggers_off_is_found_after_a_later_save(trail: Trail) -> None:
    trail.do("update patients_patient set weight_kg = 33")
    trail.do("reset session_replication_role")
    with writer() as connection:
        connection.execute(b"update patients_patient set ecog = '2'")
    trail.do("set session_replication_role = replica")
    assert kinds(verify_live()) == {"row"}
    assert kinds(verify_dump(export(trail.folder / "dump"))) == {"row"}


@pytest.mark.requirement("A2")
@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        (ADD_ASSESSMENT, "row"),
        ("delete from patients_follow_up where id = (select max(id) from patients_follow_up)", "row"),
        ("alter table patients_patient disable trigger audit", "trigger"),
        ("delete from audit.seal where number = 4", "seal"),
        ("update audit.seal set sealed_at = sealed_at + interval '1 s' where number = 4", "seal"),
        ("update audit.seal set events = events + 1 where number = 4", "seal"),
        ("update audit.seal set horizon = '1' where number = 4", "seal"),
        ("update audit.event set xact = '3' where id = (select max(id) - 2 from audit.event)",
         "content"),
        ("update audit.event set at = 'infinity' where id = (select max(id) from audit.event)",
         "event"),
        ("update audit.event set role = null where id = (select max(id) from audit.event)", ""),
    ],
)  # fmt: skip
def test_other_tampering_is_found(trail: Trail, statement: str, kind: str) -> None:
    if not kind:
        with pytest.raises(psycopg.errors.NotNullViolation):
            trail.do(statement)
        return
    trail.do(statement)
    live = kinds(verify_live())
    assert kind in live
    assert kinds(verify_dump(export(trail.folder / "dump"))) == live
    restore(trail.database)


def test_findings_hold_no_value(trail: Trail) -> None:
    """Whatever was changed, the report names tables, rows, events and seals."""
    canary = "Canary Value 4711"
    trail.do("update audit.event set reason = %s, table_name = %s", canary, canary)
    trail.do("update centers_user set full_name = %s", canary)
    report = verify_live(trail.anchors)
    assert len(report.findings) > 3
    assert "Canary" not in " ".join(finding.text for finding in report.findings)
    restore(trail.database)


def test_speed_of_verification(
    database: None,
    superuser: psycopg.Connection,
    tmp_path: Path,
    tell: Callable[[str], None],
) -> None:
    build_universe(derived=False)
    with writer() as connection:
        connection.execute(
            b"select audit.append(center_id, patient_id, '', null, 'read', before, after, reason)"
            b" from (select * from audit.event where table_name like 'patients%%' limit 40) e,"
            b" generate_series(1, %s)",
            [SPEED_EVENTS // 40],
        )
    began = time.perf_counter()
    seal_events()
    sealing = time.perf_counter() - began
    live = verify_live()
    dump = verify_dump(export(tmp_path / "dump"))
    began = time.perf_counter()
    seal_events()
    idle = time.perf_counter() - began
    assert live.findings == dump.findings == []
    tell(
        f"{live.events} events: sealed in {sealing:.2f} s, nothing to seal {idle * 1000:.1f} ms;"
        f" verified live {live.events / live.seconds:.0f} events/s,"
        f" dump {dump.events / dump.seconds:.0f} events/s"
    )
    assert live.events / live.seconds > 5_000
