"""One row of one form on a page: its boxes, what changed, and findings put beside their fields."""

from __future__ import annotations

import json
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from patients.forms.boxes import (
    CHOICE_PREFIX,
    THEIRS,
    Box,
    is_posted,
    parse_saved,
    read_box,
    show_box,
)
from patients.forms.sections import sections_of, shown_fields
from patients.labels import code_label, display_value
from patients.rules.conditions import condition_of
from patients.rules.definitions import DEFINITIONS
from patients.rules.dictionary import Form
from patients.rules.record import Row
from patients.rules.values import Missing, Value, format_value

BASE_NAME = "base"


@dataclass(frozen=True, slots=True)
class Section:
    """Boxes under one heading."""

    title: str
    boxes: list[Box]


@dataclass(slots=True)
class EntryForm:
    """The boxes of one row. `row_id` None: a row to be created."""

    form: Form
    boxes: dict[str, Box]
    prefix: str = ""
    row_id: int | None = None
    heading: str = ""
    # Values of the row that are no boxes: the numbers that name it. With several new rows on a page.
    fixed: dict[str, Value] = field(default_factory=dict)
    # The row as saved now, where a page has several rows (for a conflict).
    current: Mapping[str, Value] | None = None

    def __post_init__(self) -> None:
        for name, box in self.boxes.items():
            box.definition = _(DEFINITIONS[self.form.name].get(name, ""))
            condition = condition_of(self.form.name, name)
            trigger = self.boxes.get(condition.trigger) if condition else None
            if condition is not None and trigger is not None:
                codes = (code_label(trigger.field, code) for code in condition.codes)
                words, label = _(" or ").join(codes), _(trigger.field.label)
                box.condition, box.when_name = condition, trigger.name
                told = _("%(field)s is %(value)s") if words else _("%(field)s is entered")
                box.when_words = told % {"field": label, "value": words}

    @property
    def sections(self) -> list[Section]:
        """The boxes by section; empty sections are left out."""
        made = [
            Section(_(title), [self.boxes[name] for name in names if name in self.boxes])
            for title, names in sections_of(self.form)
        ]
        return [section for section in made if section.boxes]

    @property
    def is_valid(self) -> bool:
        """Whether every box could be read."""
        return not any(box.error for box in self.boxes.values())

    @property
    def changes(self) -> dict[str, Value]:
        """The fields to save: all given ones of a new row, the changed ones of a saved row."""
        if self.row_id is None:
            return {name: box.value for name, box in self.boxes.items() if box.value is not None}
        return {name: box.value for name, box in self.boxes.items() if box.is_changed}

    @property
    def base(self) -> dict[str, str]:
        """What the page showed at first, by control name: to tell later who changed what."""
        return {box.name: box.saved for box in self.boxes.values() if box.saved}

    def is_of(self, row: Row) -> bool:
        """Whether a finding's row is the one of these boxes."""
        if self.form.name != row.form or self.row_id != row.id:
            return False
        return self.row_id is not None or all(
            row.values.get(name) == value for name, value in self.fixed.items()
        )

    def note(self, name: str, message: str, *, hard: bool) -> Box | None:
        """Put a finding beside its field; None when the field is not on the page."""
        box = self.boxes.get(name)
        if box is not None and hard:
            box.error = box.error or message
        elif box is not None:
            box.warning = message
        return box

    def refuse_unasked(self) -> None:
        """A value of a field that is not asked is refused; what was saved before may stay."""
        for box in self.boxes.values():
            if box.condition is None or box.error or box.value is None:
                continue
            trigger = self.boxes[box.condition.trigger]
            fresh = self.row_id is None or box.is_changed or trigger.is_changed
            given = fresh and not isinstance(box.value, Missing) and not trigger.error
            if given and not box.condition.holds(trigger.cell):
                box.error = _(
                    "%(field)s is asked only when %(condition)s: empty it, or correct %(other)s"
                ) % {
                    "field": _(box.field.label),
                    "condition": box.when_words,
                    "other": _(trigger.field.label),
                }

    def merge(self, current: Mapping[str, Value]) -> None:
        """Somebody saved meanwhile: keep what was typed here, show or take over theirs.

        A field that was not touched here takes their value; one that was keeps what was typed, and
        shows theirs beside it when it differs.
        """
        for name, box in self.boxes.items():
            theirs = format_value(current.get(name))
            if theirs == box.saved:
                continue
            if not box.is_changed and not box.error:
                box.cell, box.value, box.merged = theirs, current.get(name), True
            if theirs != box.cell or box.merged:
                box.theirs = display_value(box.field, current.get(name)) or _("empty")
                box.before = box.saved_words
            box.saved = theirs


def blank_form(
    form: Form,
    diseases: set[str],
    *,
    prefix: str = "",
    initial: Mapping[str, Value] | None = None,
    left_out: Container[str] = (),
) -> EntryForm:
    """An empty row; `initial` values are shown as if typed."""
    fields = [f for f in shown_fields(form, diseases) if f.name not in left_out]
    boxes = {f.name: show_box(f, prefix, None) for f in fields}
    for name, value in (initial or {}).items():
        boxes[name].value, boxes[name].cell = value, format_value(value)
    return EntryForm(form, boxes, prefix)


def saved_form(
    form: Form, row: Row, diseases: set[str], *, prefix: str = "", left_out: Container[str] = ()
) -> EntryForm:
    """A saved row, to be amended."""
    fields = [f for f in shown_fields(form, diseases) if f.name not in left_out]
    boxes = {f.name: show_box(f, prefix, row.values.get(f.name)) for f in fields}
    return EntryForm(form, boxes, prefix, row_id=row.id)


def read_form(
    form: Form,
    post: QueryDict,
    diseases: set[str],
    *,
    prefix: str = "",
    row_id: int | None = None,
    left_out: Container[str] = (),
) -> EntryForm:
    """What was sent. Fields that the page did not have are left alone."""
    base = read_base(post) if row_id is not None else {}
    boxes: dict[str, Box] = {}
    for each in shown_fields(form, diseases):
        if each.name in left_out:
            continue
        is_given_up = post.get(f"{CHOICE_PREFIX}{prefix}{each.name}") == THEIRS
        if is_posted(each, prefix, post) and not is_given_up:
            boxes[each.name] = read_box(each, prefix, post, base)
        else:
            cell = base.get(prefix + each.name, "")
            boxes[each.name] = show_box(each, prefix, parse_saved(each, cell))
            if row_id is None and each.need == "required":
                boxes[each.name].error = _("Choose %(field)s") % {"field": _(each.label).lower()}
    made = EntryForm(form, boxes, prefix, row_id)
    made.refuse_unasked()
    return made


def read_base(post: QueryDict) -> dict[str, str]:
    """The cells that the page showed at first. Only compared and shown, never written."""
    try:
        base: Any = json.loads(post.get(BASE_NAME, "") or "{}")
    except ValueError:
        return {}
    if not isinstance(base, dict):
        return {}
    return {str(name): cell for name, cell in base.items() if isinstance(cell, str)}
