"""Data quality: completeness by center and form, centers side by side, open queries, unknowns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_safe

from analytics.charts.asked import asked_form
from analytics.charts.printed import PrintedFigure
from analytics.charts.quality import (
    POOLED,
    printed_centers,
    printed_completeness,
    printed_queries,
    printed_unknowns,
)
from analytics.queries.asked import Asked, asking
from analytics.queries.quality import completeness, pooled_completeness, quality
from analytics.views.dashboards import show_figures
from centers.access import requires
from centers.roles import Permission

MEMBERS: Final = gettext_noop(
    "Single centers, queries and unknown criteria are shown to members of the centers."
)
SMALL: Final = gettext_noop("A cell, or its complement, is below 11 rows.")


def quality_figures(asked: Asked) -> dict[str, PrintedFigure | None]:
    """All figures of the page by key; for readers without membership completeness of all centers as one."""
    if not asked.own_centers:
        pooled = pooled_completeness(asked.cutoff, asked.filters, asked.own_ids)
        return {"completeness": printed_completeness({POOLED: pooled}) if pooled else None}
    cells = completeness(asked.cutoff, asked.filters)
    found = quality(asked.cutoff, asked.filters)
    return {
        "completeness": printed_completeness(cells),
        "centers": printed_centers(found, cells),
        "queries": printed_queries(found),
        "unknowns": printed_unknowns(found.unknowns),
    }


def builder(key: str) -> Callable[[Asked, Mapping[str, Any]], PrintedFigure | None]:
    """What makes one figure of the page for its files."""
    return lambda asked, query: quality_figures(asked).get(key)


@require_safe
@requires(Permission.VIEW_COHORT, steady=True)
def cohort_quality(request: HttpRequest) -> HttpResponse:
    """How complete and current the records are."""
    with asking(request.GET, reasons=True) as asked:
        figures = quality_figures(asked)
    is_small = not asked.own_centers and figures["completeness"] is None
    return show_figures(
        request,
        asked,
        asked_form(asked),
        tab="cohort_quality",
        heading=_("Data quality"),
        figures=figures.values(),
        withheld=f"{_(SMALL)} {_(MEMBERS)}" if is_small else "",
        about=() if asked.own_centers else (_(MEMBERS),),
    )
