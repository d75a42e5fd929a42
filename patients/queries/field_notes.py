"""What stands beside a field: how its value changed, and the queries that ask about it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from django.db.models import Exists, OuterRef, Q
from django.urls import reverse
from django.utils.translation import gettext, ngettext

from centers.models import AuditEvent
from patients.labels import display_value
from patients.models import Patient
from patients.queries.data_queries import QueryLine
from patients.queries.history import FORM_OF_TABLE, event_values
from patients.queries.record_page import RecordView
from patients.rules.dictionary import FORMS, PATIENTS

# Form, key of the row, field.
FieldKey = tuple[str, int, str]
_COLUMNS: Final = (
    "actor",
    "at",
    "table_name",
    "row_id",
    "operation",
    "before",
    "after",
    "reason",
    "actor__full_name",
    "actor__username",
)


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One value that was entered (`old` is empty) or amended; `who` by full name."""

    at: datetime
    who: str
    old: str
    new: str
    reason: str
    is_entry: bool


@dataclass(slots=True)
class FieldNote:
    """What the button beside a field opens. `id` is unique in the page."""

    id: str
    label: str
    changes: list[FieldChange] = field(default_factory=list)
    queries: list[QueryLine] = field(default_factory=list)
    history: str = ""
    raising: str = ""

    @property
    def name(self) -> str:
        """The button for those who hear it: "Weight: 2 entries, 1 query"."""
        entries, queries = len(self.changes), len(self.queries)
        told = [
            ngettext("%(n)s entry", "%(n)s entries", entries) % {"n": entries} if entries else "",
            ngettext("%(n)s query", "%(n)s queries", queries) % {"n": queries} if queries else "",
        ]
        return f"{self.label}: {', '.join(filter(None, told))}"


Notes = Mapping[FieldKey, FieldNote]


def field_notes(
    patient: Patient, queries: Sequence[QueryLine], *, raising: bool
) -> dict[FieldKey, FieldNote]:
    """Notes of the fields that were amended or are asked about; one query for the whole record.

    `raising`: with links to ask about the field.
    """
    found: dict[FieldKey, FieldNote] = {}

    def note(key: FieldKey) -> FieldNote:
        form, row, name = key
        label = gettext(FORMS[form].by_name[name].label)
        return found.setdefault(key, FieldNote(f"note-{form}-{row}-{name}", label))

    for key, changes in _changes(patient).items():
        if any(not change.is_entry for change in changes):
            note(key).changes = changes
    for line in queries:
        asked = _asked(line, patient)
        if asked is not None:
            note(asked).queries.append(line)
    for (form, _, name), made in found.items():
        base = {"form": form, "field": name}
        made.history = f"{_page('record_history', patient)}?{urlencode(base)}"
        made.raising = f"{_page('query_raise', patient)}?{urlencode(base)}" if raising else ""
    return found


def _page(name: str, patient: Patient) -> str:
    return reverse(name, args=[patient.public_id])


def _asked(line: QueryLine, patient: Patient) -> FieldKey | None:
    query = line.query
    form = FORMS.get(query.form_name)
    row = patient.pk if form is PATIENTS else query.row_id
    if form is None or row is None or query.field_name not in form.by_name:
        return None
    return form.name, row, query.field_name


def _changes(patient: Patient) -> dict[FieldKey, list[FieldChange]]:
    """What was entered and amended in the rows that were ever amended, the newest first."""
    amended = AuditEvent.objects.filter(
        table_name=OuterRef("table_name"), row_id=OuterRef("row_id"), operation="update"
    )
    events = (
        AuditEvent.objects.filter(patient_id=patient.pk, table_name__in=FORM_OF_TABLE)
        .filter(Q(operation="update") | Exists(amended))
        .select_related("actor")
        .only(*_COLUMNS)
        .order_by("-id")
    )
    found: dict[FieldKey, list[FieldChange]] = defaultdict(list)
    for event in events:
        form = FORM_OF_TABLE[event.table_name]
        before = event_values(form, event.before or {}, {})
        after = event_values(form, event.after or {}, {})
        who = event.actor.full_name or event.actor.username
        for one in form.fields:
            old, new = before.get(one.name), after.get(one.name)
            if old != new:
                found[form.name, event.row_id or 0, one.name].append(
                    FieldChange(
                        event.at,
                        who,
                        display_value(one, old),
                        display_value(one, new),
                        event.reason or "",
                        event.operation == "insert",
                    )
                )
    return found


def annotate_cells(view: RecordView, notes: Notes) -> None:
    """Put the notes beside the cells of the record page's tables, with links to their rows."""
    for form in view.forms:
        for row in form.rows:
            for place, column in enumerate(form.columns):
                note = notes.get((form.form.name, row.row.id or 0, column.name))
                if note is not None:
                    lead_to_row(note, str(row.public_id))
                    row.cells[place] = replace(row.cells[place], note=note)


def lead_to_row(note: FieldNote, row: str) -> None:
    """The links of the note are about this row, by its public id."""
    note.history += f"&row={row}"
    note.raising += f"&row={row}" if note.raising else ""
