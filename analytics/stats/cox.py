"""Hazard ratio of one binary covariate by Cox's partial likelihood, ties by Efron or Breslow.

Sources: Cox 1972; Breslow 1974; Efron 1977. Compared with R's `survival::coxph`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from analytics.stats.counts import DayCounts, Floats, event_days
from analytics.stats.distributions import normal_quantile, normal_two_sided

Ties = Literal["efron", "breslow"]

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


def _terms(first: DayCounts, second: DayCounts, ties: Ties) -> tuple[Floats, Floats, float]:
    """At-risk weights of both arms, one entry an event, and x's sum.

    Of d events tied on a day the l-th (l = 0..d-1) sees, by Efron, the risk set less l/d of the
    events, and by Breslow the whole risk set.
    """
    days = event_days([first, second])
    risk_first, events_first = first.on(days)
    risk_second, events_second = second.on(days)
    tied = events_first + events_second
    start = np.repeat(np.cumsum(tied) - tied, tied)
    share = (np.arange(tied.sum()) - start) / np.repeat(tied, tied) * (ties == "efron")
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


def _stacked(
    strata: Sequence[tuple[DayCounts, DayCounts]], ties: Ties
) -> tuple[Floats, Floats, float]:
    """`_terms` of all strata: events of one stratum see only its own risk sets."""
    parts = [_terms(first, second, ties) for first, second in strata]
    first = np.concatenate([np.empty(0), *(part[0] for part in parts)])
    second = np.concatenate([np.empty(0), *(part[1] for part in parts)])
    return first, second, sum(part[2] for part in parts)


def stratified_hazard_ratio(
    strata: Sequence[tuple[DayCounts, DayCounts]], level: float = 0.95, ties: Ties = "efron"
) -> HazardRatio:
    """Hazard ratio of the second to the first group, baseline hazards free in each stratum."""
    first, second, with_event = _stacked(strata, ties)
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


@dataclass(frozen=True)
class Likelihood:
    """Log partial likelihood without effect and at its maximum, and the score test at no effect.

    `null` is None without events, `maximum` where the ratio is not estimable, `score` where
    nothing compares the groups.
    """

    null: float | None
    maximum: float | None
    score: float | None


def partial_likelihood(
    strata: Sequence[tuple[DayCounts, DayCounts]], ratio: HazardRatio, ties: Ties = "efron"
) -> Likelihood:
    """Likelihood of a ratio found by `stratified_hazard_ratio` from the same counts and ties."""
    first, second, with_event = _stacked(strata, ties)
    if not first.size:
        return Likelihood(None, None, None)

    def at(beta: float) -> float:
        return beta * with_event - float(np.log(first + second * math.exp(beta)).sum())

    share = second / (first + second)
    information = float((share * (1.0 - share)).sum())
    score = (with_event - float(share.sum())) ** 2 / information if information > 0.0 else None
    maximum = None if ratio.coefficient is None else at(ratio.coefficient)
    return Likelihood(at(0.0), maximum, score)
