"""What the record list's template computes of a row."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Final

from django import template
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from patients.models import Patient
from patients.queries.completeness import FormState
from patients.rules.dictionary import FORMS, PATIENTS

register = template.Library()
# Symbols stand once in the page: patients/_grid_icons.html.
_ICON: Final = '<svg class="icon" aria-hidden="true"><use href="#i-{}"/></svg>'
# Forms of the grid -> the heading of their column.
GRID: Final = {
    "patients": _("Baseline"),
    "prior_therapies": _("Prior"),
    "courses": _("Courses"),
    "cycles": _("Cycles"),
    "assessments": _("Assessm."),
    "local_therapies": _("Local"),
    "systemic_therapies": _("Systemic"),
    "follow_ups": _("Follow-up"),
}


@register.filter
def form_title(form: str) -> str:
    """The form's title in full."""
    return gettext(FORMS[form].title)


@register.simple_tag
def grid_cells(record: Patient, states: Mapping[str, FormState]) -> SafeString:
    """The cells of a record's line: icon, number of rows, and the same in words; each a link."""
    page = reverse("record_detail", args=[record.public_id])
    number = escape(record.registry_number)
    cells = [_cell(form, states[form]) for form in GRID]
    # Only what was escaped above or stands in the code below is put together here.
    return mark_safe("".join(f"{a}{page}{b}{number}{c}" for a, b, c in cells))  # noqa: S308


@lru_cache(maxsize=2_000)
def _cell(form: str, cell: FormState) -> tuple[str, str, str]:
    """A cell around the address of the page and the record's number; a list has hundreds, of few kinds."""
    shown = str(cell.rows) if cell.rows and form != PATIENTS.name else ""
    number = f'<b aria-hidden="true">{shown}</b>' if shown else ""
    said = f"{shown}, {cell.words}" if shown else cell.words
    icons = _ICON.format(cell.state), _ICON.format("query") if cell.queries else ""
    return (
        f'<td class="cell" data-state="{cell.state}"><a href="',
        f'#{form}">{icons[0]}{number}{icons[1]}<span class="visually-hidden">',
        f" {gettext(FORMS[form].title)}: {said}</span></a></td>",
    )


@register.filter
@cache
def eligible_badge(value: str | None) -> SafeString:
    """The badge of an eligibility, rendered once a process: a list has hundreds, of five kinds."""
    return render_to_string("patients/_eligible.html", {"value": value})


@register.simple_tag
def aria_sort(order: str, key: str, is_search: object = False) -> SafeString:
    """The attribute that tells which column orders the table; nothing for the others."""
    if is_search or order.removeprefix("-") != key:
        return mark_safe("")
    direction = "descending" if order.startswith("-") else "ascending"
    return mark_safe(f' aria-sort="{direction}"')  # noqa: S308 - two fixed words
