"""Showing direct identifiers once to somebody who sees them masked; each time is an audit event."""

from __future__ import annotations

from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction
from django.utils.translation import gettext as _

from centers.access import Scope, acting, revealing
from centers.audit import EventKind, record_event
from centers.roles import Permission
from patients.labels import display_value
from patients.models import Patient
from patients.queries.records import load_records
from patients.rules.dictionary import PATIENTS

REVEALED = ("birth_date", "mrn", "initials")


class Erased(ObjectDoesNotExist):
    """There is nothing to show: the identifiers were erased at the person's request."""


def reveal_identifiers(*, actor: Scope, patient: Patient, reason: str) -> list[tuple[str, str]]:
    """Terms and values, the record ID first; the event stands or falls with the reading.

    Raises PermissionDenied, ValueError (no reason) and Erased.
    """
    actor.require(Permission.REVEAL_IDENTIFIERS, patient.center_id)
    if not reason.strip():
        raise ValueError("a reveal needs its reason")
    with acting(revealing(actor, patient.pk)), transaction.atomic():
        record_event(
            EventKind.REVEAL,
            {"reason": reason.strip()},
            center_id=patient.center_id,
            patient_id=patient.pk,
        )
        state = load_records([patient.pk])[patient.pk]
        if state.erased:
            raise Erased
        values = state.patient.values
        shown = [(PATIENTS.by_name[name], values.get(name)) for name in REVEALED]
        return [
            (_("Record ID"), str(values["record_id"])),
            *((_(field.label), display_value(field, value)) for field, value in shown),
        ]
