"""Cumulative incidence of progression, with death as competing event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from analytics.charts.asked import asked_form
from analytics.charts.incidence import printed_incidence
from analytics.charts.printed import PrintedFigure
from analytics.charts.survival import GROUPINGS
from analytics.queries.asked import Asked, asking
from analytics.queries.incidence import incidence_counts
from analytics.queries.survival import Analysis, survival_groups
from analytics.views.dashboards import show_figures
from centers.access import requires
from centers.roles import Permission

SETS: Final = ("treated", "eligible")


def analysis_of(asked: Asked, query: Mapping[str, Any]) -> Analysis:
    """The asked groups, of treated records unless the eligible ones are asked for."""
    records = asked.analysis.records if query.get("records") in SETS else SETS[0]
    return Analysis("pfs", "primary", records, asked.analysis.by)


def _answer(asked: Asked, query: Mapping[str, Any]) -> tuple[PrintedFigure | None, str]:
    """The figure, or why it is withheld: who may see a curve of these groups may see this one."""
    analysis = analysis_of(asked, query)
    groups = survival_groups(analysis, asked.cutoff, **asked.reading)
    if groups.counts is None:
        return None, groups.withheld
    return printed_incidence(analysis, incidence_counts(analysis, asked.cutoff, asked.filters)), ""


def build_progression(asked: Asked, query: Mapping[str, Any]) -> PrintedFigure | None:
    """The figure of the page's address; None when withheld or without records."""
    return _answer(asked, query)[0]


@require_safe
@requires(Permission.VIEW_COHORT, steady=True)
def cohort_progression(request: HttpRequest) -> HttpResponse:
    """Who has progressed by when, where death comes first for some."""
    with asking(request.GET, curves_only=True) as asked:
        figure, withheld = _answer(asked, request.GET)
    shown = replace(asked, analysis=analysis_of(asked, request.GET))
    return show_figures(
        request,
        shown,
        asked_form(shown, ("records", "by"), tuple(GROUPINGS), SETS),
        tab="cohort_progression",
        heading=_("Progression"),
        figures=[figure],
        withheld=withheld,
        crosshair=True,
    )
