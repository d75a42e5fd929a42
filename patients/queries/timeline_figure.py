"""Where the marks of a record's timeline stand: numbers for one SVG template, nothing drawn here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from django.utils.translation import gettext

from patients.queries.timeline import LANES, Event

WIDTH: Final = 960
LEFT: Final = 128
RIGHT: Final = 16
TOP: Final = 10
LANE: Final = 34
AXIS: Final = 26
MOST_TICKS: Final = 14
# Half the width of a mark, and the width of a letter above it.
MARK: Final = 6
LETTER: Final = 8


@dataclass(frozen=True, slots=True)
class Mark:
    """An event at its place. `x1` to `x2`: how far its date is uncertain, or how long it lasted.

    `letters`: its code above the mark, where there is room.
    """

    event: Event
    x: float
    y: int
    x1: float
    x2: float
    letters: str

    @property
    def is_wide(self) -> bool:
        """Whether the span shows beside the mark."""
        return self.x2 - self.x1 > 2

    @property
    def shape(self) -> str:
        """The path of the mark around its point: a form for each kind, beside its colour."""
        return _SHAPES[self.event.kind].format(x=f"{self.x:.1f}", y=self.y)

    @property
    def label_y(self) -> int:
        """Base line of the letters above the mark."""
        return self.y - MARK - 3


_SQUARE: Final = "M{x} {y}m-5-6h10v12h-10z"
_CIRCLE: Final = "M{x} {y}m-6 0a6 6 0 1 0 12 0a6 6 0 1 0-12 0z"
_SHAPES: Final = {
    "diagnosis": "M{x} {y}m-2-8h4v16h-4z",
    "il2": _SQUARE,
    "therapy": "M{x} {y}m0-7l7 7l-7 7l-7-7z",
    "good": _CIRCLE,
    "stable": "M{x} {y}m-5-5h10v10h-10z",
    "progression": "M{x} {y}m-6-6l12 12m0-12l-12 12",
    "unknown": _CIRCLE,
    "contact": "M{x} {y}m-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
    "death": "M{x} {y}m0-9v18m-6-12h12",
}


@dataclass(frozen=True, slots=True)
class TimelineFigure:
    """The whole figure in its own coordinates. `lanes`: (label, y); `ticks`: (year, x)."""

    marks: list[Mark]
    lanes: list[tuple[str, int]]
    ticks: list[tuple[int, float]]
    width: int
    height: int
    left: int
    right: int
    axis_y: int


def figure_of(events: Sequence[Event]) -> TimelineFigure | None:
    """The figure of a record's events, in their order; None without any."""
    if not events:
        return None
    days = [d for e in events for d in (e.when.lo, e.until.hi if e.until else e.when.hi)]
    first, last = min(days).year, max(days).year + 1
    start, span = date(first, 1, 1), (date(last, 1, 1) - date(first, 1, 1)).days
    drawn = WIDTH - LEFT - RIGHT

    def x(day: date) -> float:
        return round(LEFT + drawn * (day - start).days / span, 1)

    places = {lane: TOP + LANE * number + LANE // 2 for number, lane in enumerate(LANES)}
    marks: list[Mark] = []
    free: dict[str, float] = {}
    for event in events:
        here, y = x(event.when.point), places[event.lane]
        until = event.until.hi if event.until else event.when.hi
        # Letters that would run into those before them are left out: the mark and its title tell.
        letters = event.code if here >= free.get(event.lane, 0) else ""
        if letters:
            free[event.lane] = here + LETTER * (len(letters) + 1)
        marks.append(Mark(event, here, y, x(event.when.lo), x(until), letters))
    step = -(-(last - first) // MOST_TICKS)
    axis = TOP + LANE * len(LANES)
    return TimelineFigure(
        marks,
        [(gettext(LANES[lane]), y) for lane, y in places.items()],
        [(year, x(date(year, 1, 1))) for year in range(first, last + 1, step)],
        WIDTH,
        axis + AXIS,
        LEFT,
        WIDTH - RIGHT,
        axis,
    )
