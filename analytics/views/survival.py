"""Survival curves by group; the address is the view."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from analytics.charts.asked import asked_form
from analytics.charts.printed import PrintedFigure
from analytics.charts.survival import RATE_YEARS, printed_survival
from analytics.queries.asked import Asked, asking
from analytics.queries.survival import Groups, everyone, survival_groups
from analytics.views.asked import said
from centers.access import requires
from centers.roles import Permission


def read_groups(asked: Asked) -> Groups:
    """The groups of the view as this reader may see them; inside `asking`."""
    return survival_groups(asked.analysis, asked.cutoff, **asked.reading)


def build_survival(asked: Asked, query: Mapping[str, Any]) -> PrintedFigure | None:
    """The figure of the page's address; None when withheld or without records."""
    made = printed_survival(asked.analysis, read_groups(asked).counts or {})
    return made[1] if made else None


@require_safe
@requires(Permission.VIEW_COHORT, steady=True)
def cohort_survival(request: HttpRequest) -> HttpResponse:
    """Kaplan-Meier curves of PFS in four variants and of OS, by group."""
    with asking(request.GET, curves_only=True) as asked:
        groups = read_groups(asked)
    made = printed_survival(asked.analysis, groups.counts or {})
    context = said(asked) | {
        "tab": "cohort_survival",
        "form": asked_form(asked, ("endpoint", "variant", "records", "by")),
        "groups": groups,
        "drawing": made[0] if made else None,
        "figure": made[1] if made else None,
        "total": everyone(groups),
        "rate_years": RATE_YEARS,
    }
    return render(request, "analytics/cohort_survival.html", context)
