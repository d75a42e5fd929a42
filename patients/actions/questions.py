"""Soft findings become rows of patients_query: confirmed with a reason, or open for the site."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.utils import timezone

from patients.actions.changes import Refused
from patients.actions.pending import PendingRecord
from patients.models import Query
from patients.rules.record import Finding

Key = tuple[int, str, str, int | None, str]


def new_questions(
    batch: Sequence[PendingRecord], found: Mapping[int, Sequence[Finding]]
) -> dict[int, list[Finding]]:
    """By patient id the soft findings nobody was asked about: the row is written, or it is new.

    A finding that was confirmed or opened before is not raised again by a change elsewhere.
    """
    written = {id(w.row) for record in batch for w in record.written()}
    patients = [patient for patient, findings in found.items() if findings]
    if not patients:
        return {}
    asked = set(
        Query.objects.filter(patient_id__in=patients).values_list(
            "patient_id", "check_id", "form_name", "row_id", "field_name"
        )
    )
    return {
        patient: fresh
        for patient, findings in found.items()
        if (fresh := [f for f in findings if id(f.row) in written or _key(patient, f) not in asked])
    }


def require_confirmed(findings: Sequence[Finding], confirmed: Mapping[str, str] | None) -> None:
    """Raises Refused with the soft findings that have no reason; None asks for none."""
    if confirmed is None:
        return
    left = [f for f in findings if not confirmed.get(f.check, "").strip()]
    if left:
        raise Refused(left)


def save_questions(
    batch: Sequence[PendingRecord],
    questions: Mapping[int, Sequence[Finding]],
    confirmed: Mapping[str, str] | None,
    actor_id: int,
) -> None:
    """Keep the findings: closed with the person's reason, or open. Rows must have their ids."""
    centers = {record.patient_id: record.center_id for record in batch}
    now = timezone.now()
    Query.objects.bulk_create(
        Query(
            center_id=centers[patient],
            patient_id=patient,
            check_id=f.check,
            form_name=f.form,
            row_id=f.row.id,
            field_name=f.field,
            message=f.message,
            confirmed_reason=(confirmed or {}).get(f.check, "").strip(),
            opened_by_id=actor_id,
            closed_at=None if confirmed is None else now,
        )
        for patient, findings in questions.items()
        for f in findings
    )


def _key(patient_id: int, finding: Finding) -> Key:
    return (patient_id, finding.check, finding.form, finding.row.id, finding.field)
