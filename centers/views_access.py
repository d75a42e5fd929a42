"""The access log: accounts, roles, signing in, files; who had access to a center on a day."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from centers.access import requires
from centers.confirmation import confirmed
from centers.models import Center, User
from centers.queries.access_log import access_on
from centers.queries.events import (
    ACCESS_KINDS,
    DEFAULT_DAYS,
    EventFilters,
    access_events,
    access_events_of,
    read_day,
)
from centers.roles import Permission
from centers.views_events import event_download, events_context

_TAB = {"section": "administration", "tab": "access_log"}


def _who_had_access(request: HttpRequest, centers: list[Center]) -> dict[str, Any]:
    """The answer of the second form: `asked` (center, day) and `access`."""
    code, day = request.GET.get("access_center", ""), read_day(request.GET.get("access_day"))
    center = next((center for center in centers if center.code == code), None)
    if center is None or day is None:
        return {"asked_center": center, "asked_day": day}
    return {"asked_center": center, "asked_day": day, "access": access_on(center.pk, day)}


@require_safe
@requires(Permission.MANAGE_USERS)
def access_log(request: HttpRequest) -> HttpResponse:
    """Everything about access, newest first; a second form asks about one center and day."""
    filters = EventFilters.read(request.GET, ACCESS_KINDS, days=DEFAULT_DAYS)
    centers = list(Center.objects.order_by("code"))
    context = {
        "kinds": ACCESS_KINDS,
        "people": User.objects.order_by("full_name"),
        "all_centers": centers,
        **events_context(request, filters, filters.narrow(access_events(), ACCESS_KINDS)),
        **_who_had_access(request, centers),
    }
    return render(request, "centers/access_log.html", _TAB | context)


@require_safe
@requires(Permission.MANAGE_USERS)
@confirmed
def access_log_download(request: HttpRequest, form: str) -> HttpResponseBase:
    """The same events as a file."""
    filters = EventFilters.read(request.GET, ACCESS_KINDS, days=DEFAULT_DAYS)
    events = filters.narrow(access_events(), ACCESS_KINDS)
    return event_download(events, "access-log", form, {"page": "access_log"})


@require_safe
@requires(Permission.MANAGE_USERS)
def access_user(request: HttpRequest, user: uuid.UUID) -> HttpResponse:
    """One account: its sign-ins, refusals, roles and changes; nothing about any record."""
    person = get_object_or_404(User, public_id=user)
    filters = EventFilters.read(request.GET, ACCESS_KINDS)
    events = filters.narrow(access_events_of(person), ACCESS_KINDS)
    context = {
        "person": person,
        "kinds": ACCESS_KINDS,
        **events_context(request, filters, events),
    }
    return render(request, "centers/access_user.html", _TAB | context)


@require_safe
@requires(Permission.MANAGE_USERS)
@confirmed
def access_user_download(request: HttpRequest, user: uuid.UUID, form: str) -> HttpResponseBase:
    """The same events as a file."""
    person = get_object_or_404(User, public_id=user)
    filters = EventFilters.read(request.GET, ACCESS_KINDS)
    events = filters.narrow(access_events_of(person), ACCESS_KINDS)
    detail = {"page": "access_user", "account": person.pk}
    return event_download(events, "events-of-an-account", form, detail)
