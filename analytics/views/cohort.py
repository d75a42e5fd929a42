"""The cohort overview."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from analytics.charts.asked import asked_form
from analytics.charts.cohort import cohort_figure
from analytics.charts.overview import figures, rows
from analytics.derivation.engine import RULE_SET
from analytics.queries.asked import asking
from analytics.queries.overview import overview
from centers.access import requires
from centers.roles import Permission


@require_safe
@requires(Permission.VIEW_COHORT)
def cohort_overview(request: HttpRequest) -> HttpResponse:
    """The paper's figures and PFS: pooled for investigators, else the reader's own centers."""
    with asking(request.GET, curves_only=True) as asked:
        page = overview(asked.cutoff, **asked.reading)
    by_disease = page.by_disease_released and asked.analysis.by == "disease"
    context = {
        "section": "cohort",
        "tab": "cohort_overview",
        "page": page,
        "asked": asked,
        "pooled": asked.pooled,
        "figures": figures(page),
        "rows": rows(page),
        "drawing": cohort_figure(page.pfs, asked.analysis.records, by_disease),
        "form": asked_form(asked, ("records", "by"), ("", "disease")),
        "by_disease": by_disease,
        "rule_set": RULE_SET,
        "code_version": settings.VERSION,
    }
    return render(request, "analytics/cohort_overview.html", context)
