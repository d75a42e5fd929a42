"""What is read off a Kaplan-Meier curve: quantiles, landmark rates, risk table, restricted mean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytics.stats.counts import DayCounts, Floats
from analytics.stats.distributions import normal_quantile, normal_two_sided
from analytics.stats.kaplan_meier import Curve

# R's sqrt(.Machine$double.eps): S = 0.5 reached by multiplication may miss 0.5 by an ulp.
TOLERANCE = 1.5e-8


@dataclass(frozen=True)
class Quantile:
    """Day by which `share` of the subjects had the event; None = not reached ("NR").

    `lower` and `upper` bound it with the level of the curve; None = no such bound.
    A half day appears only as the midpoint of a flat piece.
    """

    share: float
    day: float | None
    lower: float | None
    upper: float | None


def _first_crossing(days: Sequence[float], values: Floats, level: float) -> float | None:
    """First day with value <= level; the midpoint when a flat piece at the level ends with a drop.

    The rule of R's `print.survfit`. NaN entries (no interval) never cross.
    """
    reached = np.flatnonzero(values <= level + TOLERANCE)
    if not reached.size:
        return None
    first = int(reached[0])
    if abs(values[first] - level) < TOLERANCE:
        below = reached[values[reached] < values[first]]
        if below.size:
            return (days[first] + days[int(below[0])]) / 2
    return float(days[first])


def quantile(curve: Curve, share: float = 0.5, times: Floats | None = None) -> Quantile:
    """Day by which `share` (0.5: median) had the event, with bounds by inverting the band.

    `times` names the curve's entries where its days are positions of a `Timeline`. Raises ValueError unless 0 < share < 1.
    """
    if not 0.0 < share < 1.0:
        raise ValueError("a quantile lies strictly between 0 and 1")
    days = (curve.days if times is None else times).tolist()
    level = 1.0 - share
    return Quantile(
        share,
        _first_crossing(days, curve.survival, level),
        _first_crossing(days, curve.lower, level),
        _first_crossing(days, curve.upper, level),
    )


@dataclass(frozen=True)
class Landmark:
    """S at one day. `survival` None = not estimable ("NE"); bounds None = no interval."""

    day: int
    at_risk: int
    survival: float | None
    std_error: float | None
    lower: float | None
    upper: float | None


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def landmark(curve: Curve, day: int) -> Landmark:
    """S(day) with its interval and the number still observed (time >= day).

    Beyond the last observation nothing is estimable unless S has reached 0, and with delayed entry
    nothing before the first entry.
    """
    last = curve.counts.last_day
    if last is None or curve.counts.waiting(day) == curve.counts.n:
        return Landmark(day, 0, None, None, None, None)
    at_risk = int(curve.counts.on(np.array([day]))[0][0])
    index = curve.index_at(day)
    if index < 0:
        return Landmark(day, at_risk, 1.0, 0.0, 1.0, 1.0)
    survival = float(curve.survival[index])
    if day > last and survival > 0.0:
        return Landmark(day, 0, None, None, None, None)
    return Landmark(
        day,
        at_risk,
        survival,
        _number(curve.std_error[index]),
        _number(curve.lower[index]),
        _number(curve.upper[index]),
    )


@dataclass(frozen=True)
class RiskRow:
    """State just before one day: the numbers always add up to n (KMunicate).

    `waiting` counts who is not yet under observation: nobody, but with delayed entry.
    """

    day: int
    at_risk: int
    censored: int
    events: int
    waiting: int = 0


def risk_table(counts: DayCounts, days: Sequence[int]) -> tuple[RiskRow, ...]:
    """Number at risk, censored so far and with the event so far at each of `days`.

    Source: Morris et al. 2019, BMJ Open 9:e030215.
    """
    rows = []
    for day in days:
        before = counts.days < day
        censored, events = int(counts.censored[before].sum()), int(counts.events[before].sum())
        waiting = counts.waiting(day)
        at_risk = counts.n - censored - events - waiting
        rows.append(RiskRow(day, at_risk, censored, events, waiting))
    return tuple(rows)


@dataclass(frozen=True)
class RestrictedMean:
    """Mean event-free days up to `tau`; `extrapolated` when tau exceeds the last observation."""

    tau: float
    days: float
    std_error: float
    extrapolated: bool


def restricted_mean(curve: Curve, tau: float, times: Floats | None = None) -> RestrictedMean:
    """Area under S up to `tau` and its standard error (R's `survmean`; Greenwood).

    `times` names the curve's entries where its days are positions of a `Timeline`. Raises ValueError for empty counts or tau < 0. Beyond the last observation
    the last value of S is carried on, and `extrapolated` says so.
    """
    moments = curve.days.astype(np.float64) if times is None else times
    if not moments.size or tau < 0:
        raise ValueError("a restricted mean needs at least one subject and tau >= 0")
    inside = moments <= tau
    days = moments[inside]
    edges = np.concatenate([[0.0], days, [float(tau)]])
    heights = np.concatenate([[1.0], curve.survival[inside]])
    areas = np.diff(edges) * heights
    after = np.cumsum(areas[::-1])[::-1][1:]
    n = curve.at_risk[inside].astype(np.float64)
    d = curve.counts.events[inside].astype(np.float64)
    alive = n > d
    variance = float(np.sum(after[alive] ** 2 * d[alive] / (n[alive] * (n[alive] - d[alive]))))
    return RestrictedMean(tau, float(areas.sum()), math.sqrt(variance), bool(tau > moments[-1]))


def common_tau(groups: Sequence[DayCounts]) -> int | None:
    """Default tau for a comparison: the smallest of the groups' last observed days."""
    lasts = [last for group in groups if (last := group.last_day) is not None]
    return min(lasts) if lasts else None


@dataclass(frozen=True)
class Difference:
    """A difference (second minus first) with its interval and two-sided p (normal)."""

    estimate: float
    lower: float
    upper: float
    p: float | None


def restricted_mean_difference(
    first: RestrictedMean, second: RestrictedMean, level: float = 0.95
) -> Difference:
    """Difference of two independent restricted means in days; p None without any variance."""
    estimate = second.days - first.days
    error = math.hypot(first.std_error, second.std_error)
    reach = normal_quantile(0.5 + level / 2.0) * error
    p = normal_two_sided(estimate / error) if error > 0.0 else None
    return Difference(estimate, estimate - reach, estimate + reach, p)


def ratio_of(
    first: tuple[float, float], second: tuple[float, float], level: float = 0.95
) -> Difference | None:
    """Ratio second to first of two independent (estimate, standard error), by the delta method.

    The interval is symmetric in the logarithm; None unless both estimates are positive.
    """
    if first[0] <= 0.0 or second[0] <= 0.0:
        return None
    log_ratio = math.log(second[0] / first[0])
    error = math.hypot(first[1] / first[0], second[1] / second[0])
    reach = normal_quantile(0.5 + level / 2.0) * error
    p = normal_two_sided(log_ratio / error) if error > 0.0 else None
    return Difference(
        math.exp(log_ratio), math.exp(log_ratio - reach), math.exp(log_ratio + reach), p
    )


def observed_median(counts: DayCounts, times: Floats | None = None) -> float | None:
    """Plain median of the observed times in days, events and censorings alike; None if empty."""
    if not counts.n:
        return None
    moments = counts.days if times is None else times
    return float(np.median(np.repeat(moments, counts.events + counts.censored)))
