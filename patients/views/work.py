"""A coordinator's work: what would decide, queries, due contacts, drafts; and the contact log."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any, Final

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from centers.access import required_scope, requires
from centers.roles import Permission
from patients.actions.contacts import (
    ReasonMissing,
    log_attempt,
    retract_attempt,
    set_reminder,
)
from patients.contact_models import CHANNELS, OUTCOMES
from patients.forms.acts import read_attempt
from patients.models import ContactAttempt, Draft
from patients.queries.completeness import incomplete
from patients.queries.contacts import (
    attempts_of,
    count_due,
    due_day,
    due_lines,
    due_until,
    soon,
    wants_reminder,
)
from patients.queries.data_queries import STATES, visible_queries
from patients.queries.deciding import ENTRIES, counted, decisions, tasks_of
from patients.queries.lists import visible_records
from patients.views.shared import banner, editable_record, record_or_404

PAGE_SIZE: Final = 50
REFUSED: Final = 422


def _centers() -> frozenset[int]:
    """The centers where the reader enters data."""
    return required_scope().permitted.get(Permission.EDIT_RECORDS, frozenset())


@require_safe
@requires(Permission.EDIT_RECORDS)
def work_list(request: HttpRequest) -> HttpResponse:
    """What waits in the reader's centers: counts, and the entries that would decide an unknown."""
    centers, today = _centers(), timezone.now().date()
    found = decisions(centers)
    counts = counted(found)
    chosen = request.GET.get("entry", "")
    chosen = chosen if chosen in counts else next(iter(counts), "")
    waiting = [decision for decision in found if decision.entry == chosen]
    page = Paginator(waiting, PAGE_SIZE).get_page(request.GET.get("page"))
    overdue, later = count_due(today, centers)
    context = {
        "section": "records",
        "tab": "work_list",
        "records": len({decision.patient_id for decision in found}),
        "entries": [(entry, _(ENTRIES[entry]), number) for entry, number in counts.items()],
        "chosen": chosen,
        "page": page,
        "tasks": tasks_of(list(page.object_list)),
        "asking": visible_queries(centers).filter(STATES["asking"][1]).count(),
        "overdue": overdue,
        "soon": later,
        "partial": incomplete(visible_records().filter(center_id__in=centers)).count(),
        "drafts": Draft.objects.count(),
    }
    return render(request, "patients/work_list.html", context)


@require_safe
@requires(Permission.EDIT_RECORDS)
def due_list(request: HttpRequest) -> HttpResponse:
    """Contacts that are overdue or due within 30 days, the longest due first."""
    centers, today = _centers(), timezone.now().date()
    page = Paginator(due_until(soon(today), centers), PAGE_SIZE).get_page(request.GET.get("page"))
    overdue, later = count_due(today, centers)
    context = {
        "section": "records",
        "tab": "due_list",
        "page": page,
        "lines": due_lines(list(page.object_list), today),
        "overdue": overdue,
        "soon": later,
        "is_reminded": wants_reminder(required_scope().actor_id),
        "several": len(centers) > 1,
    }
    return render(request, "patients/due_list.html", context)


@require_POST
@requires(Permission.EDIT_RECORDS)
def reminder_set(request: HttpRequest) -> HttpResponse:
    """Switches the reader's weekly mail on or off."""
    is_wanted = request.POST.get("wanted") == "yes"
    set_reminder(actor=required_scope(), is_wanted=is_wanted)
    on, off = _("The weekly mail is on."), _("The weekly mail is off.")
    messages.success(request, on if is_wanted else off)
    return redirect("due_list")


@require_safe
@requires(Permission.VIEW_RECORDS)
def record_contacts(request: HttpRequest, record: uuid.UUID) -> HttpResponse:
    """Every attempt to reach the patient, and when the next contact is due."""
    patient = record_or_404(record)
    context = {
        "attempts": attempts_of(patient.pk),
        "due": due_day(patient.pk),
        "today": timezone.now().date(),
    }
    return render(request, "patients/record_contacts.html", banner(patient) | context)


@require_http_methods(["GET", "POST"])
@requires(Permission.EDIT_RECORDS)
def contact_create(request: HttpRequest, record: uuid.UUID) -> HttpResponse:
    """A new attempt to reach the patient."""
    patient = editable_record(record)
    today: date = timezone.now().date()
    form = read_attempt(request.POST if request.method == "POST" else None, today)
    context: dict[str, Any] = {
        "page": form,
        "channels": [(name, _(words)) for name, words in CHANNELS.items()],
        "outcomes": [(name, _(words)) for name, words in OUTCOMES.items()],
    }
    if request.method != "POST" or form.attempted_on is None or not form.is_valid:
        status = 200 if request.method != "POST" else REFUSED
        context |= banner(patient)
        return render(request, "patients/contact_create.html", context, status=status)
    log_attempt(
        actor=required_scope(),
        patient=patient,
        attempted_on=form.attempted_on,
        channel=form.channel,
        outcome=form.outcome,
        submission=form.submission,
    )
    messages.success(request, _("The attempt is kept."))
    return redirect("record_contacts", record=record)


@require_http_methods(["GET", "POST"])
@requires(Permission.EDIT_RECORDS)
def contact_retract(request: HttpRequest, record: uuid.UUID, contact: uuid.UUID) -> HttpResponse:
    """Takes back an attempt that was entered in error."""
    patient = editable_record(record)
    found = ContactAttempt.objects.filter(public_id=contact, patient=patient, retracted=False)
    attempt = found.first()
    if attempt is None:
        raise Http404
    error = ""
    if request.method == "POST":
        try:
            reason = request.POST.get("reason", "")[:500]
            retract_attempt(actor=required_scope(), attempt=attempt, reason=reason)
        except ReasonMissing:
            error = _("Give the reason")
        else:
            messages.success(request, _("The attempt is taken back."))
            return redirect("record_contacts", record=record)
    context = banner(patient) | {"attempt": attempt, "error": error}
    status = REFUSED if error else 200
    return render(request, "patients/contact_retract.html", context, status=status)
