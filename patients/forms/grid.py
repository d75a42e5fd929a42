"""All courses and cycles of a record as one grid: a row each, text in every cell, one save.

Cells take codes, their words, or a beginning that fits only one (`hypot, ren`). New courses stand in
blank rows; a blank row that stays empty is left out. Rows are named by course and cycle number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from django.http import QueryDict
from django.utils.translation import gettext as _

from patients.actions.changes import RowChange
from patients.calculated import Calculated
from patients.forms.boxes import Box
from patients.forms.cells import cell_text, resolve_cell
from patients.forms.entry import EntryForm, blank_form, read_form, saved_form
from patients.rules.dictionary import COURSES, CYCLES, Field, Form
from patients.rules.record import RecordState, Row
from patients.rules.values import Value

BLANK_NAME: Final = "blank"
MOST_BLANK: Final = 20
CYCLES_OF_A_COURSE: Final = (1, 2)
COLUMNS: Final[Mapping[str, tuple[Field, ...]]] = {
    form.name: tuple(f for f in form.fields if f.name not in form.keys)
    for form in (COURSES, CYCLES)
}


@dataclass(slots=True)
class GridRow:
    """A row of one of the two tables. `was`: what a paste replaces, by field, until it is saved."""

    part: EntryForm
    label: str
    saved: Row | None
    was: dict[str, str] = field(default_factory=dict)
    calculated: Sequence[Calculated] = ()

    @property
    def key(self) -> str:
        """Its course and cycle: `2` or `2.1`."""
        return self.part.prefix.strip("c.")

    @property
    def is_filled(self) -> bool:
        """Whether a row to be created holds anything."""
        return any(box.cell or box.error for box in self.part.boxes.values())

    @property
    def cells(self) -> Iterator[GridCell]:
        """Its cells in the order of the columns."""
        for column in COLUMNS[self.part.form.name]:
            box = self.part.boxes[column.name]
            yield GridCell(
                box,
                cell_text(box),
                f"{self.label}: {_(column.label)}",
                self.was.get(column.name, ""),
            )


@dataclass(frozen=True, slots=True)
class GridCell:
    """One cell with the name that only it has; `was`: what a paste replaces in it."""

    box: Box
    text: str
    name: str
    was: str


@dataclass(slots=True)
class Grid:
    """The two tables of a record."""

    courses: list[GridRow]
    cycles: list[GridRow]
    blank: int

    @property
    def parts(self) -> list[EntryForm]:
        """What is saved or amended: rows that stand, and filled new ones; a course before its cycles."""
        filled = {row.part.fixed["course_number"] for row in self.cycles if row.is_filled}
        courses = [
            row.part
            for row in self.courses
            if row.saved or row.is_filled or row.part.fixed["course_number"] in filled
        ]
        return courses + [row.part for row in self.cycles if row.saved or row.is_filled]

    @property
    def changes(self) -> list[RowChange]:
        """What to save."""
        made = []
        for part in self.parts:
            if part.row_id is None:
                made.append(RowChange(part.form.name, {**part.fixed, **part.changes}))
            elif part.changes:
                made.append(RowChange(part.form.name, part.changes, row_id=part.row_id))
        return made

    @property
    def rows(self) -> list[GridRow]:
        """All rows."""
        return self.courses + self.cycles


def make_grid(state: RecordState, sent: QueryDict | None, blank: int | None = None) -> Grid:
    """The grid of a record as saved, or as sent. `blank`: how many new courses it has room for."""
    live = {f: {_key(f, row): row for row in state.live(f.name)} for f in (COURSES, CYCLES)}
    numbers = sorted(number for (number,) in live[COURSES])
    if blank is None:
        blank = _blank_of(sent) if sent is not None else 1 if numbers else 2
    top = max(numbers, default=0)
    numbers += range(top + 1, top + 1 + min(blank, MOST_BLANK))
    boxes = _resolved(sent) if sent is not None else None
    courses = [_row(COURSES, (number,), live[COURSES], boxes) for number in numbers]
    cycles = [
        _row(CYCLES, (number, cycle), live[CYCLES], boxes)
        for number in numbers
        for cycle in CYCLES_OF_A_COURSE
    ]
    return Grid(courses, cycles, blank)


def _key(form: Form, row: Row) -> tuple[int, ...]:
    return tuple(row.whole(name) or 0 for name in form.keys)


def _row(
    form: Form,
    key: tuple[int, ...],
    live: Mapping[tuple[int, ...], Row],
    boxes: QueryDict | None,
) -> GridRow:
    prefix = f"c{'.'.join(map(str, key))}."
    fixed: dict[str, Value] = dict(zip(form.keys, key, strict=True))
    saved = live.get(key)
    if boxes is not None:
        row_id = saved.id if saved else None
        part = read_form(form, boxes, set(), prefix=prefix, row_id=row_id, left_out=form.keys)
    elif saved is not None:
        part = saved_form(form, saved, set(), prefix=prefix, left_out=form.keys)
    else:
        part = blank_form(form, set(), prefix=prefix, left_out=form.keys)
    for box in part.boxes.values():
        box.is_cell = True
    part.fixed, part.current = fixed, dict(saved.values) if saved else {}
    label = _("Course %(course)s") % {"course": key[0]}
    if len(key) > 1:
        label = _("Course %(course)s, cycle %(cycle)s") % {"course": key[0], "cycle": key[1]}
    row = GridRow(part, label, saved)
    if saved is None and not _is_typed(part):
        _forget(part)
    return row


def _is_typed(part: EntryForm) -> bool:
    return any(box.cell for box in part.boxes.values()) or any(
        box.typed_parts and any(box.typed_parts) for box in part.boxes.values()
    )


def _forget(part: EntryForm) -> None:
    """A blank row is no error."""
    for box in part.boxes.values():
        box.error = ""


def _blank_of(sent: QueryDict) -> int:
    text = sent.get(BLANK_NAME, "")
    return min(int(text), MOST_BLANK) if text.isascii() and text.isdigit() and len(text) < 4 else 1


def _resolved(sent: QueryDict) -> QueryDict:
    """What was sent, with words and beginnings turned into codes."""
    found = sent.copy()
    fields = {f.name: f for form in (COURSES, CYCLES) for f in COLUMNS[form.name]}
    for name in sent:
        column = fields.get(name.rpartition(".")[2]) if name.startswith("c") else None
        if column is not None:
            found[name] = resolve_cell(column, sent.get(name, ""))
    return found


def copy_above(grid: Grid, sent: QueryDict, key: str) -> QueryDict:
    """What was sent, with the empty cells of a cycle filled from the cycle above; never its date."""
    found = sent.copy()
    for above, row in zip(grid.cycles, grid.cycles[1:], strict=False):
        if row.key == key:
            for name, box in row.part.boxes.items():
                if name != "start_date" and not box.cell:
                    found[box.name] = cell_text(above.part.boxes[name])
    return found


def first_box(rows: Sequence[GridRow]) -> str:
    """Id of the first cell of the first new row, to put the focus there."""
    return next((next(row.cells).box.id for row in rows if row.saved is None), "")
