"""The preview of an import: old and new of every cell, and what becomes of PFS and eligibility.

It looks on while the real import runs in a transaction that is rolled back, and asks what the records
are derived to before and after their saving: the numbers are those that stand after the commit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from patients import slots
from patients.actions.changes import RecordChange, RowChange, SavedRecord
from patients.importing.findings import FindingLog, ImportFinding
from patients.importing.matching import BundleRow, Match
from patients.importing.pages import Pages
from patients.importing.staging import StagedRecord
from patients.importing.watching import Watcher
from patients.labels import display_value
from patients.queries.import_jobs import FINDINGS, Item
from patients.rules.dictionary import FORMS, PATIENTS, Field, Form
from patients.rules.record import RecordState, Row
from patients.rules.values import Value

RECORD_ID: Final = "record_id"
_LABELS: Final = {RECORD_ID: "Record ID", "status": "Status"}
Outlooks = dict[int, slots.Outlook]


class Preview(Watcher):
    """Fills pages with cells and effects; `effect` counts what changes in all records."""

    def __init__(self, pages: Pages) -> None:
        super().__init__()
        self.pages = pages
        self.moves: Counter[str] = Counter()
        self.pfs_changed = 0
        self._log = FindingLog()
        self._before: Outlooks = {}

    def begin(self, log: FindingLog) -> None:
        """Effects are told only of a bundle without errors."""
        self._log = log

    def matched(
        self,
        record: StagedRecord,
        rows: Sequence[BundleRow] | None,
        match: Match,
        existing: RecordState | None,
    ) -> None:
        """The cells of one record."""
        if rows is None or match.refused:
            return
        changes = {change.source: change for change in match.changes}
        for row in rows:
            stream, item = _row_item(row, changes.get(row.origin), existing)
            self.pages.add(stream, {"who": record.record_id, **item})

    def saving(self, changes: Sequence[RecordChange]) -> None:
        """Derive what stands."""
        ids = [change.patient_id for change in changes if change.patient_id is not None]
        self._before = {} if self._log.refused else outlooks(ids)

    def saved(
        self,
        changes: Sequence[RecordChange],
        saved: Sequence[SavedRecord],
        before: Mapping[int, RecordState],
    ) -> None:
        """Derive what will stand."""
        if self._log.refused:
            return
        after = outlooks([one.patient_id for one in saved])
        for change, one in zip(changes, saved, strict=True):
            state = before.get(one.patient_id)
            self._compare(_record_id(change, state), one, after.get(one.patient_id))

    def _compare(self, who: str, saved: SavedRecord, after: slots.Outlook | None) -> None:
        before = self._before.get(saved.patient_id)
        self.moves[f"{_eligible(before, saved.created)}>{_eligible(after, False)}"] += 1
        differs = (before and asdict(before)) != (after and asdict(after))
        pfs_differs = _pfs(before) != _pfs(after)
        self.pfs_changed += pfs_differs and not saved.created
        self.pages.add(
            "effect" if differs else "steady",
            {
                "who": who,
                "created": saved.created,
                "before": before and asdict(before),
                "after": after and asdict(after),
                "eligible_differs": (before and before.eligible) != (after and after.eligible),
                "pfs_differs": pfs_differs,
            },
        )

    @property
    def effect(self) -> dict[str, Any]:
        """Numbers of the effect: how eligibility moves, and how many saved records' PFS change."""
        return {"moves": dict(self.moves), "pfs_changed": self.pfs_changed}


def outlooks(patient_ids: Sequence[int]) -> Outlooks:
    """What is derived of these records as they stand in the open transaction."""
    found: Outlooks = {}
    for derived in slots.outlooks if patient_ids else ():
        found |= derived(patient_ids)
    return found


def _eligible(outlook: slots.Outlook | None, created: bool) -> str:
    if outlook is None:
        return "new" if created else "left out"
    return outlook.eligible


def _pfs(outlook: slots.Outlook | None) -> tuple[str, int | None, str]:
    return (outlook.pfs, outlook.pfs_days, outlook.end) if outlook else ("", None, "")


def _record_id(change: RecordChange, state: RecordState | None) -> str:
    if state is not None:
        return str(state.patient.values.get(RECORD_ID) or "")
    first = next(row for row in change.rows if row.form == PATIENTS.name)
    return str(first.values.get(RECORD_ID) or "")


def _row_item(
    row: BundleRow, change: RowChange | None, existing: RecordState | None
) -> tuple[str, Item]:
    """Stream and item of one row of the bundle."""
    place = {"file": row.origin.file, "line": row.origin.line, "form": row.form.title}
    if change is None:
        given = sum(value is not None for value in row.values.values())
        return "unchanged", {**place, "cells": [], "equal": given}
    saved = _saved_row(change, existing)
    stream = "new" if saved is None else "retracted" if change.retract else "changed"
    cells = list(_cells(row.form, change, saved))
    if change.retract:
        was = "" if saved is None else "Final"
        cells.append([_LABELS["status"], was, "Retracted"])
    equal = sum(1 for name in row.values if name not in change.values and name != RECORD_ID)
    return stream, {**place, "cells": cells, "equal": equal if saved else 0}


def _saved_row(change: RowChange, existing: RecordState | None) -> Row | None:
    if existing is None or (change.row_id is None and change.form != PATIENTS.name):
        return None
    if change.form == PATIENTS.name:
        return existing.patient
    return next((r for r in existing.rows[change.form] if r.id == change.row_id), None)


def _cells(form: Form, change: RowChange, saved: Row | None) -> Iterable[list[str]]:
    """Label, old and new of every cell that will be written."""
    for name, value in change.values.items():
        old = saved.values.get(name) if saved else None
        if saved is None and value is None:
            continue
        field = form.by_name.get(name)
        yield [label_of(form, name), _shown(field, old), _shown(field, value)]


def label_of(form: Form, name: str) -> str:
    """How a column is called on pages."""
    field = form.by_name.get(name)
    return field.label if field else _LABELS.get(name, name)


def _shown(field: Field | None, value: Value) -> str:
    if field is None:
        return "" if value is None else str(value)
    return display_value(field, value)


def add_findings(pages: Pages, log: FindingLog) -> None:
    """The findings of an import: for its report, and the hard ones among the cells."""
    for found in (*log.listed("hard"), *log.listed("soft")):
        pages.add(FINDINGS, asdict(found))
        if found.severity == "hard":
            pages.add("error", _error_item(found))


def _error_item(found: ImportFinding) -> Item:
    form = FORMS.get(found.file.removesuffix(".csv"))
    label = label_of(form, found.column) if form else found.column
    place = {"who": "", "file": found.file, "line": found.row, "form": form.title if form else ""}
    return {**place, "cells": [[label, "", found.message]], "check": found.check, "equal": 0}
