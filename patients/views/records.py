"""The record list, the search, and the page of one record."""

from __future__ import annotations

import uuid
from datetime import date

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _
from django.views.decorators.http import require_GET, require_POST, require_safe

from centers.access import required_scope, requires
from centers.limits import is_over_limit
from centers.models import Center
from centers.roles import Permission
from centers.session_limits import in_background
from patients import slots
from patients.actions.visits import note_visit
from patients.forms.baseline import ERASED, HIDDEN, baseline_sections
from patients.forms.dates import normalise_date
from patients.models import Patient
from patients.partial_dates import PartialDate
from patients.queries.completeness import FormState, form_states
from patients.queries.contacts import due_days
from patients.queries.data_queries import open_queries_of
from patients.queries.field_notes import annotate_cells
from patients.queries.finding import find_records, recent_records
from patients.queries.lists import (
    ELIGIBLE,
    STATUSES,
    ListFilters,
    filtered_records,
    visible_records,
)
from patients.queries.record_page import view_record
from patients.queries.record_work import record_work
from patients.queries.timeline import timeline
from patients.queries.timeline_figure import figure_of
from patients.rules.dictionary import DISEASES
from patients.templatetags.lists import GRID
from patients.views.shared import (
    banner,
    erasure_of,
    note_list_reading,
    note_reading,
    note_search,
    notes_beside_fields,
    record_or_404,
    sees_identifiers,
)

PAGE_SIZE = 50
# What the icons of the status grid say.
LEGEND = (
    ("none", _("None")),
    ("partial", _("Partial")),
    ("complete", _("Complete")),
    ("verified", _("Verified")),
    ("locked", _("Locked")),
    ("query", _("Open query")),
)
FINDS_AN_HOUR = 300


def _list_context(filters: ListFilters, centers: list[Center]) -> dict[str, object]:
    return {
        "section": "records",
        "tab": "record_list" if required_scope().may(Permission.EDIT_RECORDS) else "",
        "filters": filters,
        "centers": centers,
        "scope_centers": centers,
        "diseases": DISEASES,
        "eligibilities": ELIGIBLE,
        "statuses": [(status, gettext(words)) for status, words in STATUSES.items()],
        "columns": {form: gettext(heading) for form, heading in GRID.items()},
        "legend": [(state, gettext(words)) for state, words in LEGEND],
        "today": timezone.now().date(),
        "identified": required_scope().permitted.get(Permission.VIEW_IDENTIFIERS, frozenset()),
        "may_create": required_scope().may(Permission.EDIT_RECORDS),
    }


def _lines(records: list[Patient]) -> list[tuple[Patient, dict[str, FormState], date | None]]:
    """Each record with the cells of its line and the day of its next contact."""
    ids = [record.pk for record in records]
    states, due = form_states(ids), due_days(ids)
    return [(record, states[record.pk], due.get(record.pk)) for record in records]


def _own_centers() -> list[Center]:
    ids = required_scope().center_ids
    return list(Center.objects.filter(id__in=ids).order_by("code"))


@require_safe
@requires(Permission.VIEW_RECORDS)
def record_list(request: HttpRequest) -> HttpResponse:
    """All records of the reader's centers; filters and order are the page's address."""
    centers = _own_centers()
    filters = ListFilters.read(request.GET, {center.code for center in centers})
    page = Paginator(filtered_records(filters), PAGE_SIZE).get_page(request.GET.get("page"))
    shown = list(page.object_list)
    note_list_reading(shown)
    total = visible_records().count() if filters.is_narrowed else page.paginator.count
    context = {"page": page, "lines": _lines(shown), "total": total}
    return render(request, "patients/record_list.html", _list_context(filters, centers) | context)


@require_POST
@requires(Permission.VIEW_RECORDS)
def record_find(request: HttpRequest) -> HttpResponse:
    """Exact search; posted, so that no identifier stands in an address or a log."""
    text = request.POST.get("text", "").strip()
    if is_over_limit("find", required_scope().actor_id, FINDS_AN_HOUR):
        note_search([], refused="more than allowed an hour")
        context: dict[str, object] = {"section": "records"}
        return render(request, "patients/record_find_limit.html", context, status=429)
    found = list(find_records(text, required_scope(), _birth(text))[:PAGE_SIZE]) if text else []
    note_search(found)
    if len(found) == 1:
        return redirect("record_detail", record=found[0].public_id)
    note_list_reading(found)
    context = {"lines": _lines(found), "searched": text, "is_search": True}
    return render(
        request, "patients/record_list.html", _list_context(ListFilters(), _own_centers()) | context
    )


def _birth(text: str) -> PartialDate | None:
    """The text as a date, if it is one."""
    try:
        return PartialDate.parse(normalise_date(text))
    except ValueError:
        return None


@require_safe
@requires(Permission.VIEW_RECORDS)
def record_switch(request: HttpRequest) -> HttpResponse:
    """Go to a record: a page, or (`part`) its inside for the box that Ctrl+K opens."""
    recent = recent_records()
    note_list_reading(recent)
    context = {
        "section": "records",
        "recent": recent,
        "identified": required_scope().permitted.get(Permission.VIEW_IDENTIFIERS, frozenset()),
    }
    template = "patients/_switch.html" if "part" in request.GET else "patients/record_switch.html"
    return render(request, template, context)


@require_safe
@requires(Permission.VIEW_RECORDS)
def record_detail(request: HttpRequest, record: uuid.UUID) -> HttpResponse:
    """One record: outcome, timeline and every form's data."""
    patient = record_or_404(record, retired=True)
    identifiers = sees_identifiers(patient)
    if identifiers:
        note_reading("record", patient)
    note_visit(actor=required_scope(), patient=patient)
    view = view_record(patient, identifiers=identifiers)
    panels = [panel(patient.pk, view.links) for panel in slots.record_panels]
    queries = open_queries_of(patient.pk)
    notes = notes_beside_fields(patient, queries)
    annotate_cells(view, notes)
    events = timeline(view)
    context = {
        "view": view,
        "baseline": baseline_sections(
            view.state.patient,
            identifiers=identifiers,
            mask=ERASED if erasure_of(patient) else HIDDEN,
            notes=notes,
        ),
        "timeline": events,
        "figure": figure_of(events),
        "work": record_work(patient, view),
        "today": timezone.now().date(),
        "open_queries": queries,
        "panels": panels,
    }
    return render(request, "patients/record_detail.html", banner(patient, panels) | context)


@in_background
@require_GET
@requires(Permission.VIEW_RECORDS)
def record_outcome(request: HttpRequest, record: uuid.UUID) -> HttpResponse:
    """The parts of the record page that a recomputation changes; 204 while it is under way."""
    patient = record_or_404(record, retired=True)
    if any(panel(patient.pk, {}).recomputing for panel in slots.record_panels):
        return HttpResponse(status=204)
    view = view_record(patient, identifiers=False)
    panels = [panel(patient.pk, view.links) for panel in slots.record_panels]
    context = banner(patient, panels) | {"panels": panels, "is_fragment": True}
    return render(request, "patients/_record_outcome.html", context)
