"""Accrual by month and center."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_safe

from analytics.charts.accrual import printed_accrual
from analytics.charts.asked import Choice, asked_form
from analytics.charts.printed import PrintedFigure
from analytics.queries.accrual import DAYS, accrual_by_center, pooled_accrual
from analytics.queries.asked import Asked, asking
from analytics.views.dashboards import show_figures
from centers.access import requires
from centers.roles import Permission

WORDS: Final = {
    "treated": gettext_noop("First dose of HD IL-2"),
    "entered": gettext_noop("Entry into the registry"),
}
BY_DISEASE_ONLY: Final = gettext_noop("Pooled accrual is filtered by disease alone.")


def _of(asked: Asked, query: Mapping[str, Any]) -> str:
    of = str(query.get("of", ""))
    return of if of in DAYS and asked.own_centers else "treated"


def _answer(asked: Asked, query: Mapping[str, Any]) -> tuple[PrintedFigure | None, str]:
    of = _of(asked, query)
    if asked.own_centers:
        curves = accrual_by_center(asked.cutoff, asked.filters, of)
        return printed_accrual(curves, of, asked.cutoff, pooled=False), ""
    if not set(asked.filters.values) <= {"disease"}:
        return None, _(BY_DISEASE_ONLY)
    curve = pooled_accrual(asked.cutoff, asked.filters, asked.cutoffs)
    return printed_accrual([curve] if curve else [], of, asked.cutoff, pooled=True), ""


def build_accrual(asked: Asked, query: Mapping[str, Any]) -> PrintedFigure | None:
    """The figure of the page's address; None when withheld or without records."""
    return _answer(asked, query)[0]


@require_safe
@requires(Permission.VIEW_COHORT, steady=True)
def cohort_accrual(request: HttpRequest) -> HttpResponse:
    """How many treated records there were by when; by center for its members."""
    with asking(request.GET, curves_only=True) as asked:
        figure, withheld = _answer(asked, request.GET)
    of = _of(asked, request.GET)
    words = tuple((code, _(label)) for code, label in WORDS.items())
    choices = [Choice("of", _("Counted by"), words, of)] if asked.own_centers else []
    return show_figures(
        request,
        asked,
        asked_form(asked),
        tab="cohort_accrual",
        heading=_("Accrual"),
        figures=[figure],
        withheld=withheld,
        choices=choices,
        query=urlencode(asked.parameters | ({"of": of} if of != "treated" else {})),
    )
