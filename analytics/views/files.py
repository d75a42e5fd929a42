"""Every figure as a file: drawing, numbers, table, and everything with its parameters."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import get_language, override
from django.views.decorators.http import require_safe

from analytics.charts.printed import PrintedFigure, csv_text, table_text
from analytics.queries.asked import Asked, asking
from analytics.rendering import RenderingFailed, rendered
from analytics.views.accrual import build_accrual
from analytics.views.asked import versions
from analytics.views.description import build_responses, build_table_one
from analytics.views.flow import build_flow
from analytics.views.progression import build_progression
from analytics.views.quality import builder
from analytics.views.sensitivity import build_bounds, build_variants
from analytics.views.survival import build_survival
from analytics.views.swimmer import build_swimmer
from centers.access import requires
from centers.roles import Permission

# Figure -> what makes it for a reader; None where there is none, or it is withheld.
BUILDERS: Final[Mapping[str, Callable[[Asked, Mapping[str, Any]], PrintedFigure | None]]] = {
    "survival": build_survival,
    "progression": build_progression,
    "swimmer": build_swimmer,
    "flow": build_flow,
    "accrual": build_accrual,
    "responses": build_responses,
    "table-one": build_table_one,
    **{key: builder(key) for key in ("completeness", "centers", "queries", "unknowns")},
    "variants": build_variants,
    "bounds": build_bounds,
}
# Pooled in full at every cutoff (docs/dashboards.md, who sees what).
CURVES: Final = frozenset({"survival", "progression", "accrual", "variants", "bounds"})
FILE_TYPES: Final = {
    "svg": "image/svg+xml",
    "pdf": "application/pdf",
    "png": "image/png",
    "csv": "text/csv; charset=utf-8",
    "table": "text/csv; charset=utf-8",
    "json": "application/json",
}

FOR_PROGRAMS: Final = frozenset({"csv", "table", "json"})


@require_safe
@requires(Permission.VIEW_COHORT, steady=True)
def cohort_file(request: HttpRequest, figure: str, kind: str) -> HttpResponse:
    """A figure of a dashboard page, as that page shows it to this reader, as a file."""
    if figure not in BUILDERS or kind not in FILE_TYPES:
        raise Http404
    try:
        # What programs read is the same in every language of the pages.
        with override(None if kind in FOR_PROGRAMS else get_language()):
            printed, written = _made(request, figure, kind)
    except RenderingFailed as error:
        return HttpResponse(f"{error}\n", status=503, content_type="text/plain; charset=utf-8")
    response = HttpResponse(written, content_type=FILE_TYPES[kind])
    name = f"{printed.name}-table.csv" if kind == "table" else f"{printed.name}.{kind}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _made(request: HttpRequest, figure: str, kind: str) -> tuple[PrintedFigure, str | bytes]:
    """The figure and its file. Raises Http404, RenderingFailed."""
    every, curves = figure == "variants", figure in CURVES
    with asking(request.GET, curves_only=curves, every_variant=every, reasons=not curves) as asked:
        printed = BUILDERS[figure](asked, request.GET)
    if printed is None or kind not in printed.kinds:
        raise Http404
    return printed, _written(printed, kind, asked)


def _written(printed: PrintedFigure, kind: str, asked: Asked) -> str | bytes:
    if kind == "csv":
        return csv_text(printed.columns, printed.rows)
    if kind == "table":
        return table_text(printed.tables)
    if kind == "json":
        return json.dumps(_document(printed, asked), indent=1, allow_nan=False)
    context = {"figure": printed, "cutoff": asked.cutoff, "versions": versions()}
    svg = render_to_string("analytics/figures/file.svg", context)
    return svg if kind == "svg" else rendered(svg, kind)


def _document(printed: PrintedFigure, asked: Asked) -> dict[str, Any]:
    return {
        "title": printed.title,
        "parameters": {
            "cutoff": asked.cutoff.isoformat(),
            "threshold_years": asked.years,
            "filters": asked.filters.values,
            **printed.parameters,
        },
        "versions": dict(versions()),
        **printed.document,
        "notes": list(printed.notes),
    }
