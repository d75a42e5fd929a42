"""How much PFS depends on the reading: variants side by side, bounds of partial dates, thresholds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from analytics.charts.asked import asked_form
from analytics.charts.printed import PrintedFigure
from analytics.charts.sensitivity import BOUND_LABELS, Printed, printed_bounds, printed_variants
from analytics.charts.survival import RATE_YEARS
from analytics.derivation.engine import VARIANTS
from analytics.queries.asked import Asked, asking
from analytics.queries.survival import Analysis, survival_groups
from analytics.stats.counts import DayCounts
from analytics.views.asked import said
from centers.access import requires
from centers.roles import Permission

# Whose entry is late has no bounds of its own: left-truncated curves are not offered here.
SETS: Final = ("eligible", "treated", "landmark")


def _counts(asked: Asked, readings: Mapping[str, Analysis]) -> dict[str, DayCounts]:
    """Each reading's counts; empty where the reader may not have one of them."""
    found = {}
    for code, analysis in readings.items():
        groups = survival_groups(analysis, asked.cutoff, **asked.reading).counts
        if not groups:
            return {}
        found[code] = groups[""]
    return found


def _records(asked: Asked) -> str:
    return asked.analysis.records if asked.analysis.records in SETS else SETS[0]


def _variants(asked: Asked) -> Printed | None:
    records = _records(asked)
    readings = {code: Analysis("pfs", code, records) for code in VARIANTS}
    return printed_variants(records, _counts(asked, readings))


def _bounds(asked: Asked) -> Printed | None:
    records, variant = _records(asked), asked.analysis.variant
    readings = {code: Analysis(code, variant, records) for code in BOUND_LABELS}
    return printed_bounds(variant, records, _counts(asked, readings))


def build_variants(asked: Asked, query: Mapping[str, Any]) -> PrintedFigure | None:
    """The figure of the four variants; None when withheld or without records."""
    made = _variants(asked)
    return made[1] if made else None


def build_bounds(asked: Asked, query: Mapping[str, Any]) -> PrintedFigure | None:
    """The figure of the bounds; None when withheld or without records."""
    made = _bounds(asked)
    return made[1] if made else None


@require_safe
@requires(Permission.VIEW_COHORT, steady=True)
def cohort_sensitivity(request: HttpRequest) -> HttpResponse:
    """Four variants side by side, and the earliest and latest curve that partial dates allow."""
    with asking(request.GET, curves_only=True, every_variant=True) as asked:
        panels = [made for made in (_variants(asked), _bounds(asked)) if made]
    context = said(asked) | {
        "tab": "cohort_sensitivity",
        "form": asked_form(asked, ("variant", "records")),
        "panels": panels,
        "rate_years": RATE_YEARS,
    }
    return render(request, "analytics/cohort_sensitivity.html", context)
