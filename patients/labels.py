"""Codes and values as people read them. Words of the dictionary become the reader's here (docs/adr/0063)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Final

from django.utils.translation import gettext, gettext_noop

from patients.partial_dates import MONTHS, InvalidPartialDate, PartialDate
from patients.rules.checks_catalog import MESSAGE, message_parts
from patients.rules.code_words import CODE_WORDS
from patients.rules.dictionary import MISSING_REASONS, Field
from patients.rules.record import Finding
from patients.rules.values import InvalidValue, Missing, Value, format_value

# Units beside a number, where the heading's words would be too many.
UNITS: Final = {"value / upper limit of normal": gettext_noop("x upper limit")}
# Labels where space is dear: the boxes of a form.
SHORT_LABELS: Final = {"mrn": gettext_noop("MRN"), "ecog": gettext_noop("ECOG status")}
# The same code may read better in one field.
_IN_FIELD: Final = {
    ("nephrectomy", "none"): gettext_noop("Not done"),
    ("systemic_therapy_since_il2", "none"): gettext_noop("None"),
}


def code_label(field: Field, code: str) -> str:
    """A code of a field in words, in the reader's language; a code without words stands as it is."""
    return gettext(_IN_FIELD.get((field.name, code)) or CODE_WORDS.get(code, code))


def code_beside(field: Field, value: Value) -> str:
    """The code as exports have it, where a page shows other words in its place; else empty."""
    if isinstance(value, Missing):
        return value.reason
    if value is None or field.kind not in ("code", "codes"):
        return ""
    code = format_value(value)
    return "" if code == display_value(field, value) else code


def display_value(field: Field, value: Value) -> str:
    """A value as tables and summaries show it, in the reader's language; empty for none."""
    if value is None:
        return ""
    if isinstance(value, Missing):
        return gettext(MISSING_REASONS[value.reason])
    if isinstance(value, PartialDate):
        return date_text(value)
    if isinstance(value, date):
        return f"{value.day:02d}-{MONTHS[value.month - 1]}-{value.year}"
    if isinstance(value, tuple):
        return ", ".join(code_label(field, code) for code in value)
    if field.kind == "code":
        return code_label(field, str(value))
    if isinstance(value, int | Decimal):
        return f"{format_value(value)} {gettext(UNITS.get(field.unit, field.unit))}".strip()
    return str(value)


def date_text(when: PartialDate) -> str:
    """A date as PartialDate.display has it, its words in the reader's language."""
    known, __, missing = when.display.partition(" ")
    return f"{known} {gettext(missing)}" if missing else known


def finding_text(found: Finding) -> str:
    """The message of a finding in the reader's language."""
    parts = message_parts(found.check, found.form, found.field)
    return gettext(MESSAGE) % {name: gettext(text) for name, text in parts.items()}


def problem_text(problem: InvalidValue) -> str:
    """What is wrong with a cell, in the reader's language."""
    values = dict(problem.values)
    if isinstance(label := values.get("field"), str):
        values["field"] = gettext(label)
    if isinstance(inner := values.get("problem"), InvalidPartialDate):
        values["problem"] = gettext(inner.text) % inner.values
    return gettext(problem.text) % values
