"""Decimal times on a grid of whole positions, so that counting never compares two decimals.

A file may give times in any unit, and months computed from days differ in the last bit. Times
that close are one time (R's `timefix`, the vignette "tied times" of its survival package); then
everything is counted on integers, as for days.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytics.stats.counts import Floats, Integers

# R's sqrt(.Machine$double.eps).
NEAR = math.sqrt(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Timeline:
    """The distinct times of a file, ascending, near ties made one.

    Time number k lies on position 2k + 1; the even positions are the gaps before, between and
    after, so any moment has a position and order is kept.
    """

    times: Floats

    @classmethod
    def of(cls, values: Sequence[float]) -> Timeline:
        """Build from all times of a file, in any order.

        A time joins the one before it when they differ by no more than `NEAR`, or by no more
        than `NEAR` of the mean of the distinct times; joined times take the earliest's value.
        """
        distinct = np.unique(np.asarray(values, dtype=np.float64))
        gaps = np.diff(distinct)
        mean = float(np.mean(distinct)) if distinct.size else 0.0
        with np.errstate(over="ignore"):
            tied = (gaps <= NEAR) | (gaps <= NEAR * mean)
        return cls(distinct[np.concatenate([np.ones(min(distinct.size, 1), dtype=bool), ~tied])])

    def positions(self, values: Sequence[float]) -> Integers:
        """Positions of times of the file."""
        found = np.searchsorted(self.times, np.asarray(values, dtype=np.float64), side="right")
        positions: Integers = 2 * found.astype(np.int64) - 1
        return positions

    def position(self, moment: float) -> int:
        """Position of any moment, compared exactly."""
        before = int(np.searchsorted(self.times, moment, side="left"))
        return before + int(np.searchsorted(self.times, moment, side="right"))

    def at(self, positions: Integers) -> Floats:
        """Times of positions; for a gap the time that follows it."""
        found: Floats = self.times[positions // 2]
        return found
