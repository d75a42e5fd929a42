"""One field on a page: what was saved, what was typed, what it means, what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.http import QueryDict

from patients.forms.dates import normalise_date
from patients.labels import UNITS, code_label, display_value
from patients.rules.dictionary import MISSING_REASONS, Field
from patients.rules.values import InvalidValue, Value, format_value, parse_value

REASON_SUFFIX: Final = ".reason"
RADIO_LIMIT: Final = 3
# The one note on the page that says how dates are written.
DATE_HELP_ID: Final = "date_help"


@dataclass(frozen=True, slots=True)
class Choice:
    """One option of a select, radio group or list of checkboxes."""

    code: str
    label: str
    chosen: bool
    id: str


@dataclass(slots=True)
class Box:
    """A field of the dictionary on a page. `cell` is its CSV text: the one form of a value here."""

    field: Field
    name: str
    saved: str = ""
    cell: str = ""
    value: Value = None
    typed_reason: str = ""
    error: str = ""
    warning: str = ""
    # Set on a conflict: what somebody else saved meanwhile, in words.
    theirs: str = ""
    merged: bool = False

    @property
    def id(self) -> str:
        """Of the control in the page; error links lead here."""
        return f"id_{self.name.replace('.', '_')}"

    @property
    def focus_id(self) -> str:
        """Of what can take the focus: the first choice of a group."""
        return f"{self.id}_0" if self.control in ("radio", "checkboxes") else self.id

    @property
    def reason_name(self) -> str:
        """Name of the coded-reason select beside the value."""
        return self.name + REASON_SUFFIX

    @property
    def control(self) -> str:
        """The template that draws it: radio, select, checkboxes, date, number or text."""
        kind = self.field.kind
        if kind == "codes":
            return "checkboxes"
        if kind == "code":
            # What may stay empty is a select: a radio button cannot be unchosen again.
            return "radio" if self.required and len(self.field.codes) <= RADIO_LIMIT else "select"
        if kind in ("partial_date", "date"):
            return "date"
        return "number" if kind in ("integer", "number") else "text"

    @property
    def takes_reason(self) -> bool:
        """Whether a separate select offers coded reasons; a select of codes holds them itself."""
        return self.field.takes_missing_reason and self.control != "select"

    @property
    def required(self) -> bool:
        """Whether it cannot be saved empty."""
        return self.field.need == "required"

    @property
    def reason(self) -> str:
        """The coded reason that stands instead of a value."""
        if self.typed_reason:
            return self.typed_reason
        is_reason = self.field.takes_missing_reason and self.cell in MISSING_REASONS
        return self.cell if is_reason and self.cell not in self.field.codes else ""

    @property
    def text(self) -> str:
        """What the text box shows."""
        return "" if self.reason and self.cell == self.reason else self.cell

    @property
    def unit(self) -> str:
        """The unit beside the label, in few words."""
        return UNITS.get(self.field.unit, self.field.unit)

    @property
    def hint(self) -> str:
        """Help under the label."""
        return self.field.help

    @property
    def choices(self) -> list[Choice]:
        """The codes of the field, with what is chosen."""
        chosen = set(self.cell.split(";")) if self.field.kind == "codes" else {self.cell}
        return [
            Choice(code, code_label(self.field, code), code in chosen, f"{self.id}_{i}")
            for i, code in enumerate(self.field.codes)
        ]

    @property
    def reasons(self) -> list[Choice]:
        """The coded reasons, when the field takes them."""
        if not self.field.takes_missing_reason:
            return []
        return [
            Choice(code, label, code == self.reason, f"{self.id}_{code}")
            for code, label in MISSING_REASONS.items()
        ]

    @property
    def described_by(self) -> str:
        """Ids of what belongs to the control: hint, conflict and error."""
        parts = [
            f"{self.id}_hint" if self.hint else "",
            DATE_HELP_ID if self.control == "date" else "",
            f"{self.id}_theirs" if self.theirs else "",
            f"{self.id}_error" if self.error else "",
        ]
        return " ".join(part for part in parts if part)

    @property
    def is_wide(self) -> bool:
        """Whether it needs more than one column."""
        return self.control == "checkboxes"

    @property
    def is_changed(self) -> bool:
        """Whether what was typed differs from what the page showed."""
        return self.cell != self.saved

    @property
    def saved_words(self) -> str:
        """The saved value for people."""
        return display_value(self.field, parse_saved(self.field, self.saved)) or "empty"


def parse_saved(field: Field, cell: str) -> Value:
    """The value of a saved cell; None when a later dictionary no longer reads it."""
    try:
        return parse_value(field, cell)
    except InvalidValue:
        return None


def show_box(field: Field, prefix: str, value: Value) -> Box:
    """A box with a saved value (None: empty)."""
    cell = format_value(value)
    return Box(field, f"{prefix}{field.name}", saved=cell, cell=cell, value=value)


def is_posted(field: Field, prefix: str, post: QueryDict) -> bool:
    """Whether the page that was sent had this field."""
    name = f"{prefix}{field.name}"
    return name in post or name + REASON_SUFFIX in post


def read_box(field: Field, prefix: str, post: QueryDict, base: Mapping[str, str]) -> Box:
    """A box with what was typed, checked by itself. `base`: the cells the page showed at first."""
    name = f"{prefix}{field.name}"
    box = Box(field, name, saved=base.get(name, ""))
    typed = ";".join(part for part in (text.strip() for text in post.getlist(name)) if part)
    is_date = field.kind in ("partial_date", "date")
    reason = post.get(name + REASON_SUFFIX, "")
    box.cell = (normalise_date(typed) if is_date else typed) or reason
    if reason and typed:
        box.typed_reason = reason
        box.error = f"{field.label}: give a value or a reason, not both"
        return box
    _parse(box)
    if box.error:
        box.cell = typed  # as it was typed, to be mended
    return box


def _parse(box: Box) -> None:
    try:
        box.value = parse_value(box.field, box.cell)
    except InvalidValue as problem:
        box.error = problem.message
        return
    if box.value is None and box.required:
        verb = "Choose" if box.field.kind in ("code", "codes") else "Enter"
        box.error = f"{verb} {box.field.label.lower()}"
    # The normal form: 081.50 is 81.5, and codes stand in the order of the dictionary.
    box.cell = format_value(box.value)
