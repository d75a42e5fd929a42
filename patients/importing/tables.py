"""From text rows to checked rows: the header, the keys, every cell by the data dictionary."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, NamedTuple

from patients.importing.findings import FindingLog
from patients.importing.sources import MAX_COLUMNS, RawRow, Table
from patients.rules.dictionary import CENTERS, PATIENTS, Field, Form
from patients.rules.values import InvalidValue, Missing, Value, parse_value

CENTER: Final = CENTERS.by_name["center"]
RECORD_ID: Final = Field("record_id", "Record ID", "text", "required", "I", max_length=60)
# The last of 2**63 - 1 has 19 digits.
ROW_ID: Final = Field("row_id", "Row ID", "text", "optional", "A", max_length=18)
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
_CACHED_VALUES: Final = 20_000


@dataclass(frozen=True, slots=True)
class Header:
    """The columns of one file: each a field of the form or a key, in the file's order."""

    form: Form
    label: str
    fields: tuple[Field, ...]

    @property
    def names(self) -> frozenset[str]:
        """The columns that are there."""
        return frozenset(field.name for field in self.fields)


class CheckedRow(NamedTuple):
    """A row with its key read. `cells` is None when a cell was refused."""

    line: int
    center: str
    record_id: str
    cells: list[str] | None


class CellReader:
    """Reads cells; remembers codes, dates and numbers, and of texts the last record ID only."""

    def __init__(self) -> None:
        # By the field's identity: fields are constants, and hashing one costs more than reading.
        self._known: dict[tuple[int, str], Value] = {}
        self._last_record: tuple[str, Value] = ("", None)

    def read(self, field: Field, text: str) -> Value:
        """The value of a cell. Raises InvalidValue, whose message repeats no value."""
        if not text:
            return None
        key = (id(field), text)
        if key in self._known:
            return self._known[key]
        if field is RECORD_ID and text == self._last_record[0]:
            return self._last_record[1]
        is_text = field.kind == "text"
        if _begins_like_formula(text, is_text=is_text):
            raise _formula(field)
        value = parse_value(field, text)
        if field is RECORD_ID:
            self._last_record = (text, value)
        elif (not is_text or field is CENTER) and len(self._known) < _CACHED_VALUES:
            self._known[key] = value
        return value

    def read_required(self, field: Field, text: str) -> Value:
        """The value of a cell that must hold one."""
        value = self.read(field, text)
        if value is None or isinstance(value, Missing):
            raise InvalidValue("value.required", f"{field.label} is required")
        return value


def _begins_like_formula(text: str, *, is_text: bool) -> bool:
    """A number or date may begin with a sign; text that does may run in a spreadsheet."""
    if not is_text:
        return text.startswith(("=", "@"))
    return text.startswith(FORMULA_STARTS) or text.lstrip().startswith(FORMULA_STARTS)


def _formula(field: Field) -> InvalidValue:
    return InvalidValue(
        "value.formula",
        f"{field.label} begins like a formula (= + - @ tab): write the value itself",
    )


def read_header(table: Table, row: RawRow | None, log: FindingLog) -> Header | None:
    """Check the header row; None (after a report) when the file cannot be read by it."""
    if row is None:
        if not log.blocked:
            message = "There is no header row. Give it one, or leave it out."
            log.hard(table.label, None, "", "file.empty", message, blocks=True)
        return None
    names = [name.strip() for name in row.cells]
    while table.pads and names and not names[-1]:
        names.pop()
    if len(names) > MAX_COLUMNS:
        message = f"The header has more than {MAX_COLUMNS} columns."
        log.hard(table.label, row.line, "", "header.columns", message, blocks=True)
        return None
    known = columns_of(table.form)
    before = log.total("hard")
    _check_names(table, names, known, row.line, log)
    if log.total("hard") > before:
        return None
    return Header(table.form, table.label, tuple(known[name] for name in names))


def columns_of(form: Form) -> dict[str, Field]:
    """Every column a file of the form may have."""
    if form is CENTERS:
        return dict(form.by_name)
    keys = [CENTER, RECORD_ID] if form is PATIENTS else [CENTER, RECORD_ID, ROW_ID]
    return {field.name: field for field in (*keys, *form.fields)}


def _check_names(
    table: Table, names: list[str], known: dict[str, Field], line: int, log: FindingLog
) -> None:
    needed: list[str] = [f for f in ("center", "record_id") if f in known]
    needed += [key for key in table.form.keys if key not in needed]
    for name in needed:
        if name not in names:
            message = f"The column {name} is missing. Add it: it tells rows apart."
            log.hard(table.label, line, name, "header.missing", message, blocks=True)
    # A file without a header has data in its first line, which must not be repeated.
    is_header = all(name in names for name in needed)
    for position, name in enumerate(names):
        if name not in known:
            shown = name if is_header and _is_plain(name) else ""
            message = f"Column {position + 1} is no column of {table.form.name}." + _hint(
                name, known
            )
            log.hard(table.label, line, shown, "header.unknown", message, blocks=True)
        elif name in names[:position]:
            message = f"The column {name} is there twice. Keep one."
            log.hard(table.label, line, name, "header.duplicate", message, blocks=True)


def _is_plain(name: str) -> bool:
    return len(name) <= 40 and name.isascii() and name.replace("_", "").isalpha()


def _hint(name: str, known: Collection[str]) -> str:
    close = get_close_matches(name.lower()[:60], known, n=1)
    return f" Did you mean {close[0]}?" if close else " Remove it, or see docs/import.md for names."


def check_cells(
    header: Header, table: Table, rows: Iterator[RawRow], reader: CellReader, log: FindingLog
) -> Iterator[tuple[int, list[str], set[int]]]:
    """Check every cell by the dictionary; yields line, cells and the places that were refused."""
    names = [field.name for field in header.fields]
    for row in rows:
        cells = _fitted(row, len(names), table, log)
        if cells is None:
            continue
        refused = {problem.place for problem in row.problems}
        for problem in row.problems:
            column = names[problem.place] if problem.place < len(names) else ""
            log.hard(table.label, row.line, column, problem.check, problem.message)
        for index, field in enumerate(header.fields):
            if index not in refused and not _cell_fits(
                field, cells[index], reader, header.label, row.line, log
            ):
                refused.add(index)
        yield row.line, cells, refused


def read_rows(
    header: Header,
    table: Table,
    rows: Iterator[RawRow],
    reader: CellReader,
    log: FindingLog,
    center_problem: Callable[[str], tuple[str, str] | None],
) -> Iterator[CheckedRow]:
    """The rows of a record form whose key can be read; refused ones come without cells.

    `center_problem` gives check and message for a center code that must not be imported.
    """
    names = [field.name for field in header.fields]
    center_at, record_at = names.index("center"), names.index("record_id")
    for line, cells, refused in check_cells(header, table, rows, reader, log):
        if center_at in refused or record_at in refused:
            log.blocked = True
            continue
        center = str(reader.read(CENTER, cells[center_at]))
        foreign = center_problem(center)
        if foreign is not None:
            log.hard(table.label, line, "center", *foreign)
        record_id = str(reader.read(RECORD_ID, cells[record_at]))
        yield CheckedRow(line, center, record_id, None if refused or foreign else cells)


def _fitted(row: RawRow, width: int, table: Table, log: FindingLog) -> list[str] | None:
    """The cells at the header's width; None (after a report) when the row has another."""
    cells = row.cells
    if len(cells) == width:
        return cells
    if table.pads:
        if len(cells) < width:
            return cells + [""] * (width - len(cells))
        if not any(cells[width:]):
            return cells[:width]
    message = (
        f"The row has {len(cells)} cells, the header {width}. A cell with a comma needs quotes."
    )
    log.hard(table.label, row.line, "", "row.ragged", message, blocks=True)
    return None


def _cell_fits(
    field: Field, text: str, reader: CellReader, label: str, line: int, log: FindingLog
) -> bool:
    try:
        if field.need == "required":
            reader.read_required(field, text)
        else:
            reader.read(field, text)
    except InvalidValue as problem:
        log.hard(label, line, field.name, problem.check, f"{problem.message}.")
        return False
    if field is ROW_ID and text.strip() and not (text.strip().isascii() and text.strip().isdigit()):
        message = "Row ID is no number: leave it as the template gave it, or empty."
        log.hard(label, line, field.name, "row.unknown", message)
        return False
    return True
