"""One synthetic history while it is told: true days in, cells of the import bundle out.

The days are consistent; what is written of them may be known to the month or year only. So every
edit check that refuses the impossible passes by construction.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from analytics.demo.dice import Dice
from patients.partial_dates import PartialDate
from patients.rules.dictionary import MELANOMA, RECORD_FORMS

CUTOFF: Final = date(2017, 6, 30)
# The demo's data were entered until this day: contacts after the cutoff exist.
LOCKED: Final = date(2017, 12, 31)
ROUGH_YEAR: Final = 0.03
ROUGH_MONTH: Final = 0.15
YEAR: Final = 365.25

Cells = dict[str, str]


def years_after(day: date, years: float) -> date:
    """That many years later, to the nearest day or so (the generator keeps wide margins)."""
    return day + timedelta(days=round(years * YEAR))


class Story:
    """A record being made: the rows of every form as cells, and the bounds of its dates."""

    def __init__(self, dice: Dice, center: str, disease: str, t0: date, nth: int = 0) -> None:
        self.dice = dice
        self.nth = nth  # number within the scenario: its variations take turns
        self.center = center
        self.disease = disease
        self.t0 = t0
        # Last possible day of T0 as written; later rows are written so that they lie after it.
        self.t0_hi = t0
        # Last day anything of the history happened; rough dates are written so that they end by it.
        self.limit = CUTOFF
        self.died: date | None = None
        self.rows: dict[str, list[Cells]] = {form.name: [] for form in RECORD_FORMS}

    @property
    def is_melanoma(self) -> bool:
        """Whether the record is one of melanoma."""
        return self.disease == MELANOMA

    def at(self, years: float) -> date:
        """A day that many years after the start."""
        return years_after(self.t0, years)

    def when(self, day: date, *, exact: bool = False) -> str:
        """A day after the start as written: some know only the month, a few only the year."""
        roll = self.dice.real()
        if exact or roll >= ROUGH_MONTH:
            return day.isoformat()
        old = day > self.at(2)
        for length in (4, 7) if roll < ROUGH_YEAR and old else (7,):
            rough = PartialDate.parse(day.isoformat()[:length])
            if rough.lo > self.t0_hi and rough.hi <= self.limit:
                return rough.text
        return day.isoformat()

    def before(self, day: date, rough: float = ROUGH_MONTH) -> str:
        """A day before the start as written; a third of the rough ones know only the year."""
        roll = self.dice.real()
        if roll >= rough:
            return day.isoformat()
        text = day.isoformat()[: 4 if roll < rough / 3 else 7]
        return text if PartialDate.parse(text).hi <= CUTOFF else day.isoformat()

    def add(self, form: str, **cells: str) -> Cells:
        """Append a row; empty cells are left out."""
        row = {name: text for name, text in cells.items() if text}
        self.rows[form].append(row)
        return row

    def missing(self, text: str, probability: float = 0.04) -> str:
        """The value, or now and then the reason why a complete-field has none."""
        if self.dice.chance(probability):
            return self.dice.weigh({"UNK": 4, "NAVAIL": 3, "NASK": 2, "": 2})
        return text

    def optional(self, text: str, probability: float = 0.75) -> str:
        """The value of an optional field when somebody filled it in."""
        return text if self.dice.chance(probability) else ""
