"""Quantiles by the rule of R's `quantile.survfit`, which differs from `print.survfit` in two cases.

On a flat piece at the quantile that lasts to the end of the curve it takes the middle of the
piece, not its first day; and on a confidence bound that rises again late it takes the last
crossing, not the first. `summaries.quantile` is the rule of `print.survfit` and that of all
figures; this one serves comparison with R.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analytics.stats.counts import Floats
from analytics.stats.timeline import NEAR


def step_quantiles(times: Floats, heights: Floats, shares: Sequence[float]) -> list[float | None]:
    """Time at which 1 - `heights` (S or a bound of it, NaN: unknown) reaches each of `shares`.

    None where it is not reached. `shares` ascend strictly between 0 and 1.
    """
    level = np.concatenate([[0.0], 1.0 - heights])
    moments = np.concatenate([[0.0], times])
    if np.nanmax(level) < shares[0]:
        return [None for _ in shares]
    kept = np.sort(np.unique(level, return_index=True, equal_nan=True)[1])
    return [_reached(moments[kept], level[kept], float(moments[-1]), share) for share in shares]


def _reached(moments: Floats, level: Floats, end: float, share: float) -> float | None:
    first = _time_of_smallest(moments, level, share - NEAR)
    if first is None:
        return None
    # NaN compares as False: a curve whose end is unknown has no last flat piece.
    if abs(share - level[-1]) < NEAR:
        return (first + end) / 2
    second = _time_of_smallest(moments, level, share + NEAR)
    return None if second is None else (first + second) / 2


def _time_of_smallest(moments: Floats, level: Floats, least: float) -> float | None:
    """Time of the smallest level not below `least`."""
    enough = np.flatnonzero(level >= least)
    return float(moments[enough[np.argmin(level[enough])]]) if enough.size else None
