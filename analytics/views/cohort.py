"""The cohort overview."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from analytics.charts.cohort import RECORDS, cohort_figure
from analytics.charts.overview import figures, rows
from analytics.derivation.engine import RULE_SET, current_cutoff
from analytics.queries.overview import overview
from centers.access import acting, pooled, required_scope, requires
from centers.roles import Permission


@require_safe
@requires(Permission.VIEW_COHORT)
def cohort_overview(request: HttpRequest) -> HttpResponse:
    """The paper's figures and PFS: pooled for investigators, else the reader's own centers."""
    own = required_scope()
    wide = pooled(own)
    records = request.GET.get("records", "")
    records = records if records in RECORDS else "eligible"
    with acting(wide):
        page = overview(current_cutoff(), own_centers=wide is own)
    by_disease = page.by_disease_released and request.GET.get("by") == "disease"
    context = {
        "section": "cohort",
        "tab": "cohort_overview",
        "page": page,
        "pooled": wide is not own,
        "figures": figures(page),
        "rows": rows(page),
        "drawing": cohort_figure(page.pfs, records, by_disease),
        "records": records,
        "choices": RECORDS,
        "by_disease": by_disease,
        "rule_set": RULE_SET,
        "code_version": settings.VERSION,
    }
    return render(request, "analytics/cohort_overview.html", context)
