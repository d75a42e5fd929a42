"""Who is in the cohort: Table 1, and how its patients responded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_safe

from analytics.charts.asked import asked_form
from analytics.charts.printed import PrintedFigure
from analytics.charts.responses import printed_responses
from analytics.charts.table_one import printed_table_one
from analytics.queries.asked import Asked, asking
from analytics.queries.responses import response_counts
from analytics.queries.table_one import table_one
from analytics.views.dashboards import show_figures
from centers.access import requires
from centers.roles import Permission

NO_RATES: Final = gettext_noop(
    "Withheld: response rates, since a response or its complement is below 11 records."
)


def build_table_one(asked: Asked, query: Mapping[str, Any]) -> PrintedFigure:
    """Table 1 of the eligible cohort."""
    return printed_table_one(table_one(asked.cutoff, **asked.reading))


def build_responses(asked: Asked, query: Mapping[str, Any]) -> PrintedFigure | None:
    """Response rates of treated records; None when withheld or without records."""
    return printed_responses(response_counts(asked.cutoff, **asked.reading) or {})


@require_safe
@requires(Permission.VIEW_COHORT, steady=True)
def cohort_description(request: HttpRequest) -> HttpResponse:
    """The cohort's characteristics and response rates."""
    with asking(request.GET) as asked:
        table = build_table_one(asked, request.GET)
        responses = build_responses(asked, request.GET)
    return show_figures(
        request,
        asked,
        asked_form(asked),
        tab="cohort_description",
        heading=_("Description of the cohort"),
        figures=[table, responses],
        about=(_(NO_RATES),) if asked.pooled and responses is None else (),
    )
