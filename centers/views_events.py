"""What every page of audit events shares: its list, and its file."""

from __future__ import annotations

from typing import Any, Final

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest

from centers.audit import EventKind, record_event
from centers.event_files import FORMATS, event_file
from centers.event_words import lines_of
from centers.models import AuditEvent
from centers.queries.events import EventFilters

PAGE_SIZE: Final = 50


def events_context(
    request: HttpRequest, filters: EventFilters, events: QuerySet[AuditEvent]
) -> dict[str, Any]:
    """`filters`, `page` and `lines` (the events of the page in words)."""
    page = Paginator(events, PAGE_SIZE).get_page(request.GET.get("page"))
    return {"filters": filters, "page": page, "lines": lines_of(list(page.object_list))}


def event_download(
    events: QuerySet[AuditEvent],
    name: str,
    form: str,
    detail: dict[str, Any],
    *,
    center_id: int | None = None,
    patient_id: int | None = None,
) -> FileResponse:
    """The events as a file, with the event that says so. Raises Http404 for an unknown format."""
    if form not in FORMATS:
        raise Http404
    response, count = event_file(events, name, form)
    detail = {**detail, "format": form, "events": count}
    try:
        record_event(EventKind.EXPORT, detail, center_id=center_id, patient_id=patient_id)
    except BaseException:
        response.close()
        raise
    return response
