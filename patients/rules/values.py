"""Values of fields: from text (form, CSV cell) to Python and back, by the data dictionary.

Python types: partial_date -> PartialDate, date -> date, integer -> int, number -> Decimal,
text and code -> str, codes -> tuple[str, ...] in the dictionary's order, empty -> None; a coded
reason for a missing value is a `Missing`.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Final

from centers.marks import gettext_noop as _
from patients.partial_dates import InvalidPartialDate, PartialDate
from patients.rules.dictionary import MISSING_REASONS, Field

FORMULA_STARTS: Final = ("=", "+", "-", "@")
# Longer than any value: refused as it stands, since a run of accents takes its square to normalise.
_LONGEST: Final = 4_000


@dataclass(frozen=True, slots=True)
class Missing:
    """A coded reason (NASK, NAVAIL, UNK, NA) that stands instead of a value."""

    reason: str


Value = PartialDate | date | int | Decimal | str | tuple[str, ...] | Missing | None


class InvalidValue(ValueError):
    """A cell or box that cannot be read. `check` is a stable id; the message repeats no value.

    `text` is the message before its `values` are put in; of these, `field` and `problem` are texts.
    """

    def __init__(self, check: str, text: str, **values: object) -> None:
        super().__init__(text % values)
        self.check = check
        self.text = text
        self.values = values
        self.message = str(self)


def parse_value(field: Field, text: str) -> Value:
    """Read one field. Raises InvalidValue with what is wrong and how to mend it."""
    text = text.strip()
    if len(text) <= _LONGEST:
        text = unicodedata.normalize("NFC", text).strip()
    if not text:
        return None
    if field.takes_missing_reason and text in MISSING_REASONS and text not in field.codes:
        return Missing(text)
    return _PARSERS[field.kind](field, text)


def format_value(value: Value) -> str:
    """The CSV cell of a value; the reverse of parse_value."""
    if value is None:
        return ""
    if isinstance(value, Missing):
        return value.reason
    if isinstance(value, tuple):
        return ";".join(value)
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    return value.isoformat() if isinstance(value, date) else str(value)


def _partial_date(field: Field, text: str) -> Value:
    try:
        return PartialDate.parse(text)
    except InvalidPartialDate as problem:
        raise InvalidValue(
            "value.partial_date", _("%(field)s %(problem)s"), field=field.label, problem=problem
        ) from None


def _date(field: Field, text: str) -> Value:
    try:
        if len(text) != 10:
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidValue(
            "value.date", _("%(field)s is not a full date: write YYYY-MM-DD"), field=field.label
        ) from None


def _integer(field: Field, text: str) -> Value:
    if not (text.isascii() and text.removeprefix("-").isdigit() and len(text) < 10):
        raise InvalidValue("value.integer", _("%(field)s is not a whole number"), field=field.label)
    return _in_range(field, int(text))


def _number(field: Field, text: str) -> Value:
    try:
        number = Decimal(text) if text.isascii() and "_" not in text and len(text) < 20 else None
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite():
        raise InvalidValue(
            "value.number",
            _("%(field)s is not a number: write digits with a point, as 81.5"),
            field=field.label,
        )
    if number.as_tuple().exponent < -6:  # type: ignore[operator]  # finite: an int
        raise InvalidValue(
            "value.number", _("%(field)s has more than 6 decimals"), field=field.label
        )
    return _in_range(field, number)


def _in_range(field: Field, number: int | Decimal) -> int | Decimal:
    low, high = field.minimum, field.maximum
    if (low is not None and number < low) or (high is not None and number > high):
        raise InvalidValue(
            "value.range",
            _("%(field)s is outside %(low)s to %(high)s"),
            field=field.label,
            low=f"{low:g}",
            high=f"{high:g}",
        )
    return number


def _text(field: Field, text: str) -> Value:
    # A download stands in cells as it was entered; a spreadsheet would run this one.
    if text.startswith(FORMULA_STARTS):
        raise InvalidValue(
            "value.text",
            _("%(field)s begins like a formula (= + - @): write the value itself"),
            field=field.label,
        )
    if any(unicodedata.category(c) in ("Cc", "Cs", "Co", "Cn") for c in text):
        raise InvalidValue(
            "value.text", _("%(field)s has characters that cannot be kept"), field=field.label
        )
    if len(text) > field.max_length:
        raise InvalidValue(
            "value.length",
            _("%(field)s has more than %(most)s characters"),
            field=field.label,
            most=field.max_length,
        )
    return text


def _code(field: Field, text: str) -> Value:
    if text not in field.codes:
        raise InvalidValue(
            "value.code",
            _("%(field)s is not one of the codes: %(codes)s"),
            field=field.label,
            codes=", ".join(field.codes),
        )
    return text


def _codes(field: Field, text: str) -> Value:
    given = {part.strip() for part in text.split(";") if part.strip()}
    if not given <= set(field.codes):
        raise InvalidValue(
            "value.code",
            _("%(field)s has a value outside the codes: %(codes)s (several with ; between them)"),
            field=field.label,
            codes=", ".join(field.codes),
        )
    return tuple(code for code in field.codes if code in given) or None


_PARSERS = {
    "partial_date": _partial_date,
    "date": _date,
    "integer": _integer,
    "number": _number,
    "text": _text,
    "code": _code,
    "codes": _codes,
}
