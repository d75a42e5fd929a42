"""Cumulative incidence of one kind of event where another kind makes it impossible (Aalen-Johansen).

One minus Kaplan-Meier would count who died as if they could still progress. Sources: Aalen and
Johansen 1978; variance by the delta method, Gaynor et al. 1993 (of one cause alone it is Greenwood's);
interval in the scale log(-log(F)), Kalbfleisch and Prentice 2002.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from analytics.stats.counts import DayCounts, Floats, Integers
from analytics.stats.distributions import normal_quantile

# A sum of shares that is 1 may miss it by so much.
_ROUNDING = 1e-12
# Three sums that cancel leave so much; a million subjects with one event have a thousand times more.
_LEAST_VARIANCE = 1e-15


@dataclass(frozen=True)
class CompetingCounts:
    """Events of interest, competing events and censorings a day; days distinct and ascending."""

    days: Integers
    events: Integers
    competing: Integers
    censored: Integers

    @classmethod
    def from_rows(cls, rows: Iterable[tuple[int, int, int]]) -> CompetingCounts:
        """Sum rows of (day, kind, number): kind 0 censored, 1 of interest, 2 competing.

        Raises ValueError for a negative day or number or another kind.
        """
        totals: dict[int, list[int]] = {}
        for day, kind, number in rows:
            if day < 0 or number < 0 or kind not in (0, 1, 2):
                raise ValueError("a row is (day >= 0, kind 0, 1 or 2, number of subjects >= 0)")
            if number:
                totals.setdefault(day, [0, 0, 0])[kind] += number
        table = np.array(
            [(day, *numbers) for day, numbers in sorted(totals.items())], dtype=np.int64
        ).reshape(-1, 4)
        return cls(table[:, 0], table[:, 2], table[:, 3], table[:, 1])

    @property
    def either(self) -> DayCounts:
        """Both kinds as one event: the counts of event-free survival."""
        return DayCounts(self.days, self.events + self.competing, self.censored)

    @property
    def other(self) -> CompetingCounts:
        """The same subjects with the two kinds exchanged."""
        return CompetingCounts(self.days, self.competing, self.events, self.censored)

    @property
    def n(self) -> int:
        """Number of subjects."""
        return self.either.n


@dataclass(frozen=True)
class Incidence:
    """Cumulative incidence just after each day, its standard error and bounds (NaN: no interval)."""

    counts: CompetingCounts
    at_risk: Integers
    incidence: Floats
    std_error: Floats
    lower: Floats
    upper: Floats

    def index_at(self, day: int) -> int:
        """Position of the last entry at or before `day`; -1 before the first."""
        return int(np.searchsorted(self.counts.days, day, side="right")) - 1


def cumulative_incidence(counts: CompetingCounts, level: float = 0.95) -> Incidence:
    """Probability of the event of interest by each day; empty counts give an empty curve.

    Raises ValueError unless 0 < level < 1.
    """
    if not 0.0 < level < 1.0:
        raise ValueError("level lies between 0 and 1")
    at_risk = counts.either.at_risk
    n = at_risk.astype(np.float64)
    mine = counts.events.astype(np.float64)
    all_events = mine + counts.competing
    free = np.cumprod((n - all_events) / n, dtype=np.float64)
    before = np.concatenate([[1.0], free])[: n.size]
    incidence = np.cumsum(before * mine / n)
    incidence[incidence > 1.0 - _ROUNDING] = 1.0
    variance = _variance(n, mine, all_events, before, incidence)
    error = np.sqrt(np.where(variance > _LEAST_VARIANCE, variance, 0.0))
    lower, upper = _bounds(incidence, error, level)
    return Incidence(counts, at_risk, incidence, error, lower, upper)


def _variance(
    n: Floats, mine: Floats, all_events: Floats, before: Floats, incidence: Floats
) -> Floats:
    """Gaynor's three sums at every day, each F(t) - F(s) multiplied out so that one pass suffices."""
    survivors = n - all_events
    with np.errstate(divide="ignore", invalid="ignore"):
        # Nobody remains after a day with n = d: no later F(t) differs from F there, the term is 0.
        a = np.where(survivors > 0, all_events / (n * survivors), 0.0)
    b = before**2 * mine * (n - mine) / n**3
    c = before * mine / n**2
    squares = (
        incidence**2 * np.cumsum(a)
        - 2 * incidence * np.cumsum(a * incidence)
        + np.cumsum(a * incidence**2)
    )
    crossed = incidence * np.cumsum(c) - np.cumsum(c * incidence)
    variance: Floats = squares + np.cumsum(b) - 2 * crossed
    return variance


def _bounds(incidence: Floats, error: Floats, level: float) -> tuple[Floats, Floats]:
    """Bounds in the scale log(-log(F)); (0, 0) before the first event, none where F is 1."""
    z = normal_quantile(0.5 + level / 2.0)
    lower, upper = np.full(incidence.shape, np.nan), np.full(incidence.shape, np.nan)
    lower[incidence == 0.0] = upper[incidence == 0.0] = 0.0
    inner = (incidence > 0.0) & (incidence < 1.0)
    log_f = np.log(incidence[inner])
    reach = z * error[inner] / (incidence[inner] * log_f)
    # log F < 0: a positive reach raises the power and lowers F.
    one, two = np.exp(log_f * np.exp(-reach)), np.exp(log_f * np.exp(reach))
    lower[inner], upper[inner] = np.minimum(one, two), np.maximum(one, two)
    return lower, upper
