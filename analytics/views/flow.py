"""The flow diagram, and the records of each of its boxes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_safe

from analytics.charts.asked import asked_form
from analytics.charts.flow import printed_flow
from analytics.charts.printed import PrintedFigure
from analytics.derivation.wording import reason, resolving_entry
from analytics.queries.asked import Asked, asking
from analytics.queries.flow import CRITERIA, FIRST, Listed, flow, flow_reasons, flow_records
from analytics.views.asked import said
from analytics.views.dashboards import show_figures
from centers.access import requires
from centers.roles import Permission

PAGE_SIZE: Final = 50
VALUES: Final = {
    "yes": gettext_noop("met"),
    "no": gettext_noop("not met"),
    "unknown": gettext_noop("not known"),
}
LABELS: Final = {FIRST: gettext_noop("Registered"), **dict(CRITERIA)}


def build_flow(asked: Asked, query: Mapping[str, Any]) -> PrintedFigure:
    """The diagram for this reader."""
    found = flow(asked.cutoff, **asked.reading)
    reasons = flow_reasons(asked.cutoff, asked.filters) if asked.own_centers else {}
    return printed_flow(found, reasons, asked.query, linked=asked.own_centers)


@require_safe
@requires(Permission.VIEW_COHORT, steady=True)
def cohort_flow(request: HttpRequest) -> HttpResponse:
    """From registered to eligible records, with the reasons to leave; every n leads to its records."""
    with asking(request.GET, reasons=True) as asked:
        figure = build_flow(asked, request.GET)
    return show_figures(
        request, asked, asked_form(asked), tab="cohort_flow", heading=_("Flow"), figures=[figure]
    )


@require_safe
@requires(Permission.VIEW_COHORT, steady=True)
def cohort_flow_records(request: HttpRequest) -> HttpResponse:
    """The records of a box, or of a way out of it: those of the reader's own centers."""
    step, value = request.GET.get("step", FIRST), request.GET.get("value", "yes")
    if step not in LABELS or value not in VALUES:
        raise Http404
    text = request.GET.get("page", "")
    page = max(int(text), 1) if text.isdecimal() and len(text) < 7 else 1
    with asking(request.GET, reasons=True) as asked:
        listed, total = flow_records(
            asked.cutoff,
            step,
            value,
            **asked.reading,
            limit=PAGE_SIZE,
            skip=(page - 1) * PAGE_SIZE,
        )
    context = said(asked) | {
        "tab": "cohort_flow",
        "crumbs": [
            (f"{reverse('cohort_flow')}{'?' if asked.query else ''}{asked.query}", _("Flow"))
        ],
        "label": _(LABELS[step]),
        "value": "" if step == FIRST else _(VALUES[value]),
        "lines": [(one, *_words(step, one)) for one in listed],
        "total": total,
        "page": page,
        "pages": max(1, -(-total // PAGE_SIZE)),
        "base_query": urlencode(asked.parameters | {"step": step, "value": value}),
    }
    return render(request, "analytics/cohort_flow_records.html", context)


def _words(step: str, one: Listed) -> tuple[str, str]:
    """Why the criterion has its value, and the entry that would resolve it."""
    if step == FIRST:
        return "", ""
    entry = one.found["resolve"]
    return _(reason(one.found["reason"])), resolving_entry(step, entry, _) if entry else ""
