"""Properties that hold for any observations."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from analytics.stats.counts import DayCounts, pooled
from analytics.stats.cox import hazard_ratio
from analytics.stats.kaplan_meier import IntervalType, kaplan_meier
from analytics.stats.logrank import log_rank, stratified_log_rank
from analytics.stats.summaries import landmark, quantile, restricted_mean, risk_table

Subjects = list[tuple[int, int]]
subject = st.tuples(st.integers(0, 400), st.integers(0, 1))
some = st.lists(subject, min_size=1, max_size=60)
intervals = st.sampled_from(["log-log", "log", "plain"])


def counts(subjects: Subjects) -> DayCounts:
    return DayCounts.from_subjects(subjects)


def exact_survival(subjects: Subjects, day: int) -> Fraction:
    """Kaplan and Meier's product, subject by subject, in exact arithmetic."""
    survival = Fraction(1)
    for when in sorted({t for t, event in subjects if event and t <= day}):
        at_risk = sum(t >= when for t, _ in subjects)
        survival *= 1 - Fraction(sum(t == when and e for t, e in subjects), at_risk)
    return survival


@given(some)
def test_survival_equals_exact_product(subjects: Subjects) -> None:
    curve = kaplan_meier(counts(subjects))
    for day, value in zip(curve.days.tolist(), curve.survival.tolist(), strict=True):
        assert abs(value - exact_survival(subjects, day)) < 1e-13


@given(some, intervals)
def test_curve_falls_within_its_band(subjects: Subjects, interval: IntervalType) -> None:
    curve = kaplan_meier(counts(subjects), interval)
    assert np.all(np.diff(curve.survival) <= 0)
    assert np.all((curve.survival >= 0) & (curve.survival <= 1))
    known = curve.survival > 0
    assert np.all(curve.lower[known] <= curve.survival[known])
    assert np.all(curve.upper[known] >= curve.survival[known])
    assert np.all(np.isnan(curve.lower[~known]))


@given(st.lists(st.integers(0, 400), min_size=1, max_size=60))
def test_without_censoring_survival_is_the_share_still_alive(days: list[int]) -> None:
    curve = kaplan_meier(counts([(day, 1) for day in days]))
    share = [sum(d > day for d in days) / len(days) for day in curve.days.tolist()]
    assert np.allclose(curve.survival, share, atol=1e-13)
    area = restricted_mean(curve, max(days)).days
    assert abs(area - sum(days) / len(days)) < 1e-9 * max(1, max(days))


@given(some)
def test_median_splits_the_exact_curve(subjects: Subjects) -> None:
    day = quantile(kaplan_meier(counts(subjects))).day
    last = max(t for t, _ in subjects)
    if day is None:
        assert exact_survival(subjects, last) > Fraction(1, 2)
        return
    assert exact_survival(subjects, int(np.floor(day))) <= Fraction(1, 2)
    earlier = [t for t, _ in subjects if t < day]
    if earlier and day == int(day):
        assert exact_survival(subjects, max(earlier)) >= Fraction(1, 2)


@given(some, st.lists(st.integers(0, 500), max_size=8))
def test_risk_table_adds_up_and_agrees_with_landmarks(subjects: Subjects, days: list[int]) -> None:
    data = counts(subjects)
    curve = kaplan_meier(data)
    for row in risk_table(data, days):
        assert row.at_risk + row.censored + row.events == len(subjects)
        assert row.at_risk == sum(t >= row.day for t, _ in subjects)
        assert landmark(curve, row.day).at_risk == row.at_risk


@given(some, some)
def test_log_rank_is_symmetric_and_blind_to_order(first: Subjects, second: Subjects) -> None:
    one, two = log_rank([counts(first), counts(second)]), log_rank([counts(second), counts(first)])
    assert (one.chi_square is None) == (two.chi_square is None)
    if one.chi_square is not None and two.chi_square is not None:
        assert np.isclose(one.chi_square, two.chi_square, rtol=1e-9, atol=1e-12)
        assert one.p is not None
        assert 0.0 <= one.p <= 1.0
    assert np.isclose(sum(one.observed), sum(one.expected))


@given(some)
def test_equal_groups_differ_by_nothing(subjects: Subjects) -> None:
    same = counts(subjects)
    result = log_rank([same, same])
    assert result.chi_square is None or result.chi_square < 1e-12
    ratio = hazard_ratio(same, same)
    assert ratio.coefficient is None or abs(ratio.coefficient) < 1e-9


@given(some, some)
def test_hazard_ratio_turns_over_with_the_groups(first: Subjects, second: Subjects) -> None:
    one, two = (
        hazard_ratio(counts(first), counts(second)),
        hazard_ratio(counts(second), counts(first)),
    )
    assert one.estimable == two.estimable
    if one.ratio is not None and two.ratio is not None:
        assert np.isclose(one.ratio * two.ratio, 1.0, rtol=1e-6)


@given(some, some)
def test_one_stratum_or_none_is_the_same(first: Subjects, second: Subjects) -> None:
    groups = [counts(first), counts(second)]
    plain, stratified = log_rank(groups), stratified_log_rank([groups, [counts([]), counts([])]])
    assert plain.chi_square == stratified.chi_square


@given(st.lists(some, min_size=1, max_size=4))
def test_pooling_groups_equals_pooling_subjects(groups: list[Subjects]) -> None:
    ours = pooled([counts(group) for group in groups])
    theirs = counts([one for group in groups for one in group])
    assert ours.days.tolist() == theirs.days.tolist()
    assert ours.events.tolist() == theirs.events.tolist()
    assert ours.censored.tolist() == theirs.censored.tolist()


@given(some, st.integers(2, 9))
def test_time_unit_changes_days_only(subjects: Subjects, factor: int) -> None:
    plain = kaplan_meier(counts(subjects))
    scaled = kaplan_meier(counts([(t * factor, e) for t, e in subjects]))
    assert np.array_equal(plain.survival, scaled.survival)
    median, other = quantile(plain), quantile(scaled)
    assert (median.day is None) == (other.day is None)
    if median.day is not None:
        assert other.day == median.day * factor
