"""From a change to its outcome: the mark of the trigger, the worker's queue, and what fails in it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, connections, transaction
from pytest_django import Settings

from analytics import tasks
from analytics.derivation import engine
from analytics.derivation.stale import MOST_ATTEMPTS, drain, mark_moved
from analytics.models import Outcome, Stale
from analytics.queries.outcomes import is_recomputing, stored_outcome
from centers.access import system_scope
from centers.scope import Scope, acting
from tests.derivation_cases import contact, cycle
from tests.loader import load, number_rows
from tests.oracle import Record

TREATED = 6


@pytest.fixture
def records(database: None, superuser: psycopg.Connection) -> Iterator[list[Record]]:
    """Six records of two centers, derived; nothing is stale."""
    made = [
        Record(
            f"C0{1 + n % 2}", f"R{n}", "melanoma", [cycle(), contact("2010-01-01")], None, "1999"
        )
        for n in range(TREATED)
    ]
    number_rows(made)
    load(superuser, made)
    superuser.execute(
        "insert into patients_record_version select id, center_id, 1, pg_current_xact_id(), now() from patients_patient"
    )
    drain()
    yield made
    superuser.execute("alter table analytics_outcome drop constraint if exists poison")


def touch(superuser: psycopg.Connection, *ids: int) -> None:
    """What every write of a record does through the triggers of patients."""
    superuser.execute(
        "update patients_record_version set version = version + 1, xact = pg_current_xact_id()"
        " where patient_id = any(%s)",
        [list(ids)],
    )


def kill(superuser: psycopg.Connection, patient_id: int, when: str) -> None:
    """Enter a date of death past actions and audit, then touch the record."""
    with superuser.transaction():
        superuser.execute("set local session_replication_role = replica")
        superuser.execute(
            "update patients_patient set date_of_death = %s where id = %s", [when, patient_id]
        )
    touch(superuser, patient_id)


def outcomes(**columns: Any) -> int:
    with transaction.atomic(using="worker"):
        return Outcome.objects.using("worker").filter(**columns).count()


def marks() -> dict[int, Stale]:
    with transaction.atomic(using="worker"):
        return {mark.pk: mark for mark in Stale.objects.using("worker").all()}


def test_every_record_has_one_outcome_a_variant(records: list[Record]) -> None:
    assert outcomes() == TREATED * 4
    assert marks() == {}


def test_change_marks_record_and_drain_derives_it(
    records: list[Record], superuser: psycopg.Connection
) -> None:
    kill(superuser, 3, "2011-05-05")
    assert set(marks()) == {3}
    assert outcomes(os_event=1) == 0
    assert drain() == 1
    assert marks() == {}
    assert outcomes(os_event=1, patient_id=3) == 4


def test_unchanged_outcome_is_not_rewritten(
    records: list[Record], superuser: psycopg.Connection
) -> None:
    before = superuser.execute(
        "select patient_id, variant, xmin::text, derived_at from analytics_outcome"
    ).fetchall()
    touch(superuser, *range(1, TREATED + 1))
    assert drain() == TREATED
    after = superuser.execute(
        "select patient_id, variant, xmin::text, derived_at from analytics_outcome"
    ).fetchall()
    assert sorted(after) == sorted(before)


def test_withdrawn_consent_removes_outcomes(
    records: list[Record], superuser: psycopg.Connection
) -> None:
    with superuser.transaction():
        superuser.execute("set local session_replication_role = replica")
        superuser.execute("update patients_patient set consent = 'withdrawn' where id = 2")
    touch(superuser, 2)
    drain()
    assert outcomes(patient_id=2) == 0
    assert outcomes() == (TREATED - 1) * 4


def test_moved_cutoff_marks_all_and_sweep_derives_them(
    records: list[Record], settings: Settings
) -> None:
    assert mark_moved() == 0
    settings.REGISTRY_CUTOFF = "2009-12-31"
    assert tasks.sweep() == TREATED
    assert outcomes(cutoff=date(2009, 12, 31)) == TREATED * 4
    assert tasks.sweep() == 0


def test_cutoff_today_is_the_day_in_utc(settings: Settings) -> None:
    settings.REGISTRY_CUTOFF = "today"
    assert engine.current_cutoff() >= date(2026, 1, 1)
    settings.REGISTRY_CUTOFF = date(2020, 2, 2)
    assert engine.current_cutoff() == date(2020, 2, 2)


def test_failing_record_does_not_block_the_others(
    records: list[Record], superuser: psycopg.Connection
) -> None:
    superuser.execute(
        "alter table analytics_outcome add constraint poison check (patient_id <> 4 or os_event = 0)"
    )
    for patient_id in (3, 4, 5):
        kill(superuser, patient_id, "2011-05-05")
    drain()
    assert outcomes(os_event=1) == 8
    mark = marks()[4]
    assert (mark.attempts, mark.last_error) == (1, "CheckViolation")
    assert drain() == 0  # not due yet
    for _ in range(MOST_ATTEMPTS):
        superuser.execute("update analytics_stale set due_at = now()")
        drain()
    assert marks()[4].attempts == MOST_ATTEMPTS
    superuser.execute("alter table analytics_outcome drop constraint poison")
    touch(superuser, 4)  # a changed record is tried anew
    assert (marks()[4].attempts, marks()[4].last_error) == (0, "")
    drain()
    assert outcomes(patient_id=4, os_event=1) == 4


def test_claimed_marks_are_left_to_their_worker(
    records: list[Record], superuser: psycopg.Connection
) -> None:
    touch(superuser, 1, 2)
    with psycopg.connect(superuser.info.dsn) as other, other.transaction():
        other.execute("select from analytics_stale where patient_id = 1 for update")
        assert drain() == 1
        assert set(marks()) == {1}
    assert drain() == 1


def test_rebuild_reaches_records_without_marks(
    records: list[Record], superuser: psycopg.Connection
) -> None:
    superuser.execute("delete from analytics_outcome")
    seen: list[tuple[int, int]] = []
    with acting(system_scope()):
        assert (
            engine.refresh_all(lambda done, total: seen.append((done, total)), batch=4)
            == TREATED * 4
        )
        assert engine.refresh_all() == 0
    assert seen == [(4, TREATED), (TREATED, TREATED)]


def test_app_reads_outcomes_and_marks_of_its_centers_only(
    records: list[Record], superuser: psycopg.Connection
) -> None:
    touch(superuser, 1, 2)
    first = dict(superuser.execute("select id, center_id from patients_patient").fetchall())
    with acting(Scope(1, "coordinator", (first[1],))), transaction.atomic():
        assert Outcome.objects.count() == TREATED // 2 * 4
        assert set(Stale.objects.values_list("pk", flat=True)) == {1}
        assert stored_outcome(2) is None
        assert stored_outcome(1) is not None
        assert is_recomputing(1)
        assert not is_recomputing(3)
        derived = list(engine.derive(None, date(2017, 6, 30), ["fda"]))
        assert {row.center_id for row in derived} == {first[1]}


@pytest.mark.parametrize(
    "statement",
    [
        "update analytics_outcome set eligible = 'yes'",
        "delete from analytics_outcome",
        "delete from analytics_stale",
        "update analytics_stale set attempts = 9",
        "insert into analytics_stale (patient_id, center_id, version) values (1, 1, 1)",
    ],
)
def test_app_writes_neither_outcomes_nor_marks(statement: str, records: list[Record]) -> None:
    with pytest.raises(DatabaseError), acting(system_scope()), transaction.atomic():
        connections["default"].cursor().execute(statement)


def test_hint_never_raises_and_falls_quiet_after_a_failure(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[object] = []

    def refuse(**options: object) -> None:
        sent.append(options)
        raise OSError("no broker")

    monkeypatch.setattr(tasks.recompute, "apply_async", refuse)
    monkeypatch.setattr(tasks._Broker, "quiet_until", 0.0)
    tasks.hint_stale([1])
    tasks.hint_stale([2])
    assert len(sent) == 1
    assert tasks._Broker.quiet_until > 0


def test_unknown_variant_is_refused(database: None) -> None:
    with pytest.raises(ValueError, match="A variant is one of"):
        list(engine.derive([1], date(2017, 6, 30), ["best_case"]))
