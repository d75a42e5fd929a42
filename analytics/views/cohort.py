"""The cohort overview."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from analytics.charts.asked import asked_form
from analytics.charts.cohort import RECORDS, cohort_figure
from analytics.charts.overview import figures, rows
from analytics.queries.asked import asking
from analytics.queries.overview import overview
from analytics.views.asked import said
from centers.access import requires
from centers.roles import Permission


@require_safe
@requires(Permission.VIEW_COHORT, steady=True)
def cohort_overview(request: HttpRequest) -> HttpResponse:
    """The paper's figures and PFS: pooled for investigators, else the reader's own centers."""
    with asking(request.GET, curves_only=True) as asked:
        page = overview(asked.cutoff, **asked.reading)
    records = asked.analysis.records if asked.analysis.records in RECORDS else "eligible"
    by_disease = page.by_disease_released and asked.analysis.by == "disease"
    context = said(asked) | {
        "tab": "cohort_overview",
        "page": page,
        "figures": figures(page),
        "rows": rows(page),
        "drawing": cohort_figure(page.pfs, records, by_disease),
        "form": asked_form(asked, ("records", "by"), ("", "disease"), tuple(RECORDS)),
        "records": records,
        "by_disease": by_disease,
    }
    return render(request, "analytics/cohort_overview.html", context)
