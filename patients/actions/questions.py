"""Soft findings as queries: confirmed with a reason, or open for the site; closed when they are gone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from django.utils import timezone

from patients.actions.changes import Refused
from patients.actions.pending import PendingRecord
from patients.query_models import Query, QueryMessage
from patients.rules.record import Finding

Key = tuple[int, str, str, int | None, str]
Findings = Mapping[int, Sequence[Finding]]

CHECK: Final = "check"
# Asked only when certain fields change: that they were not found again says nothing.
BETWEEN_RECORDS: Final = ("duplicate.person", "duplicate.mrn", "person.vital_status")
RESOLVED: Final = "Closed by itself: the record no longer raises it"
RETURNED: Final = "Opened again: the record raises it once more"


@dataclass(frozen=True, slots=True)
class Questions:
    """What a batch asks: `asked` before, by key; `fresh` now, by patient id."""

    asked: Mapping[Key, Query]
    fresh: Findings


@dataclass(slots=True)
class _Changes:
    """Rows of queries and of their threads to be written."""

    made: list[Query] = field(default_factory=list)
    changed: list[Query] = field(default_factory=list)
    told: list[QueryMessage] = field(default_factory=list)

    def tell(self, query: Query, act: str, text: str, actor_id: int) -> None:
        self.told.append(
            QueryMessage(
                center_id=query.center_id,
                patient_id=query.patient_id,
                query=query,
                act=act,
                text=text,
                author_id=actor_id,
            )
        )

    def write(self) -> None:
        if self.made:
            Query.objects.bulk_create(self.made)
        if self.changed:
            names = ["stands", "closed_at", "closed_by", "closing_note", "confirmed_reason"]
            Query.objects.bulk_update(self.changed, [*names, "answered_at", "reopened_at"])
        if self.told:
            QueryMessage.objects.bulk_create(self.told)


def new_questions(batch: Sequence[PendingRecord], found: Findings) -> Questions:
    """The soft findings nobody was asked about: the row is written, or it is new or came back.

    A finding that was confirmed or opened before is not raised again by a change elsewhere.
    """
    written = {id(w.row) for record in batch for w in record.written()}
    patients = [r.patient_id for r in batch if not r.is_new and r.patient_id in found]
    asked = {}
    if patients:
        stored = Query.objects.filter(patient_id__in=patients, kind=CHECK).order_by("id")
        asked = {_key_of(query): query for query in stored}
    fresh = {
        patient: asking
        for patient, findings in found.items()
        if (asking := [f for f in findings if id(f.row) in written or _is_new(patient, f, asked)])
    }
    return Questions(asked, fresh)


def _is_new(patient_id: int, finding: Finding, asked: Mapping[Key, Query]) -> bool:
    before = asked.get(_key(patient_id, finding))
    return before is None or not before.stands


def require_confirmed(findings: Iterable[Finding], confirmed: Mapping[str, str] | None) -> None:
    """Raises Refused with the soft findings that have no reason; None asks for none."""
    if confirmed is None:
        return
    left = [f for f in findings if not confirmed.get(f.check, "").strip()]
    if left:
        raise Refused(left)


def save_questions(
    batch: Sequence[PendingRecord],
    questions: Questions,
    found: Findings,
    confirmed: Mapping[str, str] | None,
    actor_id: int,
) -> None:
    """Keep the findings: closed with the person's reason, or open. Rows must have their ids.

    One query a finding, whenever it is found again. What is no longer found closes by itself.
    """
    now, changes = timezone.now(), _Changes()
    centers = {record.patient_id: record.center_id for record in batch}
    touched = {id(w.row): w.changed for record in batch for w in record.written()}
    for patient, findings in questions.fresh.items():
        for f in findings:
            reason = (confirmed or {}).get(f.check, "").strip()
            before = questions.asked.get(_key(patient, f))
            if before is None:
                query = _query(centers[patient], patient, f, actor_id)
                query.confirmed_reason, query.closed_at = reason, now if reason else None
                changes.made.append(query)
            elif reason:
                _confirm(changes, before, reason, actor_id, now)
            elif not before.stands or f.field in touched.get(id(f.row), ()):
                _reopen(changes, before, actor_id, now)
    standing = {_key(patient, f) for patient, findings in found.items() for f in findings}
    for key, query in questions.asked.items():
        if key not in standing and query.stands and query.check_id not in BETWEEN_RECORDS:
            _resolve(changes, query, actor_id, now)
    changes.write()


def _query(center_id: int, patient_id: int, f: Finding, actor_id: int) -> Query:
    return Query(
        center_id=center_id,
        patient_id=patient_id,
        kind=CHECK,
        check_id=f.check,
        form_name=f.form,
        row_id=f.row.id,
        field_name=f.field,
        message=f.message,
        opened_by_id=actor_id,
    )


def _confirm(changes: _Changes, query: Query, reason: str, actor_id: int, now: datetime) -> None:
    if query.closed_at is None:
        changes.tell(query, "closed", reason, actor_id)
    query.stands, query.confirmed_reason = True, reason
    query.closed_at, query.closed_by_id, query.closing_note = now, None, ""
    changes.changed.append(query)


def _reopen(changes: _Changes, query: Query, actor_id: int, now: datetime) -> None:
    if query.closed_at is not None:
        changes.tell(query, "reopened", RETURNED, actor_id)
        query.reopened_at, query.answered_at = now, None
        query.closed_at, query.closed_by_id, query.closing_note = None, None, ""
        query.confirmed_reason = ""
    query.stands = True
    changes.changed.append(query)


def _resolve(changes: _Changes, query: Query, actor_id: int, now: datetime) -> None:
    query.stands = False
    if query.closed_at is None:
        changes.tell(query, "closed", RESOLVED, actor_id)
        query.closed_at, query.closing_note = now, RESOLVED
    changes.changed.append(query)


def _key(patient_id: int, finding: Finding) -> Key:
    return (patient_id, finding.check, finding.form, finding.row.id, finding.field)


def _key_of(query: Query) -> Key:
    return (query.patient_id, query.check_id, query.form_name, query.row_id, query.field_name)
