"""Survival curves by group, and the same analysis as files."""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from analytics.charts.asked import asked_form
from analytics.charts.survival import (
    CURVE_COLUMNS,
    RATE_YEARS,
    analysis_document,
    curve_rows,
    labelled,
    survival_figure,
)
from analytics.derivation.engine import RULE_SET
from analytics.queries.asked import Asked, asking
from analytics.queries.survival import Analysis, Groups, everyone, survival_groups
from analytics.stats.counts import DayCounts
from centers.access import requires
from centers.roles import Permission

FILE_TYPES: Final = {
    "svg": "image/svg+xml",
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
}


class Answer(NamedTuple):
    """What is asked for, and its groups as this reader may see them."""

    asked: Asked
    groups: Groups


def _answer(request: HttpRequest) -> Answer:
    with asking(request.GET, curves_only=True) as asked:
        groups = survival_groups(asked.analysis, asked.cutoff, **asked.reading)
        return Answer(asked, groups)


def _versions() -> dict[str, Any]:
    return {"registry": settings.VERSION, "rule_set": RULE_SET, "synthetic": settings.DEMO}


@require_safe
@requires(Permission.VIEW_COHORT)
def cohort_survival(request: HttpRequest) -> HttpResponse:
    """Kaplan-Meier curves of PFS in four variants and of OS, by group; the address is the view."""
    answer = _answer(request)
    asked = answer.asked
    context = answer._asdict() | {
        "section": "cohort",
        "tab": "cohort_survival",
        "drawing": survival_figure(asked.analysis, answer.groups.counts or {}),
        "total": everyone(answer.groups).n,
        "form": asked_form(asked, ("endpoint", "variant", "records", "by")),
        "pooled": asked.pooled,
        "cutoff": asked.cutoff,
        "rate_years": RATE_YEARS,
        "versions": _versions(),
        "files": {"svg": "Figure (SVG)", "csv": "Curve (CSV)", "json": "Analysis (JSON)"},
        "query": asked.query,
    }
    return render(request, "analytics/cohort_survival.html", context)


@require_safe
@requires(Permission.VIEW_COHORT)
def cohort_survival_file(request: HttpRequest, kind: str) -> HttpResponse:
    """The same analysis as a file: the drawing, the curve, or everything with its parameters."""
    answer = _answer(request)
    if not answer.groups.counts or kind not in FILE_TYPES:
        raise Http404
    analysis = answer.asked.analysis
    written = _WRITERS[kind](analysis, answer.groups.counts, answer.asked.cutoff)
    response = HttpResponse(written, content_type=FILE_TYPES[kind])
    parts = ("survival", analysis.endpoint, analysis.variant, analysis.by)
    name = "-".join(part for part in parts if part)
    response["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    return response


def _as_csv(analysis: Analysis, counts: dict[str, DayCounts], cutoff: date) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(CURVE_COLUMNS)
    writer.writerows(curve_rows(labelled(analysis.by, counts)))
    return text.getvalue()


def _as_json(analysis: Analysis, counts: dict[str, DayCounts], cutoff: date) -> str:
    document = analysis_document(analysis, counts, cutoff=cutoff, versions=_versions())
    return json.dumps(document, indent=1, allow_nan=False)


def _as_svg(analysis: Analysis, counts: dict[str, DayCounts], cutoff: date) -> str:
    drawing = survival_figure(analysis, counts)
    context = {"drawing": drawing, "cutoff": cutoff, "versions": _versions()}
    return render_to_string("analytics/figures/km_file.svg", context)


_WRITERS: Final = {"csv": _as_csv, "json": _as_json, "svg": _as_svg}
