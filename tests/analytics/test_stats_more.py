"""Competing events, delayed entry, exact proportions, and what no statistic may depend on."""

from __future__ import annotations

import random
from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from analytics.stats.counts import DayCounts
from analytics.stats.entered import EnteredCounts
from analytics.stats.incidence import CompetingCounts, cumulative_incidence
from analytics.stats.kaplan_meier import kaplan_meier, nelson_aalen, reverse_kaplan_meier
from analytics.stats.logrank import log_rank
from analytics.stats.proportions import proportion
from analytics.stats.summaries import landmark, quantile, restricted_mean, risk_table

Ends = list[tuple[int, int]]
ends = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 2)), min_size=1, max_size=40)
subjects = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 1)), min_size=1, max_size=60)
entries = st.lists(
    st.tuples(st.integers(-1, 40), st.integers(0, 80), st.integers(0, 1)), min_size=1, max_size=40
)


def competing(rows: Ends) -> CompetingCounts:
    return CompetingCounts.from_rows((day, kind, 1) for day, kind in rows)


def exact_incidence(rows: Ends, kind: int, day: int) -> Fraction:
    """Aalen and Johansen's sum, subject by subject, in exact arithmetic."""
    free, found = Fraction(1), Fraction(0)
    for when in sorted({t for t, what in rows if what and t <= day}):
        n = sum(t >= when for t, _ in rows)
        found += free * Fraction(sum(t == when and what == kind for t, what in rows), n)
        free *= 1 - Fraction(sum(t == when and what > 0 for t, what in rows), n)
    return found


@settings(max_examples=25)
@given(ends)
def test_incidence_equals_the_exact_sum_and_everything_adds_up(rows: Ends) -> None:
    counts = competing(rows)
    one, two = cumulative_incidence(counts), cumulative_incidence(counts.other)
    free = kaplan_meier(counts.either).survival
    for place, day in enumerate(counts.days.tolist()):
        assert abs(one.incidence[place] - exact_incidence(rows, 1, day)) < 1e-13
    assert np.allclose(one.incidence + two.incidence + free, 1.0, atol=1e-12)
    assert np.all(np.diff(one.incidence) >= 0)
    inner = (one.incidence > 0) & (one.incidence < 1)
    assert np.all(one.lower[inner] <= one.incidence[inner])
    assert np.all(one.upper[inner] >= one.incidence[inner])
    assert np.all(one.lower[one.incidence == 0] == 0)


@settings(max_examples=25)
@given(ends)
def test_incidence_without_competing_events_is_one_minus_kaplan_meier(rows: Ends) -> None:
    alone = [(day, min(kind, 1)) for day, kind in rows]
    one, curve = cumulative_incidence(competing(alone)), kaplan_meier(competing(alone).either)
    assert np.allclose(one.incidence, 1 - curve.survival, atol=1e-13)
    known = curve.survival > 0
    assert np.allclose(one.std_error[known], curve.std_error[known], atol=1e-9)


@settings(max_examples=25)
@given(ends)
def test_incidence_without_censoring_is_a_share_with_binomial_error(rows: Ends) -> None:
    seen = [(day, max(kind, 1)) for day, kind in rows]
    found, n = cumulative_incidence(competing(seen)), len(seen)
    share = np.array(
        [sum(t <= day and k == 1 for t, k in seen) / n for day in found.counts.days.tolist()]
    )
    assert np.allclose(found.incidence, share, atol=1e-13)
    assert np.allclose(found.std_error, np.sqrt(share * (1 - share) / n), atol=1e-9)


@settings(max_examples=25)
@given(ends)
def test_incidence_variance_is_the_delta_method_of_daily_hazards(rows: Ends) -> None:
    """Numeric derivatives of F in every day's two hazards, whose covariances are multinomial."""
    counts = competing(rows)
    n = counts.either.at_risk.astype(float)
    hazards = np.stack([counts.events / n, counts.competing / n])

    def incidence(h: np.ndarray) -> float:
        free = np.concatenate([[1.0], np.cumprod(1 - h.sum(axis=0))])[:-1]
        return float((free * h[0]).sum())

    variance, step = 0.0, 1e-6
    for day in range(n.size):
        slope = np.zeros(2)
        for kind in range(2):
            up, down = hazards.copy(), hazards.copy()
            up[kind, day] += step
            down[kind, day] -= step
            slope[kind] = (incidence(up) - incidence(down)) / (2 * step)
        h = hazards[:, day]
        variance += slope @ ((np.diag(h) - np.outer(h, h)) / n[day]) @ slope
    found = cumulative_incidence(counts).std_error[-1]
    assert found == pytest.approx(np.sqrt(max(variance, 0.0)), abs=1e-6)


def test_incidence_of_nobody_is_an_empty_curve_and_wrong_rows_are_refused() -> None:
    empty = cumulative_incidence(CompetingCounts.from_rows([]))
    assert empty.incidence.size == 0
    assert empty.index_at(100) == -1
    with pytest.raises(ValueError, match="a row is"):
        CompetingCounts.from_rows([(1, 3, 1)])
    with pytest.raises(ValueError, match="level"):
        cumulative_incidence(CompetingCounts.from_rows([]), level=1.0)


@settings(max_examples=25)
@given(entries)
def test_delayed_entry_equals_the_product_over_those_seen(
    rows: list[tuple[int, int, int]],
) -> None:
    counts = EnteredCounts.from_entries((*row, 1) for row in rows)
    seen = [(entry, end, event) for entry, end, event in rows if end > entry]
    curve = kaplan_meier(counts)
    exact = Fraction(1)
    for day, at_risk, value in zip(
        counts.days.tolist(), curve.at_risk.tolist(), curve.survival.tolist(), strict=True
    ):
        n = sum(entry < day <= end for entry, end, _ in seen)
        assert at_risk == n
        if n:
            exact *= 1 - Fraction(sum(end == day and event for _, end, event in seen), n)
        assert abs(value - exact) < 1e-12
    for row in risk_table(counts, range(0, 90, 7)):
        assert row.at_risk + row.censored + row.events + row.waiting == len(seen)
        assert row.at_risk == sum(entry < row.day <= end for entry, end, _ in seen)


@settings(max_examples=25)
@given(subjects)
def test_entry_before_day_zero_changes_nothing(rows: Ends) -> None:
    late = EnteredCounts.from_entries((-1, day, event, 1) for day, event in rows)
    plain = DayCounts.from_subjects(rows)
    assert np.array_equal(kaplan_meier(late).survival, kaplan_meier(plain).survival)
    assert log_rank([late, late]).expected == log_rank([plain, plain]).expected
    one, two = reverse_kaplan_meier(late), reverse_kaplan_meier(plain)
    assert np.array_equal(one.survival, two.survival)


def test_common_entry_gives_the_landmark_curve_on_the_first_axis() -> None:
    rows = [(day, day % 3 == 0) for day in range(20, 400, 7)]
    late = EnteredCounts.from_entries((100, day, int(event), 1) for day, event in rows)
    after = DayCounts.from_subjects([(day, int(e)) for day, e in rows]).after(100)
    ours, theirs = kaplan_meier(late), kaplan_meier(after)
    assert np.allclose(ours.survival[1:], theirs.survival)
    assert (ours.days[1:] - 100).tolist() == theirs.days.tolist()
    assert landmark(ours, 50).survival is None
    assert np.array_equal(late.after(100).at_risk, after.at_risk)


@pytest.mark.parametrize(
    ("cell", "total"),
    [(0, 1), (1, 1), (0, 30), (30, 30), (3, 17), (59, 100), (1, 12000), (500, 1000000)],
)
@pytest.mark.parametrize("level", [0.95, 0.8])
def test_exact_interval_agrees_with_scipy(cell: int, total: int, level: float) -> None:
    found, tail = proportion(cell, total, level), (1 - level) / 2
    low = 0.0 if cell == 0 else scipy_stats.beta.ppf(tail, cell, total - cell + 1)
    high = 1.0 if cell == total else scipy_stats.beta.ppf(1 - tail, cell + 1, total - cell)
    assert found.lower == pytest.approx(low, rel=1e-9, abs=1e-14)
    assert found.upper == pytest.approx(high, rel=1e-9)
    assert found.share == cell / total


@settings(max_examples=25)
@given(st.integers(1, 25), st.integers(1, 19))
def test_exact_interval_covers_any_truth_often_enough(total: int, twentieth: int) -> None:
    truth = Fraction(twentieth, 20)
    covered = Fraction(0)
    for cell in range(total + 1):
        found = proportion(cell, total)
        assert found.lower is not None
        assert found.upper is not None
        if found.lower <= truth <= found.upper:
            covered += comb(total, cell) * truth**cell * (1 - truth) ** (total - cell)
    assert covered >= Fraction(95, 100) - Fraction(1, 10**9)


def test_proportion_of_nobody_has_no_share_and_nonsense_is_refused() -> None:
    assert proportion(0, 0).share is None
    for wrong in ((2, 1, 0.95), (-1, 1, 0.95), (0, 1, 1.0)):
        with pytest.raises(ValueError, match="proportion"):
            proportion(*wrong)


@settings(max_examples=25)
@given(subjects, st.randoms(use_true_random=False))
def test_order_of_subjects_changes_nothing(rows: Ends, chance: random.Random) -> None:
    mixed = rows[:]
    chance.shuffle(mixed)
    one, two = (kaplan_meier(DayCounts.from_subjects(r)) for r in (rows, mixed))
    assert np.array_equal(one.survival, two.survival)
    assert np.array_equal(one.lower, two.lower, equal_nan=True)
    assert quantile(one) == quantile(two)
    hazards = [nelson_aalen(DayCounts.from_subjects(r)).hazard for r in (rows, mixed)]
    assert np.array_equal(*hazards)


@settings(max_examples=25)
@given(subjects, st.lists(st.integers(1, 900), min_size=1, max_size=20))
def test_longer_censoring_beyond_the_last_event_changes_nothing(
    rows: Ends, more: list[int]
) -> None:
    last = max((day for day, event in rows if event), default=0)
    longer = iter(more * len(rows))
    moved = [(day + next(longer) if not e and day > last else day, e) for day, e in rows]
    one, two = (kaplan_meier(DayCounts.from_subjects(r)) for r in (rows, moved))
    for day in {day for day, event in rows if event}:
        assert one.survival[one.index_at(day)] == two.survival[two.index_at(day)]
    assert (quantile(one).day is None) == (quantile(two).day is None)
    if any(event for _, event in rows):
        assert restricted_mean(one, last).days == restricted_mean(two, last).days


@settings(max_examples=25)
@given(subjects, subjects, subjects)
def test_merged_groups_are_compared_as_one(a: Ends, b: Ends, c: Ends) -> None:
    """Observed and expected of merged groups are the sums of theirs."""
    apart = log_rank([DayCounts.from_subjects(rows) for rows in (a, b, c)])
    merged = log_rank([DayCounts.from_subjects(a + b), DayCounts.from_subjects(c)])
    assert merged.observed[0] == pytest.approx(apart.observed[0] + apart.observed[1])
    assert merged.expected[0] == pytest.approx(apart.expected[0] + apart.expected[1])
    assert merged.variance[1, 1] == pytest.approx(apart.variance[2, 2])
