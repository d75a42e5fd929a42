"""The swimmer plot, of the reader's own centers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_safe

from analytics.charts.asked import Choice, asked_form
from analytics.charts.printed import PrintedFigure
from analytics.charts.swimmer import printed_swimmer
from analytics.queries.asked import Asked, asking
from analytics.queries.swimmer import ORDERS, Lanes, swimmer_lanes
from analytics.views.dashboards import show_figures
from centers.access import requires
from centers.roles import Permission

WORDS: Final = {
    "duration": gettext_noop("Longest observed first"),
    "pfs": gettext_noop("Longest progression-free first"),
    "response": gettext_noop("Best response"),
    "center": gettext_noop("Center"),
}
NOT_ROWS: Final = gettext_noop("Single records are shown to members of their center alone.")


def _order(query: Mapping[str, Any]) -> str:
    asked = str(query.get("order", ""))
    return asked if asked in ORDERS else "duration"


def _lanes(asked: Asked, query: Mapping[str, Any]) -> Lanes:
    text = str(query.get("page", ""))
    page = int(text) if text.isdecimal() and len(text) < 7 else 1
    return swimmer_lanes(asked.cutoff, **asked.reading, order=_order(query), page=page)


def build_swimmer(asked: Asked, query: Mapping[str, Any]) -> PrintedFigure | None:
    """The lanes of the page's address; None without any."""
    return printed_swimmer(_lanes(asked, query))


@require_safe
@requires(Permission.VIEW_COHORT, steady=True)
def cohort_swimmer(request: HttpRequest) -> HttpResponse:
    """A lane for each treated record of the reader's own centers."""
    with asking(request.GET) as asked:
        lanes = _lanes(asked, request.GET)
    order = _order(request.GET)
    form = asked_form(asked)
    address = asked.parameters | ({"order": order} if order != "duration" else {})
    return show_figures(
        request,
        asked,
        form,
        tab="cohort_swimmer",
        heading=_("Swimmer plot"),
        figures=[printed_swimmer(lanes)],
        withheld="" if lanes.total or asked.own_centers else _(NOT_ROWS),
        choices=[
            Choice(
                "order",
                _("Order of lanes"),
                tuple((code, _(label)) for code, label in WORDS.items()),
                order,
            )
        ],
        template="analytics/cohort_swimmer.html",
        lanes=lanes,
        around=[page for page in (lanes.page - 1, lanes.page + 1) if 0 < page <= lanes.pages],
        query=urlencode(address | ({"page": str(lanes.page)} if lanes.page > 1 else {})),
        base_query=urlencode(address),
    )
