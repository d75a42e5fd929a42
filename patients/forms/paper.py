"""What blank forms on paper hold: each field with its unit, codes and what may stand in its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from patients.forms.sections import BASELINE, sections_of, shown_fields
from patients.labels import code_label
from patients.rules.dictionary import MISSING_REASONS, RECORD_FORMS, Field, Form

# How a value of each kind is written by hand.
_BOXES: Final = {
    "partial_date": gettext_noop("____ / ____ / ________ (day, month, year as far as known)"),
    "date": "____ / ____ / ________",
    "integer": "______",
    "number": "__________",
    "text": "______________________________",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One field: label, mark of its need, the line to write on, codes with their words."""

    label: str
    need: str
    box: str
    codes: list[tuple[str, str]]
    help: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """One form. `repeats`: a copy of it for every row."""

    title: str
    repeats: bool
    sections: list[tuple[str, list[Line]]]


def blank_sheets(disease: str) -> list[Sheet]:
    """Every form of a record of this disease, in the order of entry."""
    return [_sheet(form, disease) for form in (BASELINE, *RECORD_FORMS[1:])]


def _sheet(form: Form, disease: str) -> Sheet:
    shown = {field.name: field for field in shown_fields(form, {disease})}
    sections = []
    for title, names in sections_of(form):
        lines = [_line(shown[name]) for name in names if name in shown]
        if lines:
            sections.append((_(title), lines))
    return Sheet(_(form.title), form is not BASELINE, sections)


def _line(field: Field) -> Line:
    codes = [(code, code_label(field, code)) for code in field.codes]
    if field.takes_missing_reason:
        codes += [(code, _(words)) for code, words in MISSING_REASONS.items()]
    box = "" if field.codes else _(_BOXES[field.kind])
    several = _("several may apply") if field.kind == "codes" else ""
    unit = f" {_(field.unit)}" if field.unit and box else ""
    return Line(
        _(field.label),
        field.need,
        box + unit,
        codes,
        ", ".join(filter(None, (_(field.help), several))),
    )
