"""Hazard ratio of one binary covariate by Cox's partial likelihood, ties by Efron.

Sources: Cox 1972; Efron 1977. Compared with R's `survival::coxph`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytics.stats.counts import DayCounts, Floats, event_days
from analytics.stats.distributions import normal_quantile, normal_two_sided

# Beyond this the likelihood is flat (one arm's events all come first): no ratio exists.
LARGEST_COEFFICIENT = 15.0
_ENOUGH = 1e-13


@dataclass(frozen=True)
class HazardRatio:
    """Hazard of the second group relative to the first.

    All numbers are None when not estimable: an arm without events, no moment
    at which both are at risk, or a coefficient beyond `LARGEST_COEFFICIENT`.
    """

    coefficient: float | None
    std_error: float | None
    ratio: float | None
    lower: float | None
    upper: float | None
    p: float | None

    @property
    def estimable(self) -> bool:
        """True when there is a ratio to print."""
        return self.ratio is not None


NOT_ESTIMABLE = HazardRatio(None, None, None, None, None, None)


def _terms(first: DayCounts, second: DayCounts) -> tuple[Floats, Floats, float]:
    """At-risk weights of both arms, one entry an event (Efron's averaged risk sets), and x's sum.

    Of d events tied on a day the l-th (l = 0..d-1) sees the risk set less l/d of the events.
    """
    days = event_days([first, second])
    risk_first, events_first = first.on(days)
    risk_second, events_second = second.on(days)
    tied = events_first + events_second
    start = np.repeat(np.cumsum(tied) - tied, tied)
    share = (np.arange(tied.sum()) - start) / np.repeat(tied, tied)
    weight_first = np.repeat(risk_first, tied) - share * np.repeat(events_first, tied)
    weight_second = np.repeat(risk_second, tied) - share * np.repeat(events_second, tied)
    return weight_first, weight_second, float(events_second.sum())


def _newton(first: Floats, second: Floats, with_event: float) -> tuple[float, float] | None:
    """(coefficient, information) at the maximum of the log partial likelihood, or None.

    The likelihood is concave in one variable, so the maximum stays bracketed.
    A Newton step that leaves the bracket or does not halve the one before is
    replaced by a bisection: without that, Newton's method can cycle here.
    """
    beta, low, high = 0.0, -LARGEST_COEFFICIENT, LARGEST_COEFFICIENT
    moved = high - low
    information = 0.0
    while moved > _ENOUGH * (1.0 + abs(beta)):
        ratio = math.exp(beta)
        share = second * ratio / (first + second * ratio)
        score = with_event - float(share.sum())
        information = float((share * (1.0 - share)).sum())
        if information <= 0.0:
            return None
        low, high = (beta, high) if score > 0.0 else (low, beta)
        following = beta + score / information
        if not low <= following <= high or abs(following - beta) > moved / 2.0:
            following = (low + high) / 2.0
        moved, beta = abs(following - beta), following
    return beta, information


def stratified_hazard_ratio(
    strata: Sequence[tuple[DayCounts, DayCounts]], level: float = 0.95
) -> HazardRatio:
    """Hazard ratio of the second to the first group, baseline hazards free in each stratum."""
    parts = [_terms(first, second) for first, second in strata]
    first = np.concatenate([part[0] for part in parts])
    second = np.concatenate([part[1] for part in parts])
    with_event = sum(part[2] for part in parts)
    if not 0.0 < with_event < first.size:
        return NOT_ESTIMABLE
    found = _newton(first, second, with_event)
    # The bracket ends at the largest coefficient: a maximum there is no maximum.
    if found is None or abs(found[0]) > LARGEST_COEFFICIENT - 1e-6:
        return NOT_ESTIMABLE
    beta, information = found
    error = 1.0 / math.sqrt(information)
    reach = normal_quantile(0.5 + level / 2.0) * error
    return HazardRatio(
        beta,
        error,
        math.exp(beta),
        math.exp(beta - reach),
        math.exp(beta + reach),
        normal_two_sided(beta / error),
    )


def hazard_ratio(first: DayCounts, second: DayCounts, level: float = 0.95) -> HazardRatio:
    """Hazard ratio of the second to the first group (R: `coxph(Surv ~ x)`, x = 1 in the second)."""
    return stratified_hazard_ratio([(first, second)], level)
