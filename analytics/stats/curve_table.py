"""All statistics of one curve as plain values, named as in the results of R they are checked with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args

import numpy as np

from analytics.stats.counts import DayCounts, Floats
from analytics.stats.kaplan_meier import (
    Curve,
    Hazard,
    IntervalType,
    fleming_harrington,
    kaplan_meier,
    nelson_aalen,
    reverse_kaplan_meier,
)
from analytics.stats.steps import step_quantiles
from analytics.stats.summaries import Landmark, landmark, observed_median, quantile, restricted_mean
from analytics.stats.timeline import Timeline

INTERVALS: Final[tuple[IntervalType, ...]] = get_args(IntervalType)
SHARES: Final = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class Moments:
    """Where landmark rates and restricted means are read: times of a timeline, ascending."""

    timeline: Timeline
    landmarks: tuple[float, ...]
    taus: tuple[float, ...]


def curve_table(counts: DayCounts, moments: Moments) -> dict[str, Any]:
    """Everything about one group; its days are positions of `moments.timeline`.

    Values are None (or NaN, infinite) where not reached or not estimable.
    """
    times = moments.timeline.at(counts.days)
    curves = [kaplan_meier(counts, interval) for interval in INTERVALS]
    return {
        "n": counts.n,
        "events": counts.n_events,
        "max_time": float(times[-1]) if times.size else None,
        "km": _steps(curves, times),
        "quantiles": {curve.interval: _quantiles(curve, times) for curve in curves},
        "reverse_km": {
            interval: _quantiles(reverse_kaplan_meier(counts, interval), times)
            for interval in INTERVALS
        },
        "reverse_km_alt": _follow_up(counts, moments.timeline),
        "landmarks": _landmarks(curves, moments, times),
        "rmst": [_mean(curves[0], tau, times) for tau in moments.taus] if counts.n else [],
    }


def _steps(curves: Sequence[Curve], times: Floats) -> dict[str, Any]:
    curve = curves[0]
    counts = curve.counts
    return {
        "time": times.tolist(),
        "n_risk": curve.at_risk.tolist(),
        "n_event": counts.events.tolist(),
        "n_censor": counts.censored.tolist(),
        "surv": curve.survival.tolist(),
        "std_err_log": curve.std_error_log.tolist(),
        "std_err": curve.std_error.tolist(),
        "ci": {
            one.interval: {"lower": one.lower.tolist(), "upper": one.upper.tolist()}
            for one in curves
        },
        **_hazard("nelson_aalen", nelson_aalen(counts)),
        **_hazard("fleming_harrington", fleming_harrington(counts)),
    }


def _hazard(name: str, found: Hazard) -> dict[str, list[float]]:
    return {name: found.hazard.tolist(), f"{name}_se": found.std_error.tolist()}


def _quantiles(curve: Curve, times: Floats) -> dict[str, Any]:
    """Quartiles by R's `quantile.survfit`, the median (`summary_`) by `print.survfit`."""
    median = quantile(curve, 0.5, times)
    return {
        "p": list(SHARES),
        "time": step_quantiles(times, curve.survival, SHARES),
        "lower": step_quantiles(times, curve.lower, SHARES),
        "upper": step_quantiles(times, curve.upper, SHARES),
        "summary_median": median.day,
        "summary_lcl": median.lower,
        "summary_ucl": median.upper,
    }


def _follow_up(counts: DayCounts, timeline: Timeline) -> dict[str, Any]:
    """Other medians of follow-up, naive ones included, for comparison only."""
    eventless = DayCounts(counts.days, np.zeros_like(counts.events), counts.censored)
    return {
        "median_time_all": observed_median(counts, timeline.at(counts.days)),
        "median_time_eventfree": observed_median(eventless, timeline.at(counts.days)),
        "deaths_first_median": _deaths_first_median(counts, timeline),
    }


def _deaths_first_median(counts: DayCounts, timeline: Timeline) -> float | None:
    """Median of the reverse curve when events leave the risk set before censorings of their time."""
    # The gap before a time is a position of its own: events move there.
    moved = [(int(day) - 1, 1, int(n)) for day, n in zip(counts.days, counts.events, strict=True)]
    stayed = [(int(day), 0, int(n)) for day, n in zip(counts.days, counts.censored, strict=True)]
    curve = reverse_kaplan_meier(DayCounts.from_rows(moved + stayed))
    return quantile(curve, 0.5, timeline.at(curve.days)).day


def _landmarks(curves: Sequence[Curve], moments: Moments, times: Floats) -> dict[str, Any]:
    positions = [moments.timeline.position(moment) for moment in moments.landmarks]
    read = {one.interval: [landmark(one, position) for position in positions] for one in curves}
    first = read[curves[0].interval]
    counts = curves[0].counts
    last = times[-1] if times.size else -1.0
    return {
        "time": list(moments.landmarks),
        "n_risk": [one.at_risk for one in first],
        "n_event_interval": _between(counts, counts.events, positions),
        "n_censor_interval": _between(counts, counts.censored, positions),
        "surv": [one.survival for one in first],
        "std_err": [one.std_error for one in first],
        "beyond_followup": [bool(moment > last) for moment in moments.landmarks],
        "ci": {interval: _bounds(found) for interval, found in read.items()},
    }


def _bounds(found: Sequence[Landmark]) -> dict[str, list[float | None]]:
    return {"lower": [one.lower for one in found], "upper": [one.upper for one in found]}


def _between(counts: DayCounts, numbers: Any, positions: Sequence[int]) -> list[int]:
    """Subjects after the landmark before, up to and with each landmark."""
    upto = [int(numbers[counts.days <= position].sum()) for position in positions]
    return [now - before for before, now in zip([0, *upto], upto, strict=False)]


def _mean(curve: Curve, tau: float, times: Floats) -> dict[str, Any]:
    found = restricted_mean(curve, tau, times)
    return {
        "tau": tau,
        "rmst": found.days,
        "se": found.std_error,
        "extrapolated": found.extrapolated,
    }
