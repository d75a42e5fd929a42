"""The history of a record, of one of its rows, of one field; who looked at its identifiers."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from centers.access import required_scope, requires
from centers.confirmation import confirmed
from centers.queries.events import people_of
from centers.roles import Permission
from centers.views_events import event_download, events_context
from patients.models import Patient
from patients.queries.history import HISTORY_KINDS, HistoryFilters, fields_of, record_events
from patients.rules.dictionary import RECORD_FORMS
from patients.views.shared import banner, note_reading, record_or_404, sees_identifiers


def _record(record: uuid.UUID) -> Patient:
    """A record whose history the reader may see: else 404 or 403."""
    patient = record_or_404(record, retired=True)
    required_scope().require(Permission.VIEW_HISTORY, patient.center_id)
    return patient


@require_safe
@requires(Permission.VIEW_HISTORY)
def record_history(request: HttpRequest, record: uuid.UUID) -> HttpResponse:
    """Every event of the record in words, newest first; the banner shows identifiers."""
    patient = _record(record)
    if sees_identifiers(patient):
        note_reading("history", patient)
    filters = HistoryFilters.read(request.GET)
    unfiltered = record_events(patient, HistoryFilters.read({"kind": filters.events.kind}))
    context = {
        "history": filters,
        "kinds": HISTORY_KINDS,
        "forms": RECORD_FORMS,
        "fields": fields_of(filters.form) if filters.form else [],
        "people": people_of(unfiltered),
        **events_context(request, filters.events, record_events(patient, filters)),
    }
    return render(request, "patients/record_history.html", banner(patient) | context)


@require_safe
@requires(Permission.VIEW_HISTORY)
@confirmed
def record_history_download(request: HttpRequest, record: uuid.UUID, form: str) -> HttpResponseBase:
    """The same events as a file."""
    patient = _record(record)
    events = record_events(patient, HistoryFilters.read(request.GET))
    return event_download(
        events,
        f"history-{patient.registry_number}",
        form,
        {"page": "record_history"},
        center_id=patient.center_id,
        patient_id=patient.pk,
    )
