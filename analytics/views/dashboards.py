"""Dashboard pages that are figures and little else: what all of them do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from analytics.charts.asked import AskedForm
from analytics.charts.printed import PrintedFigure
from analytics.queries.asked import Asked
from analytics.views.asked import said


def show_figures(
    request: HttpRequest,
    asked: Asked,
    form: AskedForm,
    *,
    tab: str,
    heading: str,
    figures: Iterable[PrintedFigure | None],
    template: str = "analytics/cohort_figures.html",
    **more: Any,
) -> HttpResponse:
    """The page of these figures; what is missing among them is told by `withheld` or `empty` in `more`."""
    context = said(asked) | {
        "tab": tab,
        "heading": heading,
        "form": form,
        "figures": [figure for figure in figures if figure is not None],
    }
    return render(request, template, context | more)
