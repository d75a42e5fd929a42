"""Identifiers of one record: revealed once, erased for ever; and the record itself, retired."""

from __future__ import annotations

import uuid
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from centers.access import required_scope, requires
from centers.audit import EventKind, record_event
from centers.confirmation import confirmed
from centers.limits import is_over_limit
from centers.roles import Permission
from patients.actions.changes import Conflict, Refused
from patients.actions.erasure import AlreadyErased, erase_identifiers
from patients.actions.retirement import LinkedRecords, restore_record, retire_record
from patients.actions.reveal import reveal_identifiers
from patients.forms.acts import (
    ERASE_REASONS,
    RESTORE_REASONS,
    RETIRE_REASONS,
    REVEAL_REASONS,
    ActForm,
    ErasureForm,
    read_act,
    read_erasure,
)
from patients.forms.page import Problem
from patients.labels import finding_text
from patients.models import Patient
from patients.queries.record_page import linked_records
from patients.views.shared import banner, erasure_of, record_or_404

REVEALS_AN_HOUR: Final = 30
REFUSED, CONFLICT, TOO_MANY = 422, 409, 429


def _record_with(permission: Permission, record: uuid.UUID) -> Patient:
    """The record, retired or not, if the reader has the right at its center: else 404 or 403."""
    patient = record_or_404(record, retired=True)
    required_scope().require(permission, patient.center_id)
    return patient


@require_http_methods(["GET", "POST"])
@requires(Permission.REVEAL_IDENTIFIERS)
@confirmed
def record_reveal(request: HttpRequest, record: uuid.UUID) -> HttpResponse:
    """Asks for the reason, then shows the identifiers in the answer to that one POST."""
    patient = _record_with(Permission.REVEAL_IDENTIFIERS, record)
    form, shown, status = ActForm(REVEAL_REASONS, _("Reveal")), [], 200
    if request.method == "POST" and erasure_of(patient) is None:
        form = read_act(request.POST, REVEAL_REASONS, _("Reveal"))
        if not form.is_valid:
            status = REFUSED
        elif _too_many_reveals(patient):
            status = TOO_MANY
        else:
            shown = reveal_identifiers(actor=required_scope(), patient=patient, reason=form.reason)
    context = {"page": form, "shown": shown, "is_limited": status == TOO_MANY}
    return render(request, "patients/record_reveal.html", banner(patient) | context, status=status)


def _too_many_reveals(patient: Patient) -> bool:
    if not is_over_limit("reveal", required_scope().actor_id, REVEALS_AN_HOUR):
        return False
    detail = {"refused": "more than allowed an hour"}
    record_event(EventKind.REVEAL, detail, center_id=patient.center_id, patient_id=patient.pk)
    return True


@require_http_methods(["GET", "POST"])
@requires(Permission.RETIRE_RECORDS)
@confirmed
def record_retire(request: HttpRequest, record: uuid.UUID) -> HttpResponse:
    """Retires a record that was created in error, or takes that back."""
    patient = _record_with(Permission.RETIRE_RECORDS, record)
    words = RESTORE_REASONS if patient.retracted else RETIRE_REASONS
    act = _("Restore") if patient.retracted else _("Retire")
    if request.method != "POST":
        form = ActForm(words, act, patient.version_row.version)
        return _show_retire(request, patient, form, 200)
    form = read_act(request.POST, words, act)
    if form.version is None:  # without it, an old page might undo what somebody just did
        form.others.append(Problem(_("Open this page again: it tells no version of the record")))
    if not form.is_valid:
        return _show_retire(request, patient, form, REFUSED)
    status = _retire(patient, form)
    if status is not None:
        return _show_retire(request, patient, form, status)
    restored = _("Record %(record)s is restored and counts again.")
    retired = _("Record %(record)s is retired and counts for nothing.")
    messages.success(
        request, (restored if patient.retracted else retired) % {"record": patient.registry_number}
    )
    return redirect("record_detail", record=patient.public_id)


def _retire(patient: Patient, form: ActForm) -> int | None:
    """Call the action; the status of a refusal, with its words on the form, or None."""
    act = restore_record if patient.retracted else retire_record
    try:
        act(
            actor=required_scope(),
            patient=patient,
            reason=form.reason,
            expected_version=form.version,
        )
    except LinkedRecords as refused:
        numbers = ", ".join(refused.numbers)
        form.others.append(
            Problem(_("Linked as a record of the same person: %(numbers)s") % {"numbers": numbers})
        )
    except Refused as refused:
        form.others += [
            Problem(text) for text in dict.fromkeys(map(finding_text, refused.findings))
        ]
    except Conflict as conflict:
        form.is_conflict, form.version = True, conflict.actual
        return CONFLICT
    else:
        return None
    return REFUSED


def _show_retire(
    request: HttpRequest, patient: Patient, form: ActForm, status: int
) -> HttpResponse:
    context = banner(patient) | {"page": form}
    return render(request, "patients/record_retire.html", context, status=status)


@require_http_methods(["GET", "POST"])
@requires(Permission.ERASE_IDENTIFIERS)
@confirmed
def record_erase(request: HttpRequest, record: uuid.UUID) -> HttpResponse:
    """Destroys the identifiers on request of the person; the registry number is typed as a safety."""
    patient = _record_with(Permission.ERASE_IDENTIFIERS, record)
    form, boxes, status = ActForm(ERASE_REASONS, _("Erase")), ErasureForm(), 200
    if request.method == "POST":
        form = read_act(request.POST, ERASE_REASONS, _("Erase"))
        boxes = read_erasure(request.POST, patient.registry_number, timezone.now().date())
        form.others += boxes.problems
        if form.is_valid and boxes.requested_on and _erase(patient, form, boxes):
            messages.success(request, _("The identifiers are erased."))
            return redirect("record_detail", record=patient.public_id)
        status = REFUSED
    context: dict[str, Any] = banner(patient)
    context |= {"page": form, "boxes": boxes, "linked": linked_records(patient)}
    return render(request, "patients/record_erase.html", context, status=status)


def _erase(patient: Patient, form: ActForm, boxes: ErasureForm) -> bool:
    assert boxes.requested_on is not None
    try:
        erase_identifiers(
            actor=required_scope(),
            patient=patient,
            requested_on=boxes.requested_on,
            reason=form.reason,
        )
    except AlreadyErased:
        form.others.append(Problem(_("The identifiers were erased before")))
        return False
    return True
