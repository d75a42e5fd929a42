"""Ages at treatment for readers who see no birth date: the same on every page, and nothing behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import psycopg
import pytest
from django.db import ProgrammingError, connection, transaction

from analytics.derivation.stale import drain
from analytics.queries.asked import asking
from analytics.queries.known import outcomes_at
from centers.access import acting, one_snapshot, scope_of, set_reason
from centers.sealing import seal_events
from patients.actions.records import RowChange
from tests.analytics.cohort_records import CUTOFF
from tests.analytics.conftest import signed_in
from tests.patients.pages import shown
from tests.snapshot import start_from
from tests.universe import Universe, amend_record, build_universe, read_values

# Who sees birth dates of one center of two, and of none.
READERS = ("bea", "dana")
Ages = dict[int, int | None]
AGES = "select patient_id, age_at_t0 from analytics_outcome where variant = 'primary'"


@pytest.fixture
def universe(database: None, superuser: psycopg.Connection) -> Universe:
    return start_from("universe of ages", build_universe, superuser)


def rows(statement: str, parameters: Sequence[object] = ()) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []


def ages(universe: Universe, who: str, **query: str) -> Ages:
    """Ages of a page with that address, by record."""
    with (
        acting(scope_of(universe.users[who])),
        one_snapshot(),
        transaction.atomic(),
        asking(query) as view,
    ):
        assert not view.problems
        return dict(rows(AGES))  # type: ignore[arg-type]


def change(
    universe: Universe, record: str, form: str, places: int, texts: Mapping[str, str]
) -> None:
    """One amendment of the first rows of a form, derived."""
    values = read_values(form, texts)
    keys = [universe.records[record].patient_id]
    if form != "patients":
        keys = [universe.row_key(record, form, place) for place in range(places)]
    amend_record(universe, record, [RowChange(form, values, key) for key in keys])
    drain()


def test_ages_are_those_of_the_standing_page_at_every_cutoff_and_moment(universe: Universe) -> None:
    of = {name: saved.patient_id for name, saved in universe.records.items()}
    told: list[tuple[str, dict[str, Ages]]] = []
    steps: list[tuple[str, str, int, dict[str, str]]] = [
        ("progressed", "patients", 1, {"ecog": "1"}),
        ("progressed", "cycles", 2, {"doses_given": "0"}),  # the second course is the first now
        ("survivor", "cycles", 1, {"start_date": "1998-06-01"}),
        ("waiting", "patients", 1, {"consent": "withdrawn"}),  # no outcome is stored any more
    ]
    for step in steps:
        change(universe, *step)
        told.append((str(seal_events()), {who: ages(universe, who) for who in READERS}))
    first, last = told[0][1]["dana"], told[-1][1]["dana"]
    assert ages(universe, "dana", years="7") == last
    assert ages(universe, "bea", cutoff="2017-06-29") == told[-1][1]["bea"] == last
    assert [first[of[name]] for name in ("survivor", "progressed", "waiting")] == [47, 37, 57]
    assert [last.get(of[name]) for name in ("survivor", "progressed", "waiting")] == [46, 38, None]
    for seal, pages in told:
        for who, standing in pages.items():
            assert ages(universe, who, as_of=seal) == standing
    past = signed_in(universe.users["max"]).get(
        universe.url("survivor", f"past/?as_of={told[0][0]}")
    )
    assert "47 years" in past.content.decode()
    assert shown(past.content.decode(), ["1951"]) == []


def test_no_birth_date_is_solved_for_by_the_logins_own_sql(universe: Universe) -> None:
    record, other = (universe.records[name].patient_id for name in ("survivor", "stranger"))
    seal = seal_events()
    known = "select * from analytics_ages_known(%s, %s)"
    with acting(scope_of(universe.users["max"])), transaction.atomic():
        assert rows("select birth_date from ident.patient_identity") == []
        assert rows(known, [seal, [record, other]]) == [(record, 47)]
        assert rows(known, [0, [record]]) == []
        # Days of one's own: in tables that stand for the registry's, and in rows not committed.
        for day in ("1998-07-13", "1998-07-14", "1951"):
            set_reason("a guess")
            rows("update patients_cycle set start_date = %s where patient_id = %s", [day, record])
            rows("create temporary table patients_cycle as select * from public.patients_cycle")
            rows(
                "create function pg_temp.partial_date_point(text) returns date return date '1998-01-01'"
            )
            number = seal_events()
            assert rows(known, [number, [record, other]]) == [(record, 47)]
            rows("drop table patients_cycle")
            rows("drop function pg_temp.partial_date_point")
            with outcomes_at(CUTOFF, seal=None):
                assert dict(rows(AGES))[record] is None  # type: ignore[arg-type]
        transaction.set_rollback(True)
    with (
        acting(scope_of(universe.users["max"])),
        pytest.raises(ProgrammingError),
        transaction.atomic(),
    ):
        rows("set local role registry_ages")


def test_temporary_table_stands_for_none_of_the_registrys(universe: Universe) -> None:
    """Functions with the owner's rights would else write it, and run its maker's triggers."""
    record = universe.records["survivor"].patient_id
    version = "select version from public.patients_record_version where patient_id = %s"
    with acting(scope_of(universe.users["carla"])), transaction.atomic():
        before = rows(version, [record])
        rows("create temporary table patients_record_version (like public.patients_record_version)")
        set_reason("a trap")
        rows("update patients_patient set ecog = '1' where id = %s", [record])
        assert rows("select * from pg_temp.patients_record_version") == []
        assert rows(version, [record]) > before
        transaction.set_rollback(True)
