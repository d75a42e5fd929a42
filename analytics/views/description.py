"""Who is in the cohort: the flow diagram and Table 1."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from analytics.derivation.engine import current_cutoff
from analytics.queries.cohort import recomputing
from analytics.queries.flow import flow
from analytics.queries.table_one import DISEASES, table_one
from centers.access import acting, pooled, required_scope, requires
from centers.roles import Permission


@require_safe
@requires(Permission.VIEW_COHORT)
def cohort_description(request: HttpRequest) -> HttpResponse:
    """From registered records to the eligible cohort, and the cohort's characteristics."""
    own = required_scope()
    wide = pooled(own)
    cutoff = current_cutoff()
    with acting(wide):
        context = {
            "section": "cohort",
            "tab": "cohort_description",
            "flow": flow(cutoff, own_centers=wide is own),
            "table": table_one(cutoff, own_centers=wide is own),
            "recomputing": recomputing(cutoff),
            "diseases": DISEASES,
            "pooled": wide is not own,
            "cutoff": cutoff,
        }
    return render(request, "analytics/cohort_description.html", context)
