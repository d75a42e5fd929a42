"""Standardized differences of two groups: how far apart they are, whatever their size."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def mean_difference(
    mean_one: float, variance_one: float, mean_two: float, variance_two: float
) -> float | None:
    """Difference of two means over the pooled standard deviation, without sign; None without spread.

    Source: Cohen 1988; Austin 2009 (variances averaged, not weighted).
    """
    spread = (variance_one + variance_two) / 2
    return abs(mean_one - mean_two) / math.sqrt(spread) if spread > 0 else None


def share_difference(one: Sequence[int], two: Sequence[int]) -> float | None:
    """Distance of two groups' shares of the same categories, given as counts; None if not estimable.

    Mahalanobis distance over the averaged multinomial covariances, the first category left out; of
    two categories it is the standardized difference of a proportion. Source: Yang and Dalton 2012.
    Raises ValueError when the groups list different numbers of categories.
    """
    if len(one) != len(two):
        raise ValueError("both groups list the same categories")
    if not sum(one) or not sum(two):
        return None
    first = np.asarray(one, dtype=np.float64) / sum(one)
    second = np.asarray(two, dtype=np.float64) / sum(two)
    present = (first + second) > 0
    first, second = first[present][1:], second[present][1:]
    if not first.size:
        return None
    covariance = (
        np.diag(first) - np.outer(first, first) + np.diag(second) - np.outer(second, second)
    ) / 2
    if np.linalg.matrix_rank(covariance) < first.size:
        return None
    apart = first - second
    return float(math.sqrt(apart @ np.linalg.solve(covariance, apart)))
