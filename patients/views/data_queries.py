"""Queries to the sites: the list, a thread with what may be done next, and raising one."""

from __future__ import annotations

import uuid
from typing import Any, Final, Protocol

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from centers.access import Scope, required_scope, requires
from centers.models import Center
from centers.queries.events import read_uuid
from centers.roles import Permission
from patients.actions.data_queries import (
    MOST_LETTERS,
    NotPossible,
    QueryNotFound,
    Subject,
    TextMissing,
    answer_query,
    close_query,
    raise_query,
    reopen_query,
)
from patients.models import Patient
from patients.queries.data_queries import (
    AGES,
    STATES,
    QueryFilters,
    count_states,
    fields_asked,
    find_query,
    line_of,
    passing,
    place_of,
    thread_of,
    visible_queries,
)
from patients.queries.record_page import RowView, view_record
from patients.query_models import QUERY_KINDS, Query
from patients.rules.dictionary import FORMS, PATIENTS, Form
from patients.views.shared import banner, record_or_404

PAGE_SIZE: Final = 50
REFUSED: Final = 422


class _Act(Protocol):
    def __call__(
        self, *, actor: Scope, query: uuid.UUID, text: str, submission: uuid.UUID | None = None
    ) -> None: ...


@require_safe
@requires(Permission.VIEW_RECORDS)
def query_list(request: HttpRequest) -> HttpResponse:
    """Queries of the reader's centers; filters and order are the page's address."""
    ids = required_scope().center_ids
    centers = list(Center.objects.filter(id__in=ids).order_by("code"))
    filters = QueryFilters.read(request.GET, {center.code for center in centers})
    found = visible_queries(ids)
    page = Paginator(passing(found, filters), PAGE_SIZE).get_page(request.GET.get("page"))
    counts, now = count_states(found), timezone.now()
    context = {
        "section": "monitoring",
        "tab": "query_list",
        "page": page,
        "lines": [line_of(query, now) for query in page.object_list],
        "filters": filters,
        "centers": centers,
        "states": [(s, _(words), counts[s or "unclosed"]) for s, (words, __) in STATES.items()],
        "kinds": [(kind, _(words)) for kind, words in QUERY_KINDS.items()],
        "fields": fields_asked(found),
        "ages": [(age, _(words)) for age, (words, __) in AGES.items()],
        "total": counts["unclosed"],
    }
    return render(request, "patients/query_list.html", context)


def _found(query: uuid.UUID) -> Query:
    found = find_query(query, required_scope().center_ids)
    if found is None:
        raise Http404
    return found


@require_safe
@requires(Permission.VIEW_RECORDS)
def query_detail(request: HttpRequest, query: uuid.UUID) -> HttpResponse:
    """One query: what it is about, what was said, and the forms of what may be done next."""
    return _show(request, _found(query))


@require_POST
@requires(Permission.ANSWER_QUERIES)
def query_answer(request: HttpRequest, query: uuid.UUID) -> HttpResponse:
    """The site answers."""
    return _do(request, query, answer_query, _("Your answer is sent to the monitor."), _("Answer"))


@require_POST
@requires(Permission.MANAGE_QUERIES)
def query_close(request: HttpRequest, query: uuid.UUID) -> HttpResponse:
    """Nothing is open any more."""
    return _do(request, query, close_query, _("The query is closed."), _("Close query"))


@require_POST
@requires(Permission.MANAGE_QUERIES)
def query_reopen(request: HttpRequest, query: uuid.UUID) -> HttpResponse:
    """The site is asked again."""
    return _do(request, query, reopen_query, _("The query is open again."), _("Reopen query"))


def _do(request: HttpRequest, query: uuid.UUID, act: _Act, done: str, label: str) -> HttpResponse:
    """One act upon a query; without words the page says so and keeps nothing."""
    found = _found(query)
    try:
        act(
            actor=required_scope(),
            query=found.public_id,
            text=request.POST.get("text", ""),
            submission=_submission(request),
        )
    except TextMissing:
        return _show(request, found, missing=label)
    except NotPossible:
        messages.info(request, _("Nothing was done: somebody else was faster. See what they said."))
    else:
        messages.success(request, done)
    return redirect("query_detail", query=query)


def _submission(request: HttpRequest) -> uuid.UUID | None:
    try:
        return uuid.UUID(request.POST.get("submission", ""))
    except ValueError:
        return None


def _show(request: HttpRequest, query: Query, missing: str = "") -> HttpResponse:
    patient = query.patient
    view = view_record(patient, identifiers=False)
    place, label, value = place_of(query, view)
    context: dict[str, Any] = {
        "section": "monitoring",
        "line": line_of(query),
        "query": query,
        "patient": patient,
        "place": place,
        "place_label": label,
        "value": value,
        "thread": thread_of(query),
        "acts": _acts(query),
        "missing": missing,
        "most_letters": MOST_LETTERS,
        "submission": uuid.uuid4(),
    }
    return render(
        request, "patients/query_detail.html", context, status=REFUSED if missing else 200
    )


def _acts(query: Query) -> list[tuple[str, str, str]]:
    """What the reader may do next: (url name, label of the button, label of the box)."""
    scope, center = required_scope(), query.center_id
    acts = []
    if scope.may(Permission.ANSWER_QUERIES, center) and query.closed_at is None:
        acts.append(("query_answer", _("Answer"), _("Your answer")))
    if scope.may(Permission.MANAGE_QUERIES, center):
        if query.closed_at is None:
            acts.append(("query_close", _("Close query"), _("Why nothing is open any more")))
        if query.can_reopen:
            acts.append(("query_reopen", _("Reopen query"), _("What is still open")))
    return acts


@require_http_methods(["GET", "POST"])
@requires(Permission.MANAGE_QUERIES)
def query_raise(request: HttpRequest, record: uuid.UUID) -> HttpResponse:
    """A new query about the record, or about the row and field that the address names."""
    patient = record_or_404(record)
    required_scope().require(Permission.MANAGE_QUERIES, patient.center_id)
    form, row = _asked(request, patient)
    field = str(request.POST.get("field", request.GET.get("field", "")))
    field = field if form and field in form.by_name else ""
    error = ""
    if request.method == "POST":
        subject = Subject(patient, *_place(form, row, patient), field)
        text = request.POST.get("text", "")
        error = _raise(request, subject, text)
        if not error:
            return redirect("record_detail", record=record)
    context = {
        "form": form,
        "row": row,
        "fields": form.fields if form else (),
        "field": field,
        "error": error,
        "most_letters": MOST_LETTERS,
        "submission": request.POST.get("submission", str(uuid.uuid4())),
    }
    return render(
        request,
        "patients/query_raise.html",
        banner(patient) | context,
        status=REFUSED if error else 200,
    )


def _asked(request: HttpRequest, patient: Patient) -> tuple[Form | None, RowView | None]:
    """The form and the row of the page's address; a row that the record has not is 404."""
    form = FORMS.get(str(request.GET.get("form", "")))
    named = str(request.GET.get("row", ""))
    if form is None or form is PATIENTS or not named:
        return form, None
    public_id = read_uuid(named)
    row = view_record(patient, identifiers=False).row(form.name, public_id) if public_id else None
    if row is None:
        raise Http404
    return form, row


def _place(form: Form | None, row: RowView | None, patient: Patient) -> tuple[str, int | None]:
    if row is not None and form is not None:
        return form.name, row.row.id
    return (form.name, None) if form and form is not PATIENTS else (PATIENTS.name, patient.pk)


def _raise(request: HttpRequest, subject: Subject, text: str) -> str:
    """What is wrong with what was sent, or nothing."""
    try:
        raise_query(
            actor=required_scope(), subject=subject, text=text, submission=_submission(request)
        )
    except TextMissing:
        return _("Say what the site should look at")
    except QueryNotFound:
        raise Http404 from None
    messages.success(request, _("The query is sent to the center."))
    return ""
