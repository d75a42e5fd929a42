"""Kaplan-Meier estimate with its confidence band, and the Nelson-Aalen hazard.

Conventions are those of R's `survival::survfit` (Therneau), against which the
tests compare: Greenwood's variance, pointwise intervals, right-continuous steps.
Sources: Kaplan and Meier 1958; Greenwood 1926; Kalbfleisch and Prentice 2002
(log-log interval); Nelson 1972, Aalen 1978.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from analytics.stats.counts import DayCounts, Floats, Integers
from analytics.stats.distributions import normal_quantile

IntervalType = Literal["log-log", "log", "plain"]


@dataclass(frozen=True)
class Curve:
    """A Kaplan-Meier curve: one entry for each distinct day, censor-only days included.

    `survival` is S(t) just after the day; `std_error` its standard error and
    `std_error_log` that of log S (infinite where S is 0). `lower` and `upper`
    are NaN where no interval exists (S = 0).
    """

    counts: DayCounts
    at_risk: Integers
    survival: Floats
    std_error: Floats
    std_error_log: Floats
    lower: Floats
    upper: Floats
    interval: IntervalType
    level: float

    @property
    def days(self) -> Integers:
        """Distinct days of observation's end, ascending."""
        return self.counts.days

    def index_at(self, day: int) -> int:
        """Position of the last entry at or before `day`; -1 before the first."""
        return int(np.searchsorted(self.days, day, side="right")) - 1


def interval_bounds(
    survival: Floats, std_error_log: Floats, interval: IntervalType, level: float
) -> tuple[Floats, Floats]:
    """Pointwise confidence bounds of S from the standard error of log S.

    NaN where S is 0 (Greenwood's variance does not exist there); (1, 1) where
    S is 1 in every type. Raises ValueError for an unknown type or level.
    """
    if interval not in get_args(IntervalType) or not 0.0 < level < 1.0:
        raise ValueError("interval is log-log, log or plain; level lies between 0 and 1")
    z = normal_quantile(0.5 + level / 2.0)
    lower = np.full(survival.shape, np.nan)
    upper = np.full(survival.shape, np.nan)
    lower[survival == 1.0] = upper[survival == 1.0] = 1.0
    inner = (survival > 0.0) & (survival < 1.0)
    s, error = survival[inner], std_error_log[inner]
    if interval == "plain":
        lower[inner], upper[inner] = s - z * s * error, s + z * s * error
    elif interval == "log":
        lower[inner], upper[inner] = s * np.exp(-z * error), s * np.exp(z * error)
    else:
        # log S < 0 turns the sign round: adding z * error lowers S.
        log_s = np.log(s)
        lower[inner] = np.exp(log_s * np.exp(-z * error / log_s))
        upper[inner] = np.exp(log_s * np.exp(z * error / log_s))
    return np.clip(lower, 0.0, 1.0), np.clip(upper, 0.0, 1.0)


def kaplan_meier(
    counts: DayCounts, interval: IntervalType = "log-log", level: float = 0.95
) -> Curve:
    """Estimate S(t) with Greenwood's standard error; empty counts give an empty curve."""
    at_risk = counts.at_risk
    n, d = at_risk.astype(np.float64), counts.events.astype(np.float64)
    # With delayed entry nobody may be at risk on a day on which somebody enters: nothing happens there.
    survival = np.cumprod(np.where(d > 0, (n - d) / np.maximum(n, 1.0), 1.0), dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        # n == d: the last subjects at risk all have the event; S becomes 0, its log error infinite.
        variance_log = np.cumsum(np.where(d > 0, d / (n * (n - d)), 0.0))
    std_error_log = np.sqrt(variance_log)
    with np.errstate(invalid="ignore"):
        std_error = np.where(survival > 0.0, survival * std_error_log, np.nan)
    lower, upper = interval_bounds(survival, std_error_log, interval, level)
    return Curve(counts, at_risk, survival, std_error, std_error_log, lower, upper, interval, level)


def reverse_kaplan_meier(
    counts: DayCounts, interval: IntervalType = "log-log", level: float = 0.95
) -> Curve:
    """Curve of follow-up: censoring is the event, and subjects with the event are censored.

    A subject with the event on a day is still at risk of censoring that day
    (R's `survfit(Surv(time, 1 - event))`; Schemper and Smith 1996).
    """
    return kaplan_meier(counts.reversed_events(), interval, level)


@dataclass(frozen=True)
class Hazard:
    """Nelson-Aalen cumulative hazard and its standard error, one entry a distinct day."""

    days: Integers
    hazard: Floats
    std_error: Floats


def nelson_aalen(counts: DayCounts) -> Hazard:
    """Cumulative hazard: sum of d/n; variance: sum of d/n squared (R's `survfit(ctype=1)`)."""
    n, d = counts.at_risk.astype(np.float64), counts.events.astype(np.float64)
    return Hazard(counts.days, np.cumsum(d / n), np.sqrt(np.cumsum(d / (n * n))))


def fleming_harrington(counts: DayCounts) -> Hazard:
    """Cumulative hazard with ties taken one after the other (R's `survfit(ctype=2)`).

    d events of n at risk add 1/n + 1/(n-1) + ... (d terms). Source: Fleming and Harrington 1984.
    """
    n, d = counts.at_risk, counts.events
    start = np.repeat(np.cumsum(d) - d, d)
    single = 1.0 / (np.repeat(n, d) - (np.arange(d.sum()) - start))
    upto = np.cumsum(d)
    hazard = np.concatenate([[0.0], np.cumsum(single)])[upto]
    variance = np.concatenate([[0.0], np.cumsum(single**2)])[upto]
    return Hazard(counts.days, hazard, np.sqrt(variance))
