"""Which rows of a bundle are new, changed, unchanged or retracted, for one record.

The rules of identity are the data dictionary's: the patient, courses and cycles amend by their
keys; in the other forms a row equal to a live row is unchanged (as a multiset), any other is new;
`row_id` makes a row an amendment of that one; rows that a bundle leaves out are left alone.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from patients.actions.changes import RowChange
from patients.importing.findings import FindingLog
from patients.rules.dictionary import PATIENTS, RECORD_FORMS, Form
from patients.rules.record import RecordState, Row
from patients.rules.values import Value

Kind = Literal["new", "changed", "unchanged", "retracted"]
_ORDER: Final = {form.name: place for place, form in enumerate(RECORD_FORMS)}


class Origin(NamedTuple):
    """Where a row stands in the bundle; handed through the action and back in its findings."""

    file: str
    line: int


@dataclass(slots=True)
class BundleRow:
    """One parsed row: the values of the columns that are there, without keys and status."""

    form: Form
    origin: Origin
    values: dict[str, Value]
    row_id: int | None = None
    retracted: bool = False


@dataclass(slots=True)
class Match:
    """What is to be saved for one record, and the tally of its rows by form and kind."""

    changes: list[RowChange] = field(default_factory=list)
    tally: Counter[tuple[str, Kind]] = field(default_factory=Counter)
    refused: bool = False


class _Matcher:
    """Matches the rows of one record; `match_record` is the door."""

    def __init__(self, existing: RecordState | None, log: FindingLog) -> None:
        self.existing = existing
        self.log = log
        self.match = Match()
        self._amended: dict[tuple[str, int], Origin] = {}

    def patient(self, rows: Sequence[BundleRow]) -> None:
        """The record itself, by its key."""
        for row in rows[1:]:
            self._refuse(
                row,
                "record_id",
                "record.duplicate",
                f"This record is there twice: also on line {rows[0].origin.line}. Keep one row.",
            )
        for row in rows[:1]:
            if self.existing is None:
                self._save(row, row.values)
            else:
                self._amend(row, self.existing.patient)

    def keyed(self, form: Form, rows: Sequence[BundleRow]) -> None:
        """Courses and cycles: by `row_id`, else by their numbers among the live rows."""
        saved = self.existing.live(form.name) if self.existing else []
        by_key = {tuple(row.values.get(key) for key in form.keys): row for row in saved}
        seen: dict[tuple[Value, ...], Origin] = {}
        for row in rows:
            key = tuple(row.values.get(name) for name in form.keys)
            if key in seen:
                self._refuse(
                    row,
                    form.keys[-1],
                    "row.duplicate",
                    f"The same number is on line {seen[key].line} already. Correct one of them.",
                )
                continue
            seen[key] = row.origin
            if row.row_id is not None:
                self._amend_by_id(form, row)
            elif key in by_key:
                self._amend(row, by_key[key])
            else:
                self._save(row, row.values)

    def unkeyed(self, form: Form, rows: Sequence[BundleRow]) -> None:
        """The other forms: rows equal in all given cells are the same row."""
        for row in rows:
            if row.row_id is not None:
                self._amend_by_id(form, row)
        rest = [row for row in rows if row.row_id is None]
        live, retracted = self._pools(form, rest)
        for row in rest:
            if not row.retracted and not self._same(row, live):
                self._save(row, row.values)
        # Retracted twins first, so that a live twin keeps standing when the bundle has both.
        left = [row for row in rest if row.retracted and not self._same(row, retracted)]
        for row in left:
            twins = live[_cells(row.values, row.values)]
            if twins:
                self._retract(row, twins.pop(0), {})
            else:
                self._save(row, row.values)

    def _pools(
        self, form: Form, rows: Sequence[BundleRow]
    ) -> tuple[dict[tuple[Value, ...], list[Row]], dict[tuple[Value, ...], list[Row]]]:
        """Saved rows by the cells that the file has; live ones and retracted ones."""
        live: dict[tuple[Value, ...], list[Row]] = defaultdict(list)
        retracted: dict[tuple[Value, ...], list[Row]] = defaultdict(list)
        if self.existing is not None and rows:
            for saved in self.existing.rows.get(form.name, ()):
                if (form.name, saved.id) not in self._amended:
                    pool = retracted if saved.retracted else live
                    pool[_cells(saved.values, rows[0].values)].append(saved)
        return live, retracted

    def _same(self, row: BundleRow, pool: dict[tuple[Value, ...], list[Row]]) -> bool:
        twins = pool[_cells(row.values, row.values)]
        if twins:
            twins.pop(0)
            self.match.tally[row.form.name, "unchanged"] += 1
            return True
        return False

    def _amend_by_id(self, form: Form, row: BundleRow) -> None:
        saved = self.existing.rows.get(form.name, ()) if self.existing else ()
        target = next((candidate for candidate in saved if candidate.id == row.row_id), None)
        if target is None or target.id is None:
            message = (
                "No such row in this record and form. Leave row_id as the template gave it, or"
                " empty for a new row."
            )
            self._refuse(row, "row_id", "row.unknown", message)
            return
        key = (form.name, target.id)
        if key in self._amended:
            message = f"Line {self._amended[key].line} amends the same row. Keep one."
            self._refuse(row, "row_id", "row.duplicate", message)
            return
        self._amended[key] = row.origin
        self._amend(row, target)

    def _amend(self, row: BundleRow, saved: Row) -> None:
        changed = {k: v for k, v in row.values.items() if saved.values.get(k) != v}
        revives = not row.retracted and "status" in row.form.by_name
        if saved.retracted and (changed or revives):
            message = "The saved row is retracted and can no longer be changed. Enter a new row."
            self._refuse(row, "", "row.retracted", message)
        elif row.retracted and not saved.retracted:
            self._retract(row, saved, changed)
        elif changed:
            self._change(row, saved, changed)
        else:
            self.match.tally[row.form.name, "unchanged"] += 1

    def _change(self, row: BundleRow, saved: Row, changed: Mapping[str, Value]) -> None:
        self.match.changes.append(
            RowChange(form=row.form.name, values=changed, row_id=saved.id, source=row.origin)
        )
        self.match.tally[row.form.name, "changed"] += 1

    def _retract(self, row: BundleRow, saved: Row, changed: Mapping[str, Value]) -> None:
        self.match.changes.append(
            RowChange(
                form=row.form.name,
                values=changed,
                row_id=saved.id,
                retract=True,
                source=row.origin,
            )
        )
        self.match.tally[row.form.name, "retracted"] += 1

    def _save(self, row: BundleRow, values: Mapping[str, Value]) -> None:
        self.match.changes.append(
            RowChange(form=row.form.name, values=values, retract=row.retracted, source=row.origin)
        )
        self.match.tally[row.form.name, "new"] += 1

    def _refuse(self, row: BundleRow, column: str, check: str, message: str) -> None:
        self.log.hard(row.origin.file, row.origin.line, column, check, message)
        self.match.refused = True

    def orphans(self, rows: Iterable[BundleRow]) -> None:
        """Rows of a record that is neither in the bundle nor in the registry."""
        for row in rows:
            message = (
                "The record is neither in patients of this bundle nor in the registry. Add its"
                " patients row, or correct the center and record ID."
            )
            self._refuse(row, "record_id", "record.unknown", message)


def match_record(rows: Sequence[BundleRow], existing: RecordState | None, log: FindingLog) -> Match:
    """Match all rows of one record with what is saved of it (None: nothing).

    Faults go to the log and make the match `refused`. Changes come in order of form and line,
    which is the order of saving: ties between rows of one day go by it.
    """
    matcher = _Matcher(existing, log)
    by_form: dict[str, list[BundleRow]] = defaultdict(list)
    for row in rows:
        by_form[row.form.name].append(row)
    if existing is None and not by_form[PATIENTS.name]:
        matcher.orphans(rows)
        return matcher.match
    matcher.patient(by_form[PATIENTS.name])
    for form in RECORD_FORMS[1:]:
        if form.amends_by_key:
            matcher.keyed(form, by_form[form.name])
        else:
            matcher.unkeyed(form, by_form[form.name])
    matcher.match.changes.sort(key=_place)
    return matcher.match


def _place(change: RowChange) -> tuple[int, int]:
    line = change.source.line if isinstance(change.source, Origin) else 0
    return _ORDER[change.form], line


def _cells(values: Mapping[str, Value], columns: Mapping[str, Value]) -> tuple[Value, ...]:
    """The values in the columns that the file has, comparable between saved and given rows."""
    return tuple(values.get(name) for name in columns)
