"""One field on a page: what was saved, what was typed, what it means, what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from patients.forms.dates import PartMissing, Parts, join_date, split_date
from patients.labels import SHORT_LABELS, UNITS, code_label, display_value, problem_text
from patients.rules.conditions import Condition
from patients.rules.dictionary import MISSING_REASONS, Field
from patients.rules.values import InvalidValue, Value, format_value, parse_value

REASON_SUFFIX: Final = ".reason"
# After a conflict: which of two values is saved.
CHOICE_PREFIX: Final = "choose."
THEIRS: Final = "theirs"
_PARTS: Final = {
    "day": gettext_noop("Day"),
    "month": gettext_noop("Month"),
    "year": gettext_noop("Year"),
}
MONTH_SUFFIX, YEAR_SUFFIX = ".month", ".year"
RADIO_LIMIT: Final = 3
CODES_IN_THREE_COLUMNS: Final = 9
# The one note on the page that says how dates are written.
DATE_HELP_ID: Final = "date_help"


@dataclass(frozen=True, slots=True)
class Choice:
    """One option of a select, radio group or list of checkboxes."""

    code: str
    label: str
    chosen: bool
    id: str


@dataclass(frozen=True, slots=True)
class DatePart:
    """One of the three boxes of a date."""

    label: str
    name: str
    id: str
    text: str


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
    # Which of the three boxes of a date is to be mended.
    error_part: str = ""
    typed_parts: Parts | None = None
    warning: str = ""
    # Set on a conflict, in words: what somebody else saved meanwhile, and what was saved before.
    theirs: str = ""
    before: str = ""
    merged: bool = False
    # What the field means, and when it is asked (EntryForm fills them in).
    definition: str = ""
    condition: Condition | None = None
    when_name: str = ""
    # One text in a grid, whatever the field.
    is_cell: bool = False
    when_words: str = ""
    # What the button beside the label opens: how the value changed, queries about it.
    note: object = None

    @property
    def id(self) -> str:
        """Of the control in the page; error links lead here."""
        return f"id_{self.name.replace('.', '_')}"

    @property
    def focus_id(self) -> str:
        """Of what can take the focus: the first choice of a group."""
        if self.is_cell:
            return self.id
        if self.error_part in ("month", "year"):
            return f"{self.id}_{self.error_part}"
        return f"{self.id}_0" if self.control in ("radio", "checkboxes") else self.id

    @property
    def date_parts(self) -> list[DatePart]:
        """The three boxes of a date, as typed or as saved."""
        parts = self.typed_parts or (Parts() if self.reason else split_date(self.cell))
        names = (self.name, self.name + MONTH_SUFFIX, self.name + YEAR_SUFFIX)
        return [
            DatePart(_(_PARTS[part]), name, f"id_{name.replace('.', '_')}", text)
            for part, name, text in zip(Parts._fields, names, parts, strict=True)
        ]

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
    def label(self) -> str:
        """Name of the field beside its box."""
        return _(SHORT_LABELS.get(self.field.name, self.field.label))

    @property
    def unit(self) -> str:
        """The unit beside the label, in few words."""
        return _(UNITS.get(self.field.unit, self.field.unit))

    @property
    def when_codes(self) -> str:
        """Codes of the field that this one depends on, for the script; empty: any value."""
        return "|".join(self.condition.codes) if self.condition else ""

    @property
    def range_words(self) -> str:
        """Limits of a number, for the help."""
        low, high = self.field.minimum, self.field.maximum
        if low is None or high is None:
            return ""
        return _("%(low)s to %(high)s") % {"low": f"{low:g}", "high": f"{high:g}"}

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
            Choice(code, _(label), code == self.reason, f"{self.id}_{code}")
            for code, label in MISSING_REASONS.items()
        ]

    @property
    def described_by(self) -> str:
        """Ids of what belongs to the control: hint, conflict and error."""
        parts = [
            f"{self.id}_hint" if self.definition else "",
            DATE_HELP_ID if self.control == "date" else "",
            f"{self.id}_theirs" if self.theirs else "",
            f"{self.id}_error" if self.error else "",
            f"{self.id}_warning" if self.warning else "",
        ]
        return " ".join(part for part in parts if part)

    @property
    def width(self) -> str:
        """How many columns it takes: a class of the style sheet, or nothing for one."""
        if self.control == "checkboxes":
            return "triple" if len(self.field.codes) <= CODES_IN_THREE_COLUMNS else "full"
        is_double = self.control == "radio" or (self.control == "date" and self.takes_reason)
        return "double" if is_double else ""

    @property
    def is_changed(self) -> bool:
        """Whether what was typed differs from what the page showed."""
        return self.cell != self.saved

    @property
    def choice_name(self) -> str:
        """Name of the choice between one's own value and that of somebody else."""
        return CHOICE_PREFIX + self.name

    @property
    def typed_words(self) -> str:
        """What stands in the box, for people."""
        if self.error:
            return self.cell
        return display_value(self.field, self.value) or _("empty")

    @property
    def saved_words(self) -> str:
        """The saved value for people."""
        return display_value(self.field, parse_saved(self.field, self.saved)) or _("empty")


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
    typed = _typed_date(box, post) if box.control == "date" else _typed(name, post)
    reason = post.get(name + REASON_SUFFIX, "")
    box.cell = typed or reason
    if reason and (typed or box.error):
        box.typed_reason = reason
        box.error = _("%(field)s: give a value or a reason, not both") % {"field": _(field.label)}
    if box.error:
        return box
    _parse(box)
    if box.error:
        box.cell = typed  # as it was typed, to be mended
    return box


def _typed(name: str, post: QueryDict) -> str:
    return ";".join(part for part in (text.strip() for text in post.getlist(name)) if part)


def _typed_date(box: Box, post: QueryDict) -> str:
    """What stands in the three boxes; a reason alone in the first one (a draft) is a cell too."""
    parts = Parts(*(post.get(part.name, "") for part in box.date_parts))
    box.typed_parts = parts
    try:
        return join_date(parts, box.saved)
    except PartMissing as problem:
        told = _("%(field)s %(problem)s") % {"field": _(box.field.label), "problem": problem}
        box.error, box.error_part = told, problem.part
        return ""


def _parse(box: Box) -> None:
    try:
        box.value = parse_value(box.field, box.cell)
    except InvalidValue as problem:
        box.error = problem_text(problem)
        return
    if box.value is None and box.required:
        is_choice = box.field.kind in ("code", "codes")
        told = _("Choose %(field)s") if is_choice else _("Enter %(field)s")
        box.error = told % {"field": _(box.field.label).lower()}
    # The normal form: 081.50 is 81.5, and codes stand in the order of the dictionary.
    box.cell = format_value(box.value)
