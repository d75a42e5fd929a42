"""Chance that falls the same on every machine, day and Python version.

Only `Random.random()` of a whole-number seed is used: its sequence is documented not to change,
while `choice`, `shuffle` and `gauss` are free to. No set is ever iterated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from random import Random
from typing import Final, TypeVar

SEED: Final = 19_920_505  # the day HD IL-2 was approved for renal cell carcinoma

T = TypeVar("T")


class Dice:
    """A stream of chance for one purpose, named by whole numbers."""

    def __init__(self, *name: int) -> None:
        seed = SEED
        for part in name:
            seed = seed * 1_000_003 + part
        self._random = Random(seed)  # noqa: S311  # a demo must repeat itself

    def real(self, low: float = 0.0, high: float = 1.0) -> float:
        """A number from low to high."""
        return low + (high - low) * self._random.random()

    def whole(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + int(self._random.random() * (high - low + 1))

    def chance(self, probability: float) -> bool:
        """True that often."""
        return self._random.random() < probability

    def pick(self, values: Sequence[T]) -> T:
        """One of the values, all alike."""
        return values[self.whole(0, len(values) - 1)]

    def weigh(self, weights: Mapping[T, float]) -> T:
        """One of the keys, by weight."""
        left = self.real(0, sum(weights.values()))
        for value, weight in weights.items():
            left -= weight
            if left < 0:
                return value
        return value

    def middle(self, low: float, high: float) -> float:
        """A number from low to high, more often near the middle."""
        return (self.real(low, high) + self.real(low, high)) / 2

    def day(self, first: date, last: date) -> date:
        """A day from first to last, both included."""
        return first + timedelta(days=self.whole(0, max((last - first).days, 0)))

    def shuffled(self, values: Sequence[T]) -> list[T]:
        """The values in another order."""
        order = sorted((self.real(), place) for place in range(len(values)))
        return [values[place] for _, place in order]
