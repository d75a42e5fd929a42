"""Monitors' lists: locks and signatures of many records, and open queries."""

from __future__ import annotations

import uuid
from collections.abc import Collection

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from centers.access import required_scope, requires
from centers.models import Center
from centers.roles import Permission
from patients.actions.closing import AlreadyClosed, NoteMissing, close_query
from patients.actions.locks import ReasonMissing, lock_records
from patients.models import Patient
from patients.queries.signatures import signings_of
from patients.queries.worklists import (
    AGES,
    STATES,
    LockFilters,
    QueryFilters,
    count_states,
    find_query,
    narrowed,
    open_checks,
    open_queries,
    passing,
    records_by_state,
)

PAGE_SIZE = 50
REFUSED = 422


def _centers(permission: Permission) -> list[Center]:
    """The centers where the reader holds the permission."""
    ids = required_scope().permitted.get(permission, frozenset())
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
    centers = _centers(Permission.REVIEW_AUDIT)
    filters = LockFilters.read(request.GET, {center.code for center in centers})
    return _show_locks(request, centers, filters, error)


def _lock_chosen(request: HttpRequest) -> str:
    """Lock what was ticked; what is wrong with the request, or nothing."""
    required_scope().require(Permission.LOCK_RECORDS)
    chosen = _uuids(request.POST.getlist("record"))
    found = Patient.objects.filter(public_id__in=chosen, retracted=False)
    ids = list(found.values_list("id", flat=True))
    if not chosen:
        return "Choose the records to lock"
    if len(ids) < len(chosen):
        raise Http404
    try:
        reason = request.POST.get("reason", "")
        locked = lock_records(actor=required_scope(), patient_ids=ids, reason=reason)
    except ReasonMissing:
        return "Give the reason"
    noun = "record is" if locked == 1 else "records are"
    messages.success(request, f"{locked} {noun} locked now.")
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
        "states": [(state, words, counts[state]) for state, (words, _) in STATES.items()],
        "total": counts["locked"] + counts["unlocked"],
        "may_lock": scope.may(Permission.LOCK_RECORDS),
        "lockable": scope.permitted.get(Permission.LOCK_RECORDS, frozenset()),
        "may_verify": scope.permitted.get(Permission.VERIFY_RECORDS, frozenset()),
        "chosen": set(request.POST.getlist("record")),
        "error": error,
    }
    return render(request, "patients/lock_list.html", context, status=REFUSED if error else 200)


@require_safe
@requires(Permission.MANAGE_QUERIES)
def query_list(request: HttpRequest) -> HttpResponse:
    """Open queries of the reader's centers, the oldest first."""
    centers = _centers(Permission.MANAGE_QUERIES)
    ids = [center.pk for center in centers]
    checks = open_checks(ids)
    filters = QueryFilters.read(request.GET, {center.code for center in centers}, checks)
    found = open_queries(ids)
    page = Paginator(passing(found, filters), PAGE_SIZE).get_page(request.GET.get("page"))
    now = timezone.now()
    context = {
        "section": "monitoring",
        "tab": "query_list",
        "page": page,
        "lines": [(query, (now - query.opened_at).days) for query in page.object_list],
        "filters": filters,
        "is_narrowed": any((filters.center, filters.check, filters.age)),
        "total": found.count(),
        "centers": centers,
        "checks": checks,
        "ages": [(age, words) for age, (words, _) in AGES.items()],
    }
    return render(request, "patients/query_list.html", context)


@require_http_methods(["GET", "POST"])
@requires(Permission.MANAGE_QUERIES)
def query_close(request: HttpRequest, query: uuid.UUID) -> HttpResponse:
    """One query, and the note that closes it."""
    ids = required_scope().permitted.get(Permission.MANAGE_QUERIES, frozenset())
    found = find_query(query, ids)
    if found is None:
        raise Http404
    context = {"section": "monitoring", "query": found, "patient": found.patient}
    if request.method != "POST":
        return render(request, "patients/query_close.html", context)
    try:
        close_query(actor=required_scope(), query=query, note=request.POST.get("note", ""))
    except NoteMissing:
        context["error"] = "Say why the query is closed"
        return render(request, "patients/query_close.html", context, status=REFUSED)
    except AlreadyClosed:
        messages.info(request, "Somebody else closed this query before.")
        return redirect("query_list")
    messages.success(request, "The query is closed.")
    return redirect("query_list")
