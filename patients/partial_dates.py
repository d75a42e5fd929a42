"""Partial dates: what a chart knows of a day, never completed by the software.

A partial date is text `YYYY`, `YYYY-MM` or `YYYY-MM-DD`. Its interval [lo, hi] holds every possible
day; `point` stands for it in calculations: that day, the 15th of a month, 1 July of a year
(rules, section 1). The database computes the same three in generated columns.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

from centers.marks import gettext_noop as _

_PATTERN: Final = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")
MONTHS: Final = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
DAY_NOT_KNOWN: Final = _("(day not known)")
MONTH_NOT_KNOWN: Final = _("(month not known)")
EARLIEST_YEAR: Final = 1850
LATEST_YEAR: Final = 2200


class InvalidPartialDate(ValueError):
    """The text is no partial date; the message says how to mend it and never repeats the text.

    `text` is the message before its `values` are put in.
    """

    def __init__(self, text: str, **values: int) -> None:
        super().__init__(text % values)
        self.text = text
        self.values = values


@dataclass(frozen=True, slots=True, order=True)
class PartialDate:
    """A day known to the year, month or day; ordering is that of (lo, hi)."""

    lo: date
    hi: date
    text: str

    @property
    def point(self) -> date:
        """The one day used in calculations."""
        if self.precision == "day":
            return self.lo
        return self.lo.replace(day=15) if self.precision == "month" else date(self.lo.year, 7, 1)

    @property
    def precision(self) -> str:
        """`day`, `month` or `year`."""
        return {10: "day", 7: "month", 4: "year"}[len(self.text)]

    def __str__(self) -> str:
        return self.text

    @property
    def display(self) -> str:
        """Unambiguous words: 24-Mar-2019, "Mar-2019 (day not known)", "2019 (month not known)"."""
        if self.precision == "year":
            return f"{self.lo.year} {MONTH_NOT_KNOWN}"
        month = f"{MONTHS[self.lo.month - 1]}-{self.lo.year}"
        if self.precision == "month":
            return f"{month} {DAY_NOT_KNOWN}"
        return f"{self.lo.day:02d}-{month}"

    @classmethod
    def parse(cls, text: str) -> PartialDate:
        """Read `YYYY[-MM[-DD]]`. Raises InvalidPartialDate, saying what is wrong."""
        return _parse(text)


@lru_cache(maxsize=50_000)
def _parse(text: str) -> PartialDate:
    match = _PATTERN.fullmatch(text)
    if match is None or not text.isascii():
        raise InvalidPartialDate(
            _("is not a date: write YYYY, YYYY-MM or YYYY-MM-DD (a day needs its month)")
        )
    year, month, day = (int(part) if part else None for part in match.groups())
    assert year is not None
    if not EARLIEST_YEAR <= year <= LATEST_YEAR:
        raise InvalidPartialDate(
            _("has a year outside %(first)s to %(last)s"), first=EARLIEST_YEAR, last=LATEST_YEAR
        )
    if month is None:
        return PartialDate(date(year, 1, 1), date(year, 12, 31), text)
    if not 1 <= month <= 12:
        raise InvalidPartialDate(_("has a month outside 01 to 12"))
    last = calendar.monthrange(year, month)[1]
    if day is None:
        return PartialDate(date(year, month, 1), date(year, month, last), text)
    if not 1 <= day <= last:
        raise InvalidPartialDate(
            _("is no day of the calendar: that month has %(last)s days"), last=last
        )
    exact = date(year, month, day)
    return PartialDate(exact, exact, text)
