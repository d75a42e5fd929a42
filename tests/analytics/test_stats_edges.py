"""Edge cases of statistics.md, and tail probabilities against exact values."""

from __future__ import annotations

import math
from decimal import Decimal, getcontext, localcontext
from fractions import Fraction

import numpy as np
import pytest

from analytics.stats.counts import DayCounts, pooled
from analytics.stats.cox import hazard_ratio, stratified_hazard_ratio
from analytics.stats.distributions import chi_square_tail, normal_quantile, normal_two_sided
from analytics.stats.kaplan_meier import IntervalType, kaplan_meier, reverse_kaplan_meier
from analytics.stats.logrank import log_rank, stratified_log_rank, trend
from analytics.stats.summaries import (
    RestrictedMean,
    common_tau,
    landmark,
    observed_median,
    quantile,
    restricted_mean,
    restricted_mean_difference,
    risk_table,
)

EMPTY = DayCounts.from_rows([])
THIRTY_YEARS = 10_958


def subjects(*pairs: tuple[int, int]) -> DayCounts:
    return DayCounts.from_subjects(pairs)


def test_all_censored_curve_stays_at_one_and_median_is_not_reached() -> None:
    counts = subjects((10, 0), (20, 0), (30, 0))
    curve = kaplan_meier(counts)
    assert curve.survival.tolist() == [1.0, 1.0, 1.0]
    assert curve.lower.tolist() == curve.upper.tolist() == [1.0, 1.0, 1.0]
    median = quantile(curve)
    assert (median.day, median.lower, median.upper) == (None, None, None)
    follow_up = quantile(reverse_kaplan_meier(counts))
    assert follow_up.day == 20.0
    assert observed_median(counts) == 20.0
    assert restricted_mean(curve, 30) == RestrictedMean(30, 30.0, 0.0, extrapolated=False)


@pytest.mark.parametrize("interval", ["log-log", "log", "plain"])
def test_all_events_on_one_day_survival_is_zero_without_interval(interval: IntervalType) -> None:
    curve = kaplan_meier(DayCounts.from_rows([(100, 1, 7)]), interval)
    assert curve.survival.tolist() == [0.0]
    assert math.isnan(curve.lower[0])
    assert math.isnan(curve.upper[0])
    assert quantile(curve).day == 100.0
    # S = 0 stays known beyond the last observation.
    later = landmark(curve, 5_000)
    assert (later.survival, later.at_risk, later.lower) == (0.0, 0, None)


@pytest.mark.parametrize("event", [0, 1])
def test_one_patient(event: int) -> None:
    curve = kaplan_meier(subjects((5, event)))
    assert curve.survival.tolist() == [1.0 - event]
    assert quantile(curve).day == (5.0 if event else None)
    assert restricted_mean(curve, 5).days == 5.0
    assert hazard_ratio(subjects((5, event)), EMPTY).estimable is False


def test_tied_event_and_censoring_event_comes_first() -> None:
    curve = kaplan_meier(subjects((10, 1), (10, 0)))
    assert curve.at_risk.tolist() == [2]
    assert curve.survival.tolist() == [0.5]
    # Reverse: the subject with the event is still at risk of censoring that day.
    assert reverse_kaplan_meier(subjects((10, 1), (10, 0))).survival.tolist() == [0.5]


def test_time_zero_events_and_censorings_count() -> None:
    counts = subjects((0, 1), (0, 0), (5, 1), (9, 0))
    curve = kaplan_meier(counts)
    assert curve.survival.tolist() == [0.75, 0.375, 0.375]
    assert landmark(curve, 0).survival == 0.75
    assert landmark(curve, 0).at_risk == 4
    assert [row.at_risk for row in risk_table(counts, [0, 1])] == [4, 2]


def test_survival_exactly_half_to_the_end_median_is_first_day() -> None:
    """Nothing drops below: R's print.survfit gives the first day, not a midpoint."""
    assert quantile(kaplan_meier(subjects((10, 1), (20, 0)))).day == 10.0


def test_survival_exactly_half_then_drop_median_is_midpoint() -> None:
    assert quantile(kaplan_meier(subjects((10, 1), (21, 1)))).day == 15.5


def test_survival_half_by_multiplication_counts_as_half() -> None:
    """9 of 10, 8 of 9 ... give 0.5 only up to an ulp; the tolerance catches it."""
    curve = kaplan_meier(DayCounts.from_subjects([(day, 1) for day in range(1, 11)]))
    assert quantile(curve).day == 5.5
    assert quantile(curve, 0.3).day == 3.5


def test_empty_group_gives_no_estimates() -> None:
    curve = kaplan_meier(EMPTY)
    assert curve.survival.size == 0
    assert quantile(curve).day is None
    assert landmark(curve, 0).survival is None
    assert risk_table(EMPTY, [0])[0].at_risk == 0
    assert EMPTY.last_day is None
    assert observed_median(EMPTY) is None
    assert common_tau([EMPTY]) is None
    assert common_tau([EMPTY, subjects((7, 1))]) == 7
    with pytest.raises(ValueError, match="at least one subject"):
        restricted_mean(curve, 10)


def test_group_without_events_has_no_hazard_ratio_but_a_log_rank() -> None:
    quiet, busy = subjects((50, 0), (60, 0)), subjects((10, 1), (20, 1))
    assert not hazard_ratio(quiet, busy).estimable
    assert not hazard_ratio(busy, quiet).estimable
    assert log_rank([quiet, busy]).df == 1
    assert log_rank([quiet, busy]).withheld


@pytest.mark.parametrize("swapped", [False, True])
def test_separated_arms_ratio_is_not_estimable(swapped: bool) -> None:
    """All events of one arm come before any of the other: the likelihood has no maximum."""
    early = DayCounts.from_rows([(day, 1, 1) for day in range(1, 21)])
    late = DayCounts.from_rows([(day, 1, 1) for day in range(101, 121)])
    assert not (hazard_ratio(late, early) if swapped else hazard_ratio(early, late)).estimable


def test_arms_never_at_risk_together_ratio_is_not_estimable() -> None:
    """In strata of one arm each nothing compares the arms."""
    assert not hazard_ratio(EMPTY, subjects((1, 1), (2, 1))).estimable
    apart = [(subjects((1, 1)), EMPTY), (EMPTY, subjects((2, 1)))]
    assert not stratified_hazard_ratio(apart).estimable


def test_hazard_ratio_far_from_one_converges() -> None:
    """Plain Newton steps from 0 overshoot here; the score at the result is zero all the same."""
    first = DayCounts.from_rows([(day, 1, 1) for day in range(50, 500)] + [(1, 1, 1)])
    second = DayCounts.from_rows([(day, 1, 40) for day in range(2, 49)] + [(300, 1, 1)])
    found = hazard_ratio(first, second)
    assert found.coefficient is not None
    assert found.std_error is not None
    turned = hazard_ratio(second, first)
    assert turned.coefficient == pytest.approx(-found.coefficient, abs=1e-9)


def test_thirty_years_of_follow_up() -> None:
    counts = DayCounts.from_rows([(day, day % 2, 1) for day in range(1, THIRTY_YEARS + 1)])
    curve = kaplan_meier(counts)
    assert curve.days.size == THIRTY_YEARS
    assert landmark(curve, THIRTY_YEARS).at_risk == 1
    assert landmark(curve, THIRTY_YEARS + 1).survival is None
    rows = risk_table(counts, range(0, THIRTY_YEARS, 365))
    assert all(row.at_risk + row.censored + row.events == counts.n for row in rows)


def test_one_group_only_log_rank_is_not_computable() -> None:
    result = log_rank([DayCounts.from_rows([(1, 1, 20)])])
    assert (result.df, result.chi_square, result.p) == (0, None, None)


def test_log_rank_without_variance_is_not_computable() -> None:
    """One subject left in each group, events on the last day of all."""
    result = log_rank([subjects((1, 1)), subjects((1, 1))])
    assert result.df == 1
    assert result.chi_square is None


def test_log_rank_group_without_expectation_is_left_out() -> None:
    groups = [subjects((1, 0)), subjects((5, 1), (9, 1)), subjects((6, 1), (7, 0))]
    assert log_rank(groups).df == 1
    assert log_rank(groups).chi_square == pytest.approx(log_rank(groups[1:]).chi_square)


def test_trend_of_two_groups_is_the_log_rank() -> None:
    groups = [subjects((1, 1), (5, 1), (9, 0)), subjects((3, 1), (8, 0), (12, 1))]
    assert trend([groups], [0, 1]).chi_square == pytest.approx(log_rank(groups).chi_square)
    assert trend([groups], [2, 2]).chi_square is None
    with pytest.raises(ValueError, match="one score"):
        trend([groups], [1])


def test_strata_with_unequal_groups_are_refused() -> None:
    with pytest.raises(ValueError, match="every stratum"):
        stratified_log_rank([[EMPTY], [EMPTY, EMPTY]])
    with pytest.raises(ValueError, match="every stratum"):
        stratified_log_rank([])


@pytest.mark.parametrize("row", [(-1, 1, 1), (1, 2, 1), (1, 1, -1)])
def test_impossible_counts_are_refused(row: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="a row is"):
        DayCounts.from_rows([row])


def test_wrong_parameters_are_refused() -> None:
    counts = subjects((1, 1))
    with pytest.raises(ValueError, match="interval"):
        kaplan_meier(counts, "arcsin")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="interval"):
        kaplan_meier(counts, level=1.0)
    with pytest.raises(ValueError, match="quantile"):
        quantile(kaplan_meier(counts), 1.0)
    with pytest.raises(ValueError, match="degree"):
        chi_square_tail(1.0, 0)


def test_curve_before_the_first_day_is_one() -> None:
    state = landmark(kaplan_meier(subjects((10, 1), (20, 0))), 3)
    assert (state.survival, state.std_error, state.at_risk) == (1.0, 0.0, 2)


def test_pooled_groups_add_up() -> None:
    both = pooled([subjects((1, 1), (2, 0)), subjects((1, 0), (3, 1))])
    assert both.days.tolist() == [1, 2, 3]
    assert both.events.tolist() == [1, 0, 1]
    assert both.censored.tolist() == [1, 1, 0]


def test_restricted_mean_difference_without_variance_has_no_p() -> None:
    curve = kaplan_meier(subjects((10, 0)))
    mean = restricted_mean(curve, 10)
    assert restricted_mean_difference(mean, mean).p is None


def test_survival_against_exact_fractions() -> None:
    curve = kaplan_meier(subjects((1, 1), (2, 0), (2, 1), (4, 1), (4, 1), (9, 0)))
    exact = [Fraction(5, 6), Fraction(4, 6), Fraction(4, 6) * Fraction(1, 3)]
    assert np.allclose(curve.survival[:3], [float(value) for value in exact], rtol=1e-15)


def _pi() -> Decimal:
    """Machin's formula at the current precision."""

    def arctan_of_inverse(x: int) -> Decimal:
        total, power, sign, k = Decimal(0), Decimal(1) / x, 1, 1
        while power > Decimal(10) ** -getcontext().prec:
            total += sign * power / k
            power, sign, k = power / (x * x), -sign, k + 2
        return total

    return 4 * (4 * arctan_of_inverse(5) - arctan_of_inverse(239))


def exact_tail(statistic: float, df: int) -> Decimal:
    """1 - P(df/2, statistic/2) by the power series of the incomplete gamma, at 450 digits.

    Another formula than the product's, with enough digits to subtract from 1.
    """
    a, z = Decimal(df) / 2, Decimal(statistic) / 2
    gamma, k = (Decimal(1), Decimal(1)) if df % 2 == 0 else (_pi().sqrt(), Decimal("0.5"))
    while k < a + 1:
        gamma, k = gamma * k, k + 1
    term = total = Decimal(1)
    step = Decimal(1)
    while term > total * Decimal(10) ** -getcontext().prec:
        term = term * z / (a + step)
        total, step = total + term, step + 1
    return 1 - (a * z.ln() - z).exp() / gamma * total


@pytest.mark.parametrize("df", [1, 2, 3, 4, 5, 10, 11, 40])
@pytest.mark.parametrize("statistic", [1e-3, 0.5, 3.84, 25.4, 100.0, 411.6, 900.0, 1370.0])
def test_chi_square_tail_is_exact_far_out(statistic: float, df: int) -> None:
    with localcontext() as context:
        context.prec = 700
        exact = float(exact_tail(statistic, df))
    assert exact > 1e-300
    assert chi_square_tail(statistic, df) == pytest.approx(exact, rel=1e-9, abs=0)


def test_tails_at_and_below_zero() -> None:
    assert chi_square_tail(0.0, 3) == 1.0
    assert chi_square_tail(-1e-17, 1) == 1.0
    assert normal_two_sided(0.0) == 1.0
    assert normal_two_sided(-1.959963984540054) == pytest.approx(0.05, rel=1e-12)
    assert normal_quantile(0.975) == pytest.approx(1.959963984540054, rel=1e-15)
