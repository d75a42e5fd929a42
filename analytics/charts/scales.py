"""Linear scales and path text, rounded to a tenth of a pixel's tenth so that files stay small."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar


def place(value: float) -> str:
    """A coordinate as text: two decimals, no trailing zeros, never "-0"."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


@dataclass(frozen=True)
class Scale:
    """Maps `low..high` of the data onto `start..end` of the drawing."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Position of a value. An empty range puts everything at the start."""
        if self.high == self.low:
            return self.start
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


# Points closer than this many units of a drawing are one: nobody sees them apart.
FINEST: Final = 0.5
T = TypeVar("T", bound=tuple[Any, ...])


def thinned(points: list[T], scale_x: Scale) -> list[T]:
    """Of points that fall on one place of the axis only the last, where there are many.

    A curve of a million records then stays as small as the drawing is wide.
    """
    most = int(abs(scale_x.end - scale_x.start) / FINEST)
    if len(points) <= most:
        return points
    kept = {int(scale_x.at(point[0]) / FINEST): point for point in points[1:]}
    return [points[0], *kept.values()]


def step_path(scale_x: Scale, scale_y: Scale, points: Sequence[tuple[float, float]]) -> str:
    """Path of a right-continuous step function through (x, value) points, first point included."""
    if not points:
        return ""
    (x, y), *rest = points
    parts = [f"M{place(scale_x.at(x))} {place(scale_y.at(y))}"]
    for x, value in rest:
        parts.append(f"H{place(scale_x.at(x))}")
        if value != y:
            parts.append(f"V{place(scale_y.at(value))}")
        y = value
    return "".join(parts)


def band_path(
    scale_x: Scale, scale_y: Scale, steps: Sequence[tuple[float, float, float]], end: float
) -> str:
    """Closed path between lower and upper steps, each given as (x, lower, upper), up to `end`."""
    if not steps:
        return ""
    upper = [(x, high) for x, _, high in steps] + [(end, steps[-1][2])]
    lower = [(x, low) for x, low, _ in steps] + [(end, steps[-1][1])]
    back: list[str] = []
    previous: float | None = None
    for x, value in reversed(lower):
        if value != previous:
            back.append(f"V{place(scale_y.at(value))}")
        back.append(f"H{place(scale_x.at(x))}")
        previous = value
    return step_path(scale_x, scale_y, upper) + "".join(back) + "Z"


def year_ticks(last_day: int, days_a_year: float, most: int = 7) -> list[int]:
    """Whole years from 0 up to the end of the axis, evenly spaced, about `most` of them.

    The axis itself ends at the first whole year at or after `last_day`: see `axis_years`.
    """
    end = axis_years(last_day, days_a_year)
    step = next(s for s in (1, 2, 5, 10, 20, 50) if end // s <= most - 1 or s == 50)
    return list(range(0, end + 1, step))


def axis_years(last_day: int, days_a_year: float) -> int:
    """First whole year at or after `last_day`, at least 1."""
    return max(1, math.ceil(last_day / days_a_year))
