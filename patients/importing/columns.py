"""Files, sheets and columns that a center calls by names of its own, read as those of the dictionary.

Only uploads go through here. What a person said of a name is remembered for the center's next
upload; guesses are offered and never taken by themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import partial
from itertools import chain
from typing import Any, Final

from patients.importing.findings import FindingLog
from patients.importing.sources import MAX_COLUMNS, RawRow, Table
from patients.importing.tables import columns_of
from patients.rules.dictionary import CENTERS, FORMS, Form

LEFT_OUT: Final = ""
# Longer ones are no names, and a page full of them is no help.
MAX_NAME: Final = 100


@dataclass(frozen=True, slots=True)
class Columns:
    """`names`: file or sheet -> form; `headers`: form -> header -> column. "" leaves one out.

    `center` is the code that stands in every row of a file that has no column for it.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    center: str = ""

    def with_answers(
        self, names: Mapping[str, str], headers: Mapping[str, Mapping[str, str]]
    ) -> Columns:
        """With what a person said of further names."""
        merged = {
            form: {**self.headers.get(form, {}), **headers.get(form, {})}
            for form in {*self.headers, *headers}
        }
        return replace(self, names={**self.names, **names}, headers=merged)

    def as_json(self) -> dict[str, Any]:
        """To be kept; the center is not: it is whose it is."""
        return {"names": dict(self.names), "headers": {k: dict(v) for k, v in self.headers.items()}}


@dataclass(frozen=True, slots=True)
class Unnamed:
    """What nobody knows: files or sheets, and per form the headers that are no columns of it."""

    names: Sequence[str] = ()
    headers: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.names or any(self.headers.values()))


def find_unnamed(tables: Sequence[Table], columns: Columns, log: FindingLog) -> Unnamed:
    """Read the headers alone. `log` has seen the names of the files; what it gets here is dropped."""
    headers: dict[str, list[str]] = {}
    for table in tables:
        row = next(table.rows(FindingLog()), None)
        if row is None or len(row.cells) > MAX_COLUMNS:
            continue
        known = columns_of(table.form)
        said = columns.headers.get(table.form.name, {})
        left = [n for c in row.cells if (n := c.strip()) and n not in known and n not in said]
        usable = [name for name in left if len(name) <= MAX_NAME]
        if usable and len(usable) == len(left):
            headers[table.form.name] = list(dict.fromkeys(usable))
    names = [name for name in log.unknown_names if len(name) <= MAX_NAME]
    return Unnamed(list(dict.fromkeys(names)), headers)


def guess_form(name: str) -> str:
    """The form that a file or sheet may be; "" for no idea."""
    folded = {
        _folded(word): form.name for form in FORMS.values() for word in (form.name, form.title)
    }
    close = get_close_matches(_folded(name.rsplit(".", 1)[0])[:60], folded, n=1, cutoff=0.75)
    return folded[close[0]] if close else LEFT_OUT


def guess_column(form: Form, header: str) -> str:
    """The column that a header may mean, by names and labels; "" for no idea."""
    folded = {}
    for name, item in columns_of(form).items():
        folded[_folded(item.label)] = name
        folded[_folded(name)] = name
    close = get_close_matches(_folded(header)[:60], folded, n=1, cutoff=0.8)
    return folded[close[0]] if close else LEFT_OUT


def _folded(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def renamed(table: Table, columns: Columns) -> Table:
    """The table with the dictionary's columns; as it is where nothing is called otherwise."""
    headers = columns.headers.get(table.form.name, {})
    if not headers and not columns.center:
        return table
    return replace(table, rows=partial(_rows, table, headers, columns.center))


def _rows(
    table: Table, headers: Mapping[str, str], center: str, log: FindingLog
) -> Iterator[RawRow]:
    rows = table.rows(log)
    first = next(rows, None)
    if first is None:
        return
    names = [name.strip() for name in first.cells]
    while table.pads and names and not names[-1]:
        names.pop()
    kept = [i for i, name in enumerate(names) if headers.get(name, name) or name not in headers]
    wanted = [headers.get(names[i], names[i]) for i in kept]
    lacks_center = bool(center) and table.form is not CENTERS and "center" not in wanted
    filled = [center] if lacks_center else []
    yield RawRow(first.line, wanted + (["center"] if lacks_center else []))
    if kept == list(range(len(names))) and not filled:
        yield from rows
        return
    for row in rows:
        yield _kept(row, kept, filled, len(names), pads=table.pads)


def _kept(row: RawRow, kept: Sequence[int], filled: list[str], width: int, *, pads: bool) -> RawRow:
    """The row's cells of the columns that are kept; a row of another width stays one."""
    cells = list(row.cells)
    if pads and len(cells) < width:
        cells += [""] * (width - len(cells))
    beyond = [cell for cell in cells[width:] if cell or not pads]
    if len(cells) < width:
        return RawRow(row.line, [cells[i] for i in kept if i < len(cells)], row.problems)
    places = {place: number for number, place in enumerate(kept)}
    problems = [p._replace(place=places[p.place]) for p in row.problems if p.place in places]
    taken = chain((cells[i] for i in kept), filled, beyond)
    return RawRow(row.line, list(taken), tuple(problems))
