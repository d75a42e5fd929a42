"""Locks and signatures of many records."""

from __future__ import annotations

import uuid
from collections.abc import Collection

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from centers.access import required_scope, requires
from centers.models import Center
from centers.roles import Permission
from patients.actions.locks import ReasonMissing, lock_records
from patients.models import Patient
from patients.queries.signatures import signings_of
from patients.queries.worklists import (
    STATES,
    LockFilters,
    count_states,
    narrowed,
    records_by_state,
)

PAGE_SIZE = 50
REFUSED = 422


def _centers() -> list[Center]:
    """The centers whose records the reader reviews."""
    ids = required_scope().permitted.get(Permission.REVIEW_AUDIT, frozenset())
    return list(Center.objects.filter(id__in=ids).order_by("code"))


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.REVIEW_AUDIT)
def lock_list(request: HttpRequest) -> HttpResponse:
    """Records with their signatures and locks; chosen ones are locked in one step."""
    error = ""
    if request.method == "POST":
        error = _lock_chosen(request)
        if not error:
            return redirect(request.get_full_path())
    centers = _centers()
    filters = LockFilters.read(request.GET, {center.code for center in centers})
    return _show_locks(request, centers, filters, error)


def _lock_chosen(request: HttpRequest) -> str:
    """Lock what was ticked; what is wrong with the request, or nothing."""
    required_scope().require(Permission.LOCK_RECORDS)
    chosen = _uuids(request.POST.getlist("record"))
    found = Patient.objects.filter(public_id__in=chosen, retracted=False)
    ids = list(found.values_list("id", flat=True))
    if not chosen:
        return _("Choose the records to lock")
    if len(ids) < len(chosen):
        raise Http404
    try:
        reason = request.POST.get("reason", "")
        locked = lock_records(actor=required_scope(), patient_ids=ids, reason=reason)
    except ReasonMissing:
        return _("Give the reason")
    done = ngettext("%(n)s record is locked now.", "%(n)s records are locked now.", locked)
    messages.success(request, done % {"n": locked})
    return ""


def _uuids(texts: Collection[str]) -> set[uuid.UUID]:
    try:
        return {uuid.UUID(text) for text in texts}
    except ValueError:
        raise Http404 from None


def _show_locks(
    request: HttpRequest, centers: list[Center], filters: LockFilters, error: str
) -> HttpResponse:
    records = records_by_state([center.pk for center in centers])
    page = Paginator(narrowed(records, filters), PAGE_SIZE).get_page(request.GET.get("page"))
    counts = count_states(records, filters.center)
    shown = list(page.object_list)
    signings = signings_of([record.pk for record in shown])
    scope = required_scope()
    context = {
        "section": "monitoring",
        "tab": "lock_list",
        "page": page,
        "lines": [(record, signings[record.pk]) for record in shown],
        "filters": filters,
        "centers": centers,
        "states": [(state, _(words), counts[state]) for state, (words, __) in STATES.items()],
        "total": counts["locked"] + counts["unlocked"],
        "may_lock": scope.may(Permission.LOCK_RECORDS),
        "lockable": scope.permitted.get(Permission.LOCK_RECORDS, frozenset()),
        "may_verify": scope.permitted.get(Permission.VERIFY_RECORDS, frozenset()),
        "chosen": set(request.POST.getlist("record")),
        "error": error,
    }
    return render(request, "patients/lock_list.html", context, status=REFUSED if error else 200)
