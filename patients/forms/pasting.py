"""A block of cells from a spreadsheet, put into the rows of the cycles: shown first, saved later."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from django.http import QueryDict
from django.utils.translation import gettext as _

from patients.forms.cells import cell_text
from patients.forms.grid import BLANK_NAME, COLUMNS, MOST_BLANK, Grid
from patients.rules.dictionary import CYCLES

MOST_ROWS: Final = 2 * MOST_BLANK
KEYS: Final = ("course_number", "cycle_number")


@dataclass(slots=True)
class Pasted:
    """`sent` with the cells in it, what they replace (`was`, by control name), and what was left out."""

    sent: QueryDict
    was: dict[str, str] = field(default_factory=dict)
    problem: str = ""


def paste_cycles(grid: Grid, sent: QueryDict, text: str) -> Pasted:
    """Cells between tabs, rows between lines. A first row of column names says where they go.

    Without one: the columns of the grid from the start date on, the rows from the first empty one on.
    """
    lines = [line.split("\t") for line in text.splitlines() if line.strip()][: MOST_ROWS + 1]
    if not lines:
        return Pasted(sent, problem=_("Nothing was pasted"))
    columns = _header(lines[0])
    if columns:
        lines = lines[1:]
    elif _looks_like_names(lines[0]):
        return Pasted(sent, problem=_("The first row names a column that the grid does not have"))
    names = columns or [f.name for f in COLUMNS[CYCLES.name]]
    if any(len(line) > len(names) for line in lines):
        return Pasted(sent, problem=_("A row has more than %(n)s cells") % {"n": len(names)})
    return _fill(grid, sent, names, lines)


def _fill(grid: Grid, sent: QueryDict, names: list[str], lines: list[list[str]]) -> Pasted:
    pasted = Pasted(sent.copy())
    now = {box.name: cell_text(box) for row in grid.cycles for box in row.part.boxes.values()}
    keys = _targets(grid, names, lines)
    if keys is None:
        return Pasted(sent, problem=_("A row has no course and cycle number that can be"))
    top = max((key[0] for key in keys), default=0)
    saved = max((int(row.key) for row in grid.courses if row.saved), default=0)
    if top - saved > MOST_BLANK:
        return Pasted(sent, problem=_("A row has no course and cycle number that can be"))
    pasted.sent[BLANK_NAME] = str(max(grid.blank, top - saved))
    for key, line in zip(keys, lines, strict=True):
        for name, cell in zip(names, line, strict=False):
            control = f"c{key[0]}.{key[1]}.{name}"
            if name not in KEYS and cell.strip() and cell.strip() != now.get(control, ""):
                pasted.sent[control] = cell.strip()
                pasted.was[control] = now.get(control, "") or _("empty")
    return pasted


def _targets(grid: Grid, names: list[str], lines: list[list[str]]) -> list[tuple[int, int]] | None:
    """Course and cycle of each line; None when a line names none."""
    if not set(KEYS) <= set(names):
        free = [row for row in grid.cycles if not row.saved and not row.is_filled]
        first = free[0].key if free else f"{len(grid.courses) + 1}.1"
        course, cycle = map(int, first.split("."))
        places = [2 * (course - 1) + cycle - 1 + i for i in range(len(lines))]
        return [(place // 2 + 1, place % 2 + 1) for place in places]
    found = [_numbers(dict(zip(names, line, strict=False))) for line in lines]
    keys = [key for key in found if key is not None]
    return keys if len(keys) == len(found) else None


def _numbers(cells: dict[str, str]) -> tuple[int, int] | None:
    course, cycle = (cells.get(name, "").strip() for name in KEYS)
    is_course = course.isascii() and course.isdigit() and 0 < len(course) < 3 and int(course) > 0
    return (int(course), int(cycle)) if is_course and cycle in ("1", "2") else None


def _header(cells: list[str]) -> list[str]:
    """Field names of a first row that has only names of columns; empty when it has others."""
    names = {f.name: f.name for f in CYCLES.fields} | {
        label.casefold(): f.name for f in CYCLES.fields for label in (f.label, _(f.label))
    }
    found = [names.get(cell.strip().casefold(), "") for cell in cells]
    return found if all(found) else []


def _looks_like_names(cells: list[str]) -> bool:
    return any(
        name in (cell.strip().casefold() for cell in cells) for name in (*KEYS, "start_date")
    )
