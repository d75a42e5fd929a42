"""The baseline form as read: sections of terms and values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from patients.forms.sections import BASELINE, IDENTIFYING, sections_of, shown_fields
from patients.labels import code_beside, display_value
from patients.rules.record import Row
from patients.rules.values import Missing

HIDDEN = gettext_noop("Hidden")
ERASED = gettext_noop("Erased")


@dataclass(frozen=True, slots=True)
class Item:
    """One value with its term; `soft`: nothing entered, a coded reason, or hidden.

    `note`: what the button beside it opens.
    """

    term: str
    value: str
    soft: bool = False
    note: object = None
    code: str = ""


def baseline_sections(
    patient: Row,
    *,
    identifiers: bool,
    mask: str = HIDDEN,
    notes: Mapping[tuple[str, int, str], object] | None = None,
) -> list[tuple[str, list[Item]]]:
    """Sections of the record's disease; optional fields only when they hold something.

    Direct identifiers are masked for those who may not see them; `mask` is the word for it.
    """
    disease = str(patient.value("disease") or "")
    shown = {field.name: field for field in shown_fields(BASELINE, {disease})}
    made = []
    for title, names in sections_of(BASELINE):
        items = []
        for field in (shown[name] for name in names if name in shown):
            value = patient.values.get(field.name)
            note = (notes or {}).get((BASELINE.name, patient.id or 0, field.name))
            if field.name in IDENTIFYING and not identifiers:
                items.append(Item(_(field.label), _(mask), soft=True))
            elif value is not None:
                text = display_value(field, value)
                code = code_beside(field, value)
                items.append(Item(_(field.label), text, isinstance(value, Missing), note, code))
            elif field.need != "optional" or note:
                items.append(Item(_(field.label), _("Not entered"), soft=True, note=note))
        if items:
            made.append((_(title), items))
    return made
