"""Delayed entry (left truncation): who comes under observation after day 0 is at risk only from then on.

A cohort of five-year survivors is such a sample: nobody in it could have the event before its own
fifth anniversary, so nobody may stand in the risk set before it. The curve is conditional on having
come so far. Source: Kaplan-Meier with entry, R's `Surv(start, stop, event)`; Tsai, Jewell and Wang 1987.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from analytics.stats.counts import DayCounts, Integers


@dataclass(frozen=True)
class EnteredCounts(DayCounts):
    """Counts whose subjects come under observation at the end of the day on which they enter.

    `entered` is the number that enters on each of `days`; they are at risk from the next day on.
    """

    entered: Integers

    @classmethod
    def from_entries(cls, rows: Iterable[tuple[int, int, int, int]]) -> EnteredCounts:
        """Sum rows of (day of entry, day of end, event 0/1, number of subjects).

        Subjects whose observation ended before or on the day of entry were never seen and are left
        out. Entry on day -1: at risk from day 0. Raises ValueError as `DayCounts.from_rows`.
        """
        seen = [(entry, day, event, number) for entry, day, event, number in rows if day > entry]
        ended = DayCounts.from_rows((day, event, number) for _, day, event, number in seen)
        late: dict[int, int] = {}
        for entry, _, _, number in seen:
            if entry >= 0 and number:
                late[entry] = late.get(entry, 0) + number
        days = np.union1d(ended.days, np.array(sorted(late), dtype=np.int64)).astype(np.int64)
        place = np.searchsorted(days, ended.days)
        columns = np.zeros((3, days.size), dtype=np.int64)
        columns[0, place], columns[1, place] = ended.events, ended.censored
        columns[2, np.searchsorted(days, sorted(late))] = [late[day] for day in sorted(late)]
        return cls(days, columns[0], columns[1], columns[2])

    @property
    def at_risk(self) -> Integers:
        """Subjects who had entered before each of `days` and were still observed on it."""
        leaving = self.events + self.censored - self.entered
        remaining: Integers = np.cumsum(leaving[::-1])[::-1]
        return remaining

    def waiting(self, day: int) -> int:
        """Subjects not yet under observation just before `day`."""
        return int(self.entered[self.days >= day].sum())

    def reversed_events(self) -> EnteredCounts:
        """Censoring and event exchanged; entries stay."""
        return EnteredCounts(self.days, self.censored, self.events, self.entered)

    def after(self, landmark: int) -> EnteredCounts:
        """Subjects who end after day `landmark`; days count from there. Earlier entries are past."""
        kept = self.days > landmark
        return EnteredCounts(
            self.days[kept] - landmark, self.events[kept], self.censored[kept], self.entered[kept]
        )
