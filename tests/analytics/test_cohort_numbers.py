"""The numbers of the cohort overview, from real rows through the real derivation."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest
from django.db import transaction

from analytics.queries import cohort
from analytics.queries.disclosure import difference_releasable, releasable, row_releasable
from analytics.queries.filters import Filters
from analytics.queries.overview import Overview, overview
from analytics.queries.selection import TREATED
from centers.access import acting, pooled, system_scope
from tests.analytics.cohort_records import CENTERS, CUTOFF, cohort_records, eligible
from tests.analytics.conftest import Readers, derive_all


def read(readers: Readers, who: str, cutoff: object = CUTOFF) -> Overview:
    scope = readers.scope(getattr(readers, who))
    wide = pooled(scope)
    with acting(wide), transaction.atomic():
        return overview(cutoff, own_centers=wide is scope)  # type: ignore[arg-type]


def test_overview_pooled_shows_the_papers_figures(readers: Readers) -> None:
    page = read(readers, "investigator")
    assert page.diseases == ("melanoma", "renal_cell")
    assert (page.eligible.total, page.eligible.cells) == (100, (54, 46))
    assert (page.treated.total, page.treated.cells) == (160, (84, 76))
    assert (page.alive_10y_followed.total, page.alive_10y_followed.cells) == (59, (32, 27))
    assert (page.survived_10y.total, page.survived_10y.cells) == (59, (32, 27))
    assert not page.withheld
    assert page.pfs_range == ("5+", "30+")
    assert page.follow_up_observed is not None
    assert page.follow_up_observed > 3_652
    assert page.follow_up_reverse is not None
    assert page.follow_up_reverse.day is not None
    assert page.follow_up_reverse.day > 3_652
    assert page.by_disease_released
    assert not page.is_empty


def test_overview_coordinator_sees_own_center_only(readers: Readers) -> None:
    page = read(readers, "coordinator")
    own = [
        record
        for record in cohort_records()
        if record.center == "C01" and record.consent == "signed" and not record.retracted
    ]
    expected = sum(
        record.disease in ("melanoma", "renal_cell")
        and any(line.table == "cycle" for line in record.rows)
        for record in own
    )
    assert page.treated.total == expected
    # Small cells of one's own center are shown.
    assert page.eligible.cells is not None
    assert min(page.eligible.cells) < 11
    assert not page.withheld


def test_pfs_counts_hold_every_treated_record_once(readers: Readers) -> None:
    with acting(system_scope()), transaction.atomic():
        found = cohort.summary(CUTOFF)
    counts, survival = found.pfs, found.survival
    assert {name: group.n for name, group in counts.eligible.items()} == {
        "melanoma": 54,
        "renal_cell": 46,
    }
    assert sum(group.n_events for group in counts.treated.values()) == 60
    assert (survival.n, survival.n_events) == (100, 0)


def test_overview_at_another_cutoff_counts_stored_rows_as_recomputing(readers: Readers) -> None:
    later = CUTOFF + timedelta(days=1)
    assert read(readers, "investigator", later).is_empty
    with acting(pooled(readers.scope(readers.investigator))), transaction.atomic():
        assert cohort.recomputing(later) > 160


def test_overview_says_how_many_records_are_recomputing(
    readers: Readers, mark_stale: Callable[[int], None]
) -> None:
    mark_stale(3)
    with acting(pooled(readers.scope(readers.investigator))), transaction.atomic():
        assert cohort.recomputing(CUTOFF) == 3


def test_withdrawal_counts_at_once_before_the_worker_has_run(
    readers: Readers, superuser: psycopg.Connection
) -> None:
    superuser.execute("set session_replication_role = replica")
    superuser.execute("update patients_patient set consent = 'withdrawn' where id = 1")
    superuser.execute("reset session_replication_role")
    assert read(readers, "investigator").eligible.total == 99


def test_overview_of_a_tiny_registry_withholds_figures_from_strangers(
    readers: Readers, superuser: psycopg.Connection
) -> None:
    superuser.execute("set session_replication_role = replica")
    superuser.execute(
        "delete from analytics_outcome where patient_id > 8; delete from patients_patient where id > 8"
    )
    superuser.execute("reset session_replication_role")
    page = read(readers, "investigator")
    assert page.withheld
    assert (page.eligible.total, page.eligible.cells, page.pfs_range) == (None, None, None)
    assert (page.follow_up_observed, page.follow_up_reverse) == (None, None)
    assert not page.by_disease_released


def test_two_close_readings_are_not_shown_together_to_strangers(
    readers: Readers, superuser: psycopg.Connection
) -> None:
    """Three deaths after ten years would follow from 59 survivors and 56 alive."""
    superuser.execute(
        "update analytics_outcome set alive_10y_followed = false where patient_id <= 3"
    )
    page = read(readers, "investigator")
    assert page.alive_10y_followed.total == 56
    assert (page.survived_10y.total, page.survived_10y.cells) == (None, None)
    assert page.withheld
    assert read(readers, "coordinator").survived_10y.total is not None


@pytest.mark.parametrize(
    ("asked", "alone"), [({}, True), ({"decade": "2000_2009"}, True), ({"sex": "female"}, False)]
)
def test_one_index_answers_what_dashboards_count(
    readers: Readers, superuser: psycopg.Connection, asked: dict[str, str], alone: bool
) -> None:
    """What asks for nothing of the record reads neither its table nor the wide rows of outcomes."""
    bound = {"variant": "primary", "cutoff": CUTOFF, **Filters(tuple(asked.items())).parameters}
    counted = f"select outcome.disease, pfs_days, pfs_event, count(*) {TREATED} group by 1, 2, 3"
    with superuser.transaction(force_rollback=True):
        # Among a few rows the planner is indifferent: so this index is the only one left.
        superuser.execute("set local enable_seqscan = off")
        superuser.execute("set local enable_bitmapscan = off")
        superuser.execute("drop index analytics_outcome_standing")
        superuser.execute("alter table analytics_outcome drop constraint analytics_outcome_pkey")
        plan = [line for (line,) in superuser.execute(f"explain {counted}", bound).fetchall()]
    assert any("Index Only Scan using analytics_outcome_figures" in line for line in plan), plan
    assert any(" on patients_patient record" in line for line in plan) is not alone


def test_overview_without_records_is_empty(database: None) -> None:
    with acting(system_scope()), transaction.atomic():
        page = overview(CUTOFF, own_centers=True)
    assert page.is_empty
    assert (page.pfs_range, page.follow_up_observed, page.follow_up_reverse) == (None, None, None)


def test_range_counts_a_leap_day_by_postgresqls_anniversary(
    database: None, superuser: psycopg.Connection
) -> None:
    """29 February 1996 to 28 February 2002: the sixth anniversary is reached."""
    record = eligible(1, "melanoma", over_ten=False)
    record.rows[0].when, record.rows[1].when = "1996-02-29", "1996-06-01"
    record.rows[2].when = record.rows[3].when = "2002-02-28"
    derive_all(superuser, [record])
    with acting(system_scope()), transaction.atomic():
        assert cohort.summary(CUTOFF).pfs_range == ("6+", "6+")


@pytest.mark.parametrize(
    ("cell", "total", "shown"),
    [(11, 22, True), (10, 100, False), (0, 100, False), (90, 100, False), (89, 100, True)],
)
def test_cell_is_released_only_with_a_large_complement(cell: int, total: int, shown: bool) -> None:
    assert releasable(cell, total) is shown


def test_one_small_cell_withholds_its_row() -> None:
    assert row_releasable([32, 27], [54, 46])
    assert not row_releasable([32, 5], [54, 46])


def test_two_readings_that_differ_by_few_do_not_stand_together() -> None:
    assert difference_releasable([59], [59])
    assert difference_releasable([59], [80])
    assert not difference_releasable([59], [62])


def test_demo_cohort_covers_every_center() -> None:
    assert {record.center for record in cohort_records()} == set(CENTERS)
