"""Verifying, signing, locking and printing a record."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_http_methods, require_safe

from centers.access import required_scope, requires
from centers.audit import EventKind, record_event
from centers.confirmation import confirmed_for_signing, spend_signing
from centers.roles import Permission
from patients.actions.locks import NotLocked, ReasonMissing, lock_records, unlock_record
from patients.actions.signatures import (
    PERMISSIONS,
    AlreadySigned,
    Meaning,
    NotVerified,
    RecordChanged,
    sign_record,
)
from patients.forms.baseline import baseline_sections
from patients.models import Patient
from patients.queries.data_queries import open_queries_of
from patients.queries.record_page import view_record
from patients.queries.signatures import meaning_text, newest_seal, record_hash
from patients.views.shared import banner, note_reading, record_or_404, sees_identifiers

REFUSED, CONFLICT = 422, 409
TEMPLATES = {
    Meaning.VERIFIED: "patients/record_verify.html",
    Meaning.APPROVED: "patients/record_sign.html",
}
DONE = {
    Meaning.VERIFIED: gettext_noop("The record is verified."),
    Meaning.APPROVED: gettext_noop("The record is signed."),
}


@require_http_methods(["GET", "POST"])
@requires(Permission.VERIFY_RECORDS)
@confirmed_for_signing
def record_verify(request: HttpRequest, record: uuid.UUID) -> HttpResponse:
    """The principal investigator says that the data were compared with the source."""
    return _sign_page(request, record, Meaning.VERIFIED)


@require_http_methods(["GET", "POST"])
@requires(Permission.SIGN_RECORDS)
@confirmed_for_signing
def record_sign(request: HttpRequest, record: uuid.UUID) -> HttpResponse:
    """The principal investigator approves a verified record."""
    return _sign_page(request, record, Meaning.APPROVED)


def _sign_page(request: HttpRequest, record: uuid.UUID, meaning: Meaning) -> HttpResponse:
    patient = record_or_404(record)
    required_scope().require(PERMISSIONS[meaning], patient.center_id)
    if request.method != "POST":
        return _show_signing(request, patient, meaning)
    try:
        sign_record(
            actor=required_scope(),
            center_id=patient.center_id,
            patient_id=patient.pk,
            meaning=meaning,
            shown_hash=request.POST.get("hash", ""),
        )
    except (RecordChanged, NotVerified, AlreadySigned) as refusal:
        return _show_signing(request, record_or_404(record), meaning, refusal)
    spend_signing(request)
    messages.success(request, _(DONE[meaning]))
    return redirect(reverse("record_detail", args=[record]) + "#signatures")


def _show_signing(
    request: HttpRequest, patient: Patient, meaning: Meaning, refusal: Exception | None = None
) -> HttpResponse:
    """The whole record, and the hash of exactly what is shown."""
    # The hash comes first: a change after it makes the two differ, and then nothing is signed.
    shown_hash = record_hash(patient.pk)
    note_reading(meaning.value, patient)
    context = _sheet(patient)
    context |= {
        "hash": shown_hash,
        "meaning": meaning_text(meaning.value),
        "standing": context["signing"].standing(meaning.value),
        "verified": context["signing"].standing(Meaning.VERIFIED.value),
        "has_changed": isinstance(refusal, RecordChanged),
    }
    return render(request, TEMPLATES[meaning], context, status=CONFLICT if refusal else 200)


def _sheet(patient: Patient) -> dict[str, Any]:
    """The banner's context and the whole record for reading."""
    identifiers = sees_identifiers(patient)
    view = view_record(patient, identifiers=identifiers)
    baseline = baseline_sections(view.state.patient, identifiers=identifiers)
    queries = open_queries_of(patient.pk)
    return {**banner(patient), "view": view, "baseline": baseline, "open_queries": queries}


@require_http_methods(["GET", "POST"])
@requires(Permission.LOCK_RECORDS)
def record_lock(request: HttpRequest, record: uuid.UUID) -> HttpResponse:
    """Locks the record, or opens its lock; the page says which, and asks for the reason."""
    patient = record_or_404(record)
    required_scope().require(Permission.LOCK_RECORDS, patient.center_id)
    if request.method != "POST":
        return render(request, "patients/record_lock.html", banner(patient))
    try:
        done = _lock_or_unlock(request, patient)
    except ReasonMissing:
        context = banner(patient) | {"reason_error": _("Give the reason")}
        return render(request, "patients/record_lock.html", context, status=REFUSED)
    except NotLocked:
        done = _("The record was unlocked already.")
    messages.success(request, done)
    return redirect("record_detail", record=record)


def _lock_or_unlock(request: HttpRequest, patient: Patient) -> str:
    """What the button said: a page opened before somebody else acted does not do the opposite."""
    scope, reason = required_scope(), request.POST.get("reason", "")
    if request.POST.get("act") == "unlock":
        unlock_record(
            actor=scope, center_id=patient.center_id, patient_id=patient.pk, reason=reason
        )
        return _("The record is unlocked.")
    locked = lock_records(actor=scope, patient_ids=[patient.pk], reason=reason)
    return _("The record is locked.") if locked else _("The record was locked already.")


@require_safe
@requires(Permission.VIEW_RECORDS)
def record_print(request: HttpRequest, record: uuid.UUID) -> HttpResponse:
    """The whole record on paper, with its signatures; printing is an event of the audit trail."""
    patient = record_or_404(record)
    detail = {"page": "record_print", "identifiers": sees_identifiers(patient)}
    record_event(EventKind.PRINT, detail, center_id=patient.center_id, patient_id=patient.pk)
    context = _sheet(patient) | {
        "printed_at": timezone.now(),
        "seal": newest_seal(),
        "program": settings.VERSION,
    }
    return render(request, "patients/record_print.html", context)
