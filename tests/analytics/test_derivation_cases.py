"""Every row and sentence of rules.md as a case, held against the SQL and against the oracle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from pytest_django.plugin import DjangoDbBlocker

from tests.analytics.derivation_tables import CASES
from tests.comparing import derived_rows, differences
from tests.derivation_cases import Case
from tests.loader import load, number_rows
from tests.oracle import VARIANTS
from tests.oracle_outcome import derive

Derived = dict[tuple[str, str], dict[str, Any]]


@pytest.fixture(scope="module")
def derived(
    django_db_blocker: DjangoDbBlocker, superuser: psycopg.Connection, _cleaning_sql: str
) -> Iterator[tuple[Derived, list[str]]]:
    """All cases loaded once; the SQL's rows by (case, variant), and where they differ from the oracle."""
    records = [case.record for case in CASES]
    number_rows(records)
    found: Derived = {}
    different: list[str] = []
    with django_db_blocker.unblock():
        load(superuser, records)
        for cutoff in {case.cutoff for case in CASES}:
            rows = {(row.patient_id, row.variant): row._asdict() for row in derived_rows(cutoff)}
            for case in (case for case in CASES if case.cutoff == cutoff):
                found |= {(case.name, v): rows[case.record.id, v] for v in VARIANTS}
            different += differences(records, cutoff)
        yield found, different
    superuser.execute(_cleaning_sql)


def test_case_names_are_unique() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.requirement("D1")
@pytest.mark.parametrize("case", CASES, ids=str)
def test_sql_derives_case_as_the_rules_say(case: Case, derived: tuple[Derived, list[str]]) -> None:
    for variant, columns in case.expected.items():
        got = derived[0][case.name, variant]
        assert {name: _value(got[name]) for name in columns} == columns, variant


@pytest.mark.parametrize("case", CASES, ids=str)
def test_oracle_derives_case_as_the_rules_say(case: Case) -> None:
    for variant, columns in case.expected.items():
        outcome = derive(case.record, case.cutoff, variant)
        assert outcome is not None
        got = outcome.columns | {"flags": set(outcome.flags)}
        assert {name: got.get(name) for name in columns} == columns, variant


def test_sql_equals_oracle_on_every_column_of_every_case(
    derived: tuple[Derived, list[str]],
) -> None:
    assert derived[1] == []


def _value(value: Any) -> Any:
    return set(value) if isinstance(value, list) else value
