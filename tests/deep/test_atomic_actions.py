"""All or nothing: the database fails at each statement of an action in turn, before it is run or after.

Every table is compared with what stood before, row by row. Sequences may go on, as they do with any
transaction that is undone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import psycopg
import pytest
from django.db import OperationalError, connections

from analytics.actions.data_cuts import make_cut
from centers.access import scope_of, system_scope
from patients.actions.erasure import erase_identifiers
from patients.actions.import_jobs import commit_import
from patients.actions.records import RecordChange, RowChange, save_records
from patients.actions.signatures import Meaning, sign_record
from patients.import_jobs import ImportState
from patients.importing.worker import work
from patients.models import Patient
from tests.importing import DECIDES, packed, standing, uploaded
from tests.patients.bundles import record
from tests.patients.import_tools import saved
from tests.patients.signing import center_of, shown_hash
from tests.snapshot import start_from
from tests.universe import (
    SURVIVOR,
    Universe,
    build_universe,
    read_values,
    record_change,
)

ALIASES: Final = ("default", "worker")
# Kept beside the transaction on purpose: how often a worker began, and that events were sealed.
BESIDE: Final = ("public.patients_import_run", "audit.seal")
# More would be an action that has changed its kind.
MOST_STATEMENTS: Final = 400

Tables = dict[str, tuple[int, str]]
Action = Callable[[], object]
Begin = Callable[[Callable[[Universe], Action]], tuple[Action, Tables]]


@dataclass
class Fault:
    """Counts statements, and fails at the one of this number: unrun, or `late`, when it has been run."""

    at: int | None
    late: bool = False
    seen: int = 0
    hit: bool = False

    def __call__(self, execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        self.seen += 1
        if self.seen - 1 != self.at:
            return execute(sql, params, many, context)
        self.hit = True
        if self.late:
            execute(sql, params, many, context)
        raise OperationalError("the connection is lost")


@contextmanager
def failing(fault: Fault) -> Iterator[None]:
    """Statements of the block pass the fault; afterwards the connections are new, as after a real loss."""
    with ExitStack() as stack:
        for alias in ALIASES:
            stack.callback(connections[alias].close)
            stack.enter_context(connections[alias].execute_wrapper(fault))
        yield


def tables_of(superuser: psycopg.Connection) -> Tables:
    """Number and hash of the rows of every table."""
    names = superuser.execute(
        "select format('%I.%I', schemaname, tablename) from pg_tables"
        " where schemaname in ('public', 'ident', 'audit', 'frozen', 'pseudonym') order by 1"
    ).fetchall()
    counted = " union all ".join(
        f"select '{name}', count(*), coalesce(md5(string_agg(t::text, ' ' order by t::text)), '')"
        f" from {name} t"
        for (name,) in names
        if name not in BESIDE
    )
    return {name: (rows, md5) for name, rows, md5 in superuser.execute(counted).fetchall()}


def counts(tables: Tables) -> dict[str, int]:
    return {name: rows for name, (rows, _) in tables.items()}


def creating(universe: Universe) -> Action:
    first = {**SURVIVOR, "patients": [{**SURVIVOR["patients"][0], "record_id": "C01-0099"}]}
    change = record_change(universe.centers["C01"], first)
    actor = scope_of(universe.users["carla"])
    return lambda: save_records(actor=actor, changes=[change])


def amending(universe: Universe) -> Action:
    row = saved(record_id="C01-0001").rows["cycles"][0]
    rows = [
        RowChange("cycles", read_values("cycles", {"doses_given": "11"}), row_id=row.id),
        RowChange("patients", read_values("patients", {"weight_kg": "73", "initials": "ZZ"})),
        RowChange("follow_ups", read_values("follow_ups", _contact())),
    ]
    patient = universe.records["survivor"].patient_id
    change = RecordChange(universe.centers["C01"].pk, patient, rows)
    actor = scope_of(universe.users["carla"])
    return lambda: save_records(actor=actor, changes=[change], reason="Read again")


def _contact() -> dict[str, str]:
    return {name: text for name, text in DECIDES.items() if name not in ("center", "record_id")}


def signing(universe: Universe) -> Action:
    given: dict[str, Any] = {
        "actor": scope_of(universe.users["petra"]),
        "center_id": center_of(universe, "survivor"),
        "patient_id": universe.records["survivor"].patient_id,
        "meaning": Meaning.VERIFIED,
        "shown_hash": shown_hash(universe, "survivor"),
    }
    return lambda: sign_record(**given)


def erasing(universe: Universe) -> Action:
    actor, saved = scope_of(universe.users["petra"]), universe.records["progressed"]
    patient = Patient(pk=saved.patient_id, public_id=saved.public_id)
    patient.center_id = universe.centers["C01"].pk
    day = date(2026, 3, 2)
    return lambda: erase_identifiers(
        actor=actor, patient=patient, requested_on=day, reason="Letter"
    )


def importing(universe: Universe) -> Action:
    forms = record("C01-0077")
    forms["follow_ups"] = [*forms["follow_ups"], DECIDES]
    key = uploaded(universe, packed(forms))
    actor = scope_of(universe.users["carla"])
    commit_import(actor=actor, job=standing(key), reason="New source")
    assert standing(key).state == ImportState.COMMITTING
    return lambda: work(key)


def cutting(universe: Universe) -> Action:
    return lambda: make_cut(actor=system_scope(), name="Cut", cutoff=date(2017, 6, 30))


ACTIONS: Final[dict[str, tuple[Callable[[Universe], Action], str]]] = {
    "a new record": (creating, "public.patients_patient"),
    "an amended row": (amending, "audit.event"),
    "a signature": (signing, "public.patients_signature"),
    "an erasure": (erasing, "public.patients_erasure"),
    "an import": (importing, "public.patients_patient"),
    "a data cut": (cutting, "public.analytics_data_cut"),
}


@pytest.fixture
def begin(database: None, superuser: psycopg.Connection, _cleaning_sql: str) -> Begin:
    """Puts the universe back, and prepares an action in it; with the tables as they stand then."""

    def begun(prepare: Callable[[Universe], Action]) -> tuple[Action, Tables]:
        superuser.execute(_cleaning_sql.encode())
        action = prepare(start_from("universe", build_universe, superuser))
        return action, tables_of(superuser)

    return begun


def done_by(action: Action, superuser: psycopg.Connection) -> tuple[int, dict[str, int]]:
    """How many statements the whole action has, and the numbers of rows that it leaves."""
    whole = Fault(None)
    with failing(whole):
        action()
    return whole.seen, counts(tables_of(superuser))


@pytest.mark.requirement("R1")
@pytest.mark.parametrize("late", [False, True], ids=["unrun", "run"])
@pytest.mark.parametrize("name", ACTIONS)
def test_action_that_fails_at_any_statement_is_whole_or_not_there(
    begin: Begin,
    superuser: psycopg.Connection,
    tell: Callable[[str], None],
    name: str,
    late: bool,
) -> None:
    prepare, grows = ACTIONS[name]
    action, before = begin(prepare)
    statements, done = done_by(action, superuser)
    assert done[grows] > counts(before)[grows]
    assert 1 < statements < MOST_STATEMENTS
    action, before = begin(prepare)
    undone = 0
    for number in range(statements):
        # Its worker gives an import up that began too often.
        superuser.execute("delete from patients_import_run")
        fault = Fault(number, late)
        with failing(fault), suppress(OperationalError):
            action()
        assert fault.hit
        after = tables_of(superuser)
        if after == before:
            undone += 1
            continue
        # Only tidying up behind the commit may fail without undoing it.
        assert counts(after) == done, f"{name}: half written at statement {number}"
        assert name == "an import"
        action, before = begin(prepare)
    assert undone > statements * 0.9
    tell(f"{name}: undone at {undone} of {statements} statements")
