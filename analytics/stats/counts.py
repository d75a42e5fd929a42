"""The input of every survival statistic: events and censorings per day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class DayCounts:
    """One group's observations, summed by day.

    `days` are distinct, ascending, not negative (days since the index
    treatment); `events` and `censored` count the subjects whose observation
    ended on that day with and without the event. Sufficient for every
    estimate of this package: subjects of one day are exchangeable.
    """

    days: Integers
    events: Integers
    censored: Integers

    @classmethod
    def from_rows(cls, rows: Iterable[tuple[int, int, int]]) -> DayCounts:
        """Sum rows of (day, event 0/1, number of subjects), in any order.

        Raises ValueError for a negative day or number or an event that is neither 0 nor 1.
        """
        table = np.array(list(rows), dtype=np.int64).reshape(-1, 3)
        if np.any(table < 0) or np.any(table[:, 1] > 1):
            raise ValueError("a row is (day >= 0, event 0 or 1, number of subjects >= 0)")
        table = table[table[:, 2] > 0]
        days, place = np.unique(table[:, 0], return_inverse=True)
        sums = np.zeros((2, days.size), dtype=np.int64)
        np.add.at(sums, (table[:, 1], place), table[:, 2])
        return cls(days=days, events=sums[1], censored=sums[0])

    @classmethod
    def from_subjects(cls, subjects: Iterable[tuple[int, int]]) -> DayCounts:
        """Sum single subjects given as (day, event 0/1)."""
        return cls.from_rows((day, event, 1) for day, event in subjects)

    @property
    def n(self) -> int:
        """Number of subjects."""
        return int(self.events.sum() + self.censored.sum())

    @property
    def n_events(self) -> int:
        """Number of subjects with the event."""
        return int(self.events.sum())

    @property
    def last_day(self) -> int | None:
        """Longest observation in days; None for an empty group."""
        return int(self.days[-1]) if self.days.size else None

    @property
    def at_risk(self) -> Integers:
        """Subjects still observed just before each of `days` (time >= day)."""
        leaving = self.events + self.censored
        remaining: Integers = np.cumsum(leaving[::-1])[::-1]
        return remaining

    def waiting(self, day: int) -> int:
        """Subjects not yet under observation just before `day`: none, all are from day 0 on."""
        return 0

    def reversed_events(self) -> DayCounts:
        """Censoring and event exchanged, for the reverse Kaplan-Meier estimate of follow-up."""
        return DayCounts(days=self.days, events=self.censored, censored=self.events)

    def after(self, landmark: int) -> DayCounts:
        """Subjects still observed without the event after day `landmark`; days count from there.

        The landmark view: conditional on having come so far.
        """
        kept = self.days > landmark
        return DayCounts(self.days[kept] - landmark, self.events[kept], self.censored[kept])

    def on(self, days: Integers) -> tuple[Integers, Integers]:
        """(at risk, events) of this group on other `days`, ascending."""
        suffix = np.append(self.at_risk, 0)
        position = np.searchsorted(self.days, days, side="left")
        events = np.zeros(days.size, dtype=np.int64)
        inside = position < self.days.size
        same = inside.copy()
        same[inside] = self.days[position[inside]] == days[inside]
        events[same] = self.events[position[same]]
        return suffix[position], events


def pooled(groups: Iterable[DayCounts]) -> DayCounts:
    """All groups as one, each subject observed from day 0 on."""
    rows = [
        (int(day), event, int(number))
        for group in groups
        for event, column in ((1, group.events), (0, group.censored))
        for day, number in zip(group.days, column, strict=True)
    ]
    return DayCounts.from_rows(rows)


def event_days(groups: Iterable[DayCounts]) -> Integers:
    """Distinct days on which any of the groups had an event, ascending."""
    found = [group.days[group.events > 0] for group in groups]
    merged: Integers = np.unique(np.concatenate([np.empty(0, dtype=np.int64), *found]))
    return merged
