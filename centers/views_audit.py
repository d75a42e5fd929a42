"""The audit review: findings, their sign-off, and what one person did at the reader's centers."""

from __future__ import annotations

import uuid
from datetime import date

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from centers.access import required_scope, requires
from centers.actions.audit_review import sign_off
from centers.confirmation import confirmed
from centers.event_words import lines_of
from centers.models import AuditEvent, Center, User
from centers.queries.events import DEFAULT_DAYS, ROW_KINDS, EventFilters, center_events
from centers.queries.review import (
    STATES,
    Finding,
    ReviewFilters,
    find,
    finders,
    reviews_of,
)
from centers.roles import Permission
from centers.views_events import PAGE_SIZE, event_download, events_context

_TAB = {"section": "monitoring", "tab": "audit_review"}


def _review_centers() -> list[Center]:
    """Centers whose audit trail the reader reviews."""
    ids = required_scope().permitted.get(Permission.REVIEW_AUDIT, frozenset())
    return list(Center.objects.filter(id__in=ids).order_by("code"))


@require_safe
@requires(Permission.REVIEW_AUDIT)
def audit_review(request: HttpRequest) -> HttpResponse:
    """The worklist: findings of a period, open ones first asked for."""
    centers = _review_centers()
    filters = ReviewFilters.read(request.GET, centers)
    found = find(filters.center_ids(centers), filters.start, filters.end, kind=filters.kind)
    shown = [finding for finding in found if filters.lets_through(finding)]
    context = {
        "filters": filters,
        "centers": centers,
        "finders": finders(),
        "states": STATES,
        "open_count": sum(finding.state != "signed" for finding in found),
        "signed_count": sum(finding.state == "signed" for finding in found),
        "page": Paginator(shown, PAGE_SIZE).get_page(request.GET.get("page")),
    }
    return render(request, "centers/audit_review.html", _TAB | context)


def _finding_or_404(kind: str, center: uuid.UUID, user: uuid.UUID, day: date) -> Finding:
    """What stands now of a finding at a center that the reader reviews."""
    own = next((c for c in _review_centers() if c.public_id == center), None)
    person = User.objects.filter(public_id=user).first()
    if own is None or person is None or kind not in finders():
        raise Http404
    found = find([own.pk], day, day, kind=kind, actor=person)
    if not found:
        raise Http404
    return found[0]


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.REVIEW_AUDIT)
def audit_finding(
    request: HttpRequest, kind: str, center: uuid.UUID, user: uuid.UUID, day: date
) -> HttpResponse:
    """One finding with its events; a reviewer signs it off with a note."""
    finding = _finding_or_404(kind, center, user, day)
    problem = _sign(request, finding) if request.method == "POST" else ""
    if request.method == "POST" and not problem:
        messages.success(request, _("The finding is signed off."))
        return redirect("audit_finding", kind, center, user, day)
    events = AuditEvent.objects.filter(id__in=finding.event_ids)
    page = Paginator(events.select_related("actor").order_by("-id"), PAGE_SIZE)
    shown = page.get_page(request.GET.get("page"))
    context = {
        "finding": finding,
        "page": shown,
        "lines": lines_of(list(shown.object_list)),
        "reviews": reviews_of(finding.center, finding.key),
        "problem": problem,
        "note": request.POST.get("note", ""),
    }
    status = 422 if problem else 200
    return render(request, "centers/audit_finding.html", _TAB | context, status=status)


def _sign(request: HttpRequest, finding: Finding) -> str:
    """Sign off as sent; what is wrong in words, or nothing."""
    sent = request.POST.get("events", "")
    try:
        sign_off(
            actor=required_scope(),
            kind=finding.finder.kind,
            center=finding.center,
            user=finding.user,
            day=finding.day,
            events=int(sent) if sent.isdecimal() and len(sent) < 10 else 0,
            note=request.POST.get("note", ""),
        )
    except ValidationError as error:
        return " ".join(error.messages)
    return ""


@require_safe
@requires(Permission.REVIEW_AUDIT)
@confirmed
def audit_finding_download(
    request: HttpRequest, kind: str, center: uuid.UUID, user: uuid.UUID, day: date, form: str
) -> HttpResponseBase:
    """The events of a finding as a file."""
    finding = _finding_or_404(kind, center, user, day)
    events = AuditEvent.objects.filter(id__in=finding.event_ids).select_related("actor")
    detail = {"page": "audit_finding", "kind": kind}
    return event_download(
        events.order_by("-id"), f"finding-{kind}-{day}", form, detail, center_id=finding.center.pk
    )


def _person_events(user: uuid.UUID) -> tuple[User, frozenset[int]]:
    """A person who appears in the trail of the centers that the reader reviews, and these centers."""
    person = get_object_or_404(User, public_id=user)
    centers = required_scope().permitted.get(Permission.REVIEW_AUDIT, frozenset())
    if not center_events(centers).filter(actor=person).exists():
        raise Http404
    return person, centers


@require_safe
@requires(Permission.REVIEW_AUDIT)
def audit_user(request: HttpRequest, user: uuid.UUID) -> HttpResponse:
    """What one person wrote and read at the reader's centers."""
    person, centers = _person_events(user)
    filters = EventFilters.read(request.GET, ROW_KINDS, days=DEFAULT_DAYS)
    events = filters.narrow(center_events(centers).filter(actor=person), ROW_KINDS)
    context = {
        "person": person,
        "kinds": ROW_KINDS,
        "centers": _review_centers(),
        **events_context(request, filters, events),
    }
    return render(request, "centers/audit_user.html", _TAB | context)


@require_safe
@requires(Permission.REVIEW_AUDIT)
@confirmed
def audit_user_download(request: HttpRequest, user: uuid.UUID, form: str) -> HttpResponseBase:
    """The same events as a file."""
    person, centers = _person_events(user)
    filters = EventFilters.read(request.GET, ROW_KINDS, days=DEFAULT_DAYS)
    events = filters.narrow(center_events(centers).filter(actor=person), ROW_KINDS)
    detail = {"page": "audit_user", "account": person.pk}
    return event_download(events, "events-of-a-person", form, detail)
