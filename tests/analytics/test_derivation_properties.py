"""SQL == oracle on generated histories, and what must hold of any derived row. `tests/deep` goes further."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from random import Random

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.comparing import derived_rows, differences
from tests.histories import Histories
from tests.loader import clear, load, number_rows
from tests.oracle import Record

CUTOFFS = (date(2010, 9, 15), date(2012, 2, 29), date(2012, 12, 31), date(2017, 6, 30))
ONE_ROUND = settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@contextmanager
def generated(
    superuser: psycopg.Connection, random: Random, cutoff: date, number: int
) -> Iterator[list[Record]]:
    """`number` histories, loaded for as long as the block lasts."""
    maker = Histories(random, cutoff)
    records = [maker.record() for _ in range(number)]
    number_rows(records)
    load(superuser, records)
    try:
        yield records
    finally:
        clear(superuser)


@ONE_ROUND
@given(
    seed=st.integers(0, 2**32),
    cutoff=st.sampled_from(CUTOFFS),
    years=st.sampled_from((5, 5, 1, 10)),
)
def test_sql_equals_oracle_on_generated_histories(
    seed: int,
    cutoff: date,
    years: int,
    database: None,
    superuser: psycopg.Connection,
) -> None:
    with generated(superuser, Random(seed), cutoff, 250) as records:
        assert differences(records, cutoff, years=years)[:3] == []


@pytest.mark.parametrize("cutoff", CUTOFFS)
def test_derived_rows_are_consistent_in_themselves(
    cutoff: date, database: None, superuser: psycopg.Connection
) -> None:
    with generated(superuser, Random(7), cutoff, 300):
        rows = [row for row in derived_rows(cutoff) if row.t0 is not None]
        assert rows
        for row in rows:
            assert row.pfs_days is not None
            assert row.pfs_days_max is not None
            assert row.pfs_days_min is not None
            assert 0 <= row.pfs_days_min <= row.pfs_days_max
            assert (row.pfs_event == 1) == (row.pfs_event_type is not None)
            assert (row.pfs_event == 0) == (row.pfs_censor_reason is not None)
            assert (row.cnsr == 0) == (row.pfs_event == 1)
            assert row.pfs_end is not None
            assert row.pfs_end <= cutoff
            for found in row.criteria.values():
                assert (found["resolve"] is not None) == (found["value"] == "unknown")
