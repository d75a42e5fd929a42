"""The audit trail of records in words: forms, rows, fields, old and new values; identifiers never."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from django.db.models import F, Func, Q, QuerySet, TextField, Value
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from centers.event_words import plain_changes
from centers.models import AuditEvent
from centers.queries.events import ONE_DAY, READINGS, ROW_KINDS, EventFilters, read_uuid
from centers.slots import Change, Described, Finder, RecordName
from patients.contact_models import CHANNELS, OUTCOMES, ContactAttempt
from patients.labels import date_text, display_value
from patients.models import ROW_MODELS, Course, Patient
from patients.partial_dates import PartialDate
from patients.queries.record_page import row_label
from patients.rules.dictionary import FORMS, PATIENTS, Field, Form
from patients.rules.record import Row
from patients.rules.values import InvalidValue, Missing, parse_value
from patients.rules.values import Value as FieldValue

READING_DAYS: Final = 90
IDENTITY_TABLE: Final = "patient_identity"
# The pseudo-field of everything that is sealed: it changed, and no page says to what.
IDENTIFIERS: Final = "identifiers"
SEALED_LABEL: Final = gettext_noop("Direct identifiers")
FORM_OF_TABLE: Final[dict[str, Form]] = {
    Patient._meta.db_table: PATIENTS,
    **{model._meta.db_table: FORMS[name] for name, model in ROW_MODELS.items()},
}
_TABLE_OF_FORM: Final = {form.name: table for table, form in FORM_OF_TABLE.items()}
_SEALED_FIELDS: Final = frozenset(f.name for f in PATIENTS.fields if f.field_class == "I")
# Where the column of a field has another name.
_COLUMN_OF: Final = {
    ("cycles", "course_number"): "course_id",
    (PATIENTS.name, IDENTIFIERS): "same_person_id",
}
# Columns that the event says in other words, or not at all.
_LEFT_OUT: Final = frozenset({"retracted", "missing", "same_person"})
_SIGNATURES: Final = ("patients_signature", "patients_lock")
_SIGNATURE_FIELDS: Final = {
    "meaning_text": gettext_noop("Meaning text"),
    "broken_reason": gettext_noop("Broken reason"),
    "reason": gettext_noop("Reason"),
    "unlock_reason": gettext_noop("Unlock reason"),
}
_QUERY_ACTS: Final = {
    "raised": gettext_noop("Query raised"),
    "answered": gettext_noop("Query answered"),
    "closed": gettext_noop("Query closed"),
    "reopened": gettext_noop("Query reopened"),
}

HISTORY_KINDS: Final = {name: ROW_KINDS[name] for name in ("entered", "amended", "retracted")} | {
    "signing": (gettext_noop("Signatures and locks"), Q(table_name__in=_SIGNATURES)),
    "readings": ROW_KINDS["readings"],
}


@dataclass(frozen=True, slots=True)
class HistoryFilters:
    """What the history of a record is narrowed to: `events`, and a form, one row of it, one field."""

    events: EventFilters
    form: Form | None = None
    row: uuid.UUID | None = None
    field: str = ""

    @classmethod
    def read(cls, query: Mapping[str, Any]) -> HistoryFilters:
        """From the page's address; what is not on the allow-lists counts as not given."""
        events = EventFilters.read(query, HISTORY_KINDS)
        if events.kind == "readings" and not (events.start or events.end):
            # Readings of lists are found by time, not by record.
            end = timezone.now().date()
            events = replace(events, start=end - (READING_DAYS - 1) * ONE_DAY, end=end)
        form = FORMS.get(str(query.get("form", "")))
        form = form if form and form.name in _TABLE_OF_FORM else None
        field = str(query.get("field", "")) if form else ""
        known = {name for name, __ in fields_of(form)} if form else set()
        row = read_uuid(query.get("row")) if form else None
        return cls(events, form, row, field if field in known else "")

    @property
    def is_narrowed(self) -> bool:
        """Whether any filter is set."""
        return self.events.is_narrowed or self.form is not None


def fields_of(form: Form) -> list[tuple[str, str]]:
    """Fields whose history can be asked for: (name, label); the sealed ones together."""
    fields = [(f.name, _(f.label)) for f in form.fields if f.name not in _SEALED_FIELDS]
    return [*fields, (IDENTIFIERS, _(SEALED_LABEL))] if form is PATIENTS else fields


def record_events(patient: Patient, filters: HistoryFilters) -> QuerySet[AuditEvent]:
    """Events of the record that pass, newest first: writes, or (kind `readings`) who looked."""
    if filters.events.kind == "readings":
        events = AuditEvent.objects.filter(center_id=patient.center_id).filter(
            Q(patient_id=patient.pk)
            | Q(patient_id=None, after__patient_ids__contains=patient.pk, operation__in=READINGS)
        )
        return filters.events.narrow(events, HISTORY_KINDS)
    events = AuditEvent.objects.filter(patient_id=patient.pk).exclude(table_name="")
    if filters.form:
        events = _of_form(events, filters)
    return filters.events.narrow(events, HISTORY_KINDS)


def _of_form(events: QuerySet[AuditEvent], filters: HistoryFilters) -> QuerySet[AuditEvent]:
    assert filters.form
    table = _TABLE_OF_FORM[filters.form.name]
    if filters.form is PATIENTS:
        events = events.filter(table_name__in=(table, IDENTITY_TABLE))
    else:
        events = events.filter(table_name=table)
        if filters.row:
            events = events.filter(after__public_id=str(filters.row))
    if not filters.field:
        return events
    column = _COLUMN_OF.get((filters.form.name, filters.field), filters.field)
    changed = Q(table_name=table) & ~Q(now=F("was"))
    if filters.field == IDENTIFIERS:
        changed |= Q(table_name=IDENTITY_TABLE)
    return events.alias(now=_cell("after", column), was=_cell("before", column)).filter(changed)


def _cell(side: str, column: str) -> Coalesce:
    """The column's value in a row of an event, or the coded reason in its place; '' for none."""

    def path(*names: str) -> Func:
        return Func(
            F(side),
            *(Value(name) for name in names),
            function="jsonb_extract_path_text",
            output_field=TextField(),
        )

    return Coalesce(path("missing", column), path(column), Value(""), output_field=TextField())


def describe_events(
    events: Sequence[AuditEvent], names: Mapping[int, RecordName]
) -> dict[int, Described]:
    """Events of the clinical tables in words; for centers.slots.describers."""
    known = [e for e in events if e.table_name in _DESCRIBED]
    if not known:
        return {}
    rows = [row for event in known for row in (event.before, event.after) if row]
    courses = _course_numbers(row.get("course_id") for row in rows)
    return {event.pk: _describe(event, names, courses) for event in known}


def _course_numbers(ids: Iterable[int | None]) -> dict[int, int]:
    wanted = {key for key in ids if key}
    rows = Course.objects.filter(id__in=wanted).values_list("id", "course_number")
    return dict(rows) if wanted else {}


def name_records(patient_ids: Collection[int]) -> dict[int, RecordName]:
    """Registry numbers and histories by patient id; for centers.slots.record_names."""
    if not patient_ids:
        return {}
    rows = Patient.objects.filter(id__in=patient_ids).values_list(
        "id", "registry_number", "public_id"
    )
    return {
        key: RecordName(number, reverse("record_history", args=[public_id]))
        for key, number, public_id in rows
    }


def _describe(
    event: AuditEvent, names: Mapping[int, RecordName], courses: Mapping[int, int]
) -> Described:
    if event.table_name in _SIGNATURES:
        return _describe_signature(event)
    if event.table_name == _QUERY_WORDS:
        told = event.after or {}
        said = Change(_("Text"), "", str(told.get("text", "")))
        return Described(
            _("Query"), (said,), action=_(_QUERY_ACTS.get(told.get("act", ""), "Query"))
        )
    if event.table_name == _ATTEMPT:
        return _describe_attempt(event)
    history = names.get(event.patient_id or 0)
    href = history.href if history else ""
    if event.table_name == IDENTITY_TABLE:
        word = _("entered (sealed)") if event.operation == "insert" else _("changed (sealed)")
        what = f"{href}?form=patients&field={IDENTIFIERS}" if href else ""
        return Described(_(SEALED_LABEL), (Change(_(SEALED_LABEL), "", word),), what)
    form = FORM_OF_TABLE[event.table_name]
    after = event.after or {}
    if form is PATIENTS:
        what, where = _(PATIENTS.title), "?form=patients"
    else:
        row = Row(form.name, event.row_id, event_values(form, after, courses))
        what, where = row_label(form, row), f"?form={form.name}&row={after.get('public_id')}"
    return Described(what, _changes(form, event, courses), href and href + where, _act(event))


def _act(event: AuditEvent) -> str:
    """Retracted or restored, where that is what the event did."""
    before = (event.before or {}).get("retracted")
    after = (event.after or {}).get("retracted")
    if before is None or before == after:
        return ""
    return _("Retracted") if after else _("Restored")


def _describe_attempt(event: AuditEvent) -> Described:
    """An attempt to reach the patient: day, way and outcome."""
    row = event.after or {}
    told = (
        (_("Day"), date_text(PartialDate.parse(row["attempted_on"]))),
        (_("Way"), _(CHANNELS.get(row["channel"], ""))),
        (_("Outcome"), _(OUTCOMES.get(row["outcome"], ""))),
    )
    changes = tuple(Change(label, "", value) for label, value in told)
    return Described(_("Attempt to reach the patient"), changes, action=_act(event))


def _describe_signature(event: AuditEvent) -> Described:
    """A signature or a lock: neither hashes nor numbers of seals."""
    is_lock = event.table_name == "patients_lock"
    begins = event.operation == "insert"
    lock = _("Locked") if begins else _("Unlocked")
    action = lock if is_lock else _("Signed")
    if not is_lock and not begins:
        action = _("Signature broken")
    after = event.after or {}
    told = tuple(
        Change(_(_SIGNATURE_FIELDS[name]), "", str(after[name]))
        for name in sorted(_SIGNATURE_FIELDS.keys() & after.keys())
        if after[name] and after[name] != (event.before or {}).get(name)
    )
    return Described(_("Record") if is_lock else "", told, action=action)


def _changes(form: Form, event: AuditEvent, courses: Mapping[int, int]) -> tuple[Change, ...]:
    """Every field that got another value, in the order of the dictionary; then other columns."""
    before = event_values(form, event.before or {}, courses)
    after = event_values(form, event.after or {}, courses)
    changes = [
        Change(_(field.label), display_value(field, old), display_value(field, new))
        for field in form.fields
        if field.name not in _SEALED_FIELDS
        and (old := before.get(field.name)) != (new := after.get(field.name))
    ]
    linked = [(row or {}).get("same_person_id") for row in (event.before, event.after)]
    if linked[0] != linked[1]:
        changes.append(Change(_(SEALED_LABEL), "", _("changed (sealed)")))
    known = {field.name for field in form.fields} | _LEFT_OUT
    rest = _copy(event, known)
    return (*changes, *plain_changes(rest))


def _copy(event: AuditEvent, left_out: Collection[str]) -> AuditEvent:
    """A copy of the event (never saved) whose rows lack some columns."""
    return AuditEvent(
        before=_without(event.before, left_out), after=_without(event.after, left_out)
    )


def _without(row: Mapping[str, Any] | None, names: Collection[str]) -> dict[str, Any] | None:
    return None if row is None else {k: v for k, v in row.items() if k not in names}


def event_values(
    form: Form, row: Mapping[str, Any], courses: Mapping[int, int]
) -> dict[str, FieldValue]:
    """The row of an event as values of the dictionary. `courses`: numbers by id, for cycles."""
    missing = row.get("missing") or {}
    values: dict[str, FieldValue] = {}
    for field in form.fields:
        if field.name in missing:
            values[field.name] = Missing(missing[field.name])
        elif field.name == "course_number" and "course_id" in row:
            values[field.name] = courses.get(row["course_id"])
        elif row.get(field.name) is not None:
            values[field.name] = _value(field, row[field.name])
    return {name: value for name, value in values.items() if value is not None}


def _value(field: Field, cell: Any) -> FieldValue:
    """A JSON value; one that no longer fits the dictionary is shown as it stands."""
    text = ";".join(map(str, cell)) if isinstance(cell, list) else str(cell)
    try:
        return parse_value(field, text)
    except InvalidValue:
        return text


_QUERY_WORDS: Final = "patients_query_message"
_ATTEMPT: Final = ContactAttempt._meta.db_table
_DESCRIBED: Final = frozenset(
    {*FORM_OF_TABLE, IDENTITY_TABLE, *_SIGNATURES, _QUERY_WORDS, _ATTEMPT}
)

NEAR_MINUTES: Final = 15
_NEAR_SIGNING: Final = """
select e.id, e.center_id, e.actor_id, e.at, e.patient_id from audit.event e
where e.at >= %(start)s and e.at < %(end)s and e.center_id = any(%(centers)s)
    and e.patient_id is not null and e.operation in ('insert', 'update')
    and e.table_name <> all(%(signing)s)
    and exists (select from audit.event s where s.patient_id = e.patient_id
        and s.table_name = any(%(signing)s) and s.operation = 'insert'
        and s.at between e.at - make_interval(mins => %(minutes)s)
            and e.at + make_interval(mins => %(minutes)s))
"""
NEAR_SIGNING: Final = Finder(
    "near_signing",
    gettext_noop("Changes around signing"),
    gettext_noop(
        "Rows written within %(minutes)s minutes before or after a signature or lock of the record."
    ),
    _NEAR_SIGNING,
    {"signing": list(_SIGNATURES), "minutes": NEAR_MINUTES},
)
