"""Dates as people write them, turned into YYYY[-MM[-DD]] on the server.

Accepted: 2019, 2019-03, 2019-3-24, 24/3/2019, 24.3.2019, 24-Mar-2019, 24 March 2019, 3/2019,
Mar 2019. Day before month, always; a two-digit year is never guessed. A form has three boxes (day,
month, year); a whole date in any of them is taken too (date.js splits it while somebody types).
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from django.utils.translation import gettext as _

from patients.partial_dates import MONTHS

_MONTHS: Final = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_GAP: Final = r"[-/. ,]+"
_YEAR_FIRST: Final = re.compile(rf"(\d{{4}}){_GAP}(\d{{1,2}})(?:{_GAP}(\d{{1,2}}))?", re.ASCII)
_ISO: Final = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", re.ASCII)
_DAY_FIRST: Final = re.compile(
    rf"(?:(\d{{1,2}}){_GAP})?(\d{{1,2}}|[A-Za-z]{{3,9}}){_GAP}(\d{{4}})", re.ASCII
)


def normalise_date(text: str) -> str:
    """The same date as YYYY[-MM[-DD]]; text of another shape comes back as it was, to be refused."""
    text = text.strip()
    if match := _YEAR_FIRST.fullmatch(text):
        year, month, day = match.groups()
    elif match := _DAY_FIRST.fullmatch(text):
        day, month, year = match.groups()
    else:
        return text
    number = _month_number(month)
    if number is None:
        return text
    return f"{year}-{number:02d}" + (f"-{int(day):02d}" if day else "")


def _month_number(text: str) -> int | None:
    if text.isascii() and text.isdigit():
        return int(text) if len(text) < 3 else None
    names = [i for i, name in enumerate(_MONTHS, 1) if name.startswith(text.lower())]
    return names[0] if names else None


class Parts(NamedTuple):
    """The three boxes of a date, as text."""

    day: str = ""
    month: str = ""
    year: str = ""


class PartMissing(ValueError):
    """The boxes hold no date; `part` is the box to mend, and the text says how."""

    def __init__(self, part: str, message: str) -> None:
        super().__init__(message)
        self.part = part


def split_date(cell: str) -> Parts:
    """Boxes of a date given as YYYY[-MM[-DD]]: day without a leading zero, month by name."""
    match = _ISO.fullmatch(cell)
    if match is None:
        return Parts(cell)
    year, month, day = match.groups()
    number = int(month) if month else 0
    name = MONTHS[number - 1] if 1 <= number <= 12 else month or ""
    return Parts(str(int(day)) if day else "", name, year)


def join_date(parts: Parts, shown: str = "") -> str:
    """The date of three boxes as YYYY[-MM[-DD]]; a text that is no date comes back to be refused.

    `shown` is the date that the page had in the boxes: one whole date typed into a box replaces it.
    Raises PartMissing when a part is missing or two boxes contradict each other.
    """
    given = Parts(*(part.strip() for part in parts))
    filled = [(name, text) for name, text in zip(Parts._fields, given, strict=True) if text]
    whole = [pair for pair in filled if _is_whole(*pair)]
    if len(whole) == 1:
        name, text = whole[0]
        others = given._replace(**{name: ""})
        if others in (Parts(), split_date(shown)._replace(**{name: ""})):
            return normalise_date(text)
        raise PartMissing(name, _("stands in one box as a whole date: empty the other two"))
    if len(filled) == 1 and not given.year and not filled[0][1].isdigit():
        return normalise_date(filled[0][1])
    return _joined(given) if filled else ""


def _joined(given: Parts) -> str:
    number = _month_number(given.month) if given.month else None
    if not given.year:
        raise PartMissing("year", _("must include a year"))
    if given.day and not given.month:
        raise PartMissing("month", _("must include a month, or leave the day empty"))
    if given.month and number is None:
        raise PartMissing("month", _("has a month that is not one: write 3, 03 or Mar"))
    if given.day and not (given.day.isascii() and given.day.isdigit() and len(given.day) < 3):
        raise PartMissing("day", _("has a day that is not a number"))
    month = f"-{number:02d}" if number is not None else ""
    return given.year + month + (f"-{int(given.day):02d}" if given.day else "")


def _is_whole(part: str, text: str) -> bool:
    """Whether one box holds a date by itself; a year in the year's box is only its part."""
    return _ISO.fullmatch(normalise_date(text)) is not None and (part != "year" or len(text) > 4)
