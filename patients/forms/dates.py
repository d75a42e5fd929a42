"""Dates as people write them, turned into YYYY[-MM[-DD]] on the server.

Accepted: 2019, 2019-03, 2019-3-24, 24/3/2019, 24.3.2019, 24-Mar-2019, 24 March 2019, 3/2019,
Mar 2019. Day before month, always; a two-digit year is never guessed.
"""

from __future__ import annotations

import re
from typing import Final

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
    if text.isdigit():
        return int(text)
    names = [i for i, name in enumerate(_MONTHS, 1) if name.startswith(text.lower())]
    return names[0] if names else None
