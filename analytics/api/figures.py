"""`/api/v1/survival` and `/api/v1/centers`: the figures of the pages, as JSON, suppressed as there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar, Final

from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request

from analytics.api.authentication import client_of
from analytics.api.base import ApiView, chosen, document
from analytics.api.cohorts import Chosen, find_cohort
from analytics.api.problems import InvalidParameter, Withheld
from analytics.api.schema import (
    IF_NONE_MATCH,
    NOT_CHANGED,
    CentersShape,
    SurvivalShape,
    described,
    parameter,
)
from analytics.charts.cohort import TABLE_YEARS
from analytics.charts.survival import (
    definition,
    labelled,
    printed_survival,
    title_of,
    whole_day,
)
from analytics.derivation.engine import RULE_SET, VARIANTS, current_cutoff
from analytics.projects import RESEARCH
from analytics.queries.asked import Asked, asking
from analytics.queries.center_numbers import center_groups
from analytics.queries.cohort import recomputing
from analytics.queries.overview import Figure, overview
from analytics.queries.survival import ENDPOINTS, GROUPINGS, survival_groups
from analytics.stats.counts import DayCounts
from analytics.stats.summaries import risk_table
from centers.access import Declared, acting

# Centers are compared by their members only.
POOLED_GROUPINGS: Final = tuple(by for by in GROUPINGS if by != "center")
DISEASES: Final = ("melanoma", "renal_cell")


def versions() -> dict[str, Any]:
    """What the figures were made by."""
    return {"registry": settings.VERSION, "rule_set": RULE_SET, "synthetic": settings.DEMO}


class Survival(ApiView):
    """Kaplan-Meier curves."""

    scope: ClassVar[str] = "figures"
    parameters: ClassVar = frozenset({"cohort", "endpoint", "variant", "by", "cutoff"})

    @described(
        "survival",
        "Curve, risk table, medians and rates of a cohort",
        {200: SurvivalShape, 304: NOT_CHANGED},
        errors=(404,),
        parameters=[
            parameter("cohort", "eligible (default), treated, landmark, or a named cohort's id"),
            parameter("endpoint", "Progression-free or overall survival", ENDPOINTS),
            parameter("variant", "How progression-free survival ends; ignored for os", VARIANTS),
            parameter("by", "Groups to compare; empty: none", POOLED_GROUPINGS),
            parameter(
                "cutoff", "Another data cutoff, of those that are offered", type=OpenApiTypes.DATE
            ),
            IF_NONE_MATCH,
        ],
    )
    def get(self, request: Request) -> HttpResponse:
        """The same numbers as the page. Raises InvalidParameter, NotFound, Withheld."""
        cohort = find_cohort(
            client_of(request).project, request.query_params.get("cohort", "eligible")
        )
        if cohort is None:
            raise InvalidParameter(parameter="cohort")
        query = {
            "endpoint": chosen(request, "endpoint", ENDPOINTS),
            "variant": chosen(request, "variant", VARIANTS),
            "by": chosen(request, "by", POOLED_GROUPINGS),
            "cutoff": request.query_params.get("cutoff", ""),
            "records": cohort.population,
            "disease": cohort.disease,
        }
        with acting(self.acting_scope(request)), asking(query, curves_only=True) as asked:
            if asked.problems:
                raise InvalidParameter(parameter="cutoff")
            counts = survival_groups(asked.analysis, asked.cutoff, **asked.reading).counts
        if counts is None:
            raise Withheld
        return document(request, survival_document(cohort, asked, counts))


def survival_document(
    cohort: Chosen, asked: Asked, counts: Mapping[str, DayCounts]
) -> dict[str, Any]:
    """The analysis as the page's file has it, with a risk table for each group."""
    analysis, made = asked.analysis, printed_survival(asked.analysis, counts)
    document = made[1].document if made else {"groups": [], "log_rank": None}
    sizes = labelled(analysis.by, counts).values()
    return {
        "title": title_of(analysis),
        "definition": definition(analysis),
        "parameters": {
            "cohort": cohort.id,
            "disease": cohort.disease,
            "endpoint": analysis.endpoint,
            "variant": analysis.variant,
            "records": analysis.records,
            "by": analysis.by,
            "cutoff": asked.cutoff.isoformat(),
            "interval": "log-log",
            "level": 0.95,
        },
        "versions": versions(),
        "recomputing": asked.recomputing,
        "groups": [
            {**group, "risk_table": _risk_table(of)}
            for group, of in zip(document["groups"], sizes, strict=True)
        ],
        "log_rank": document["log_rank"],
        "notes": list(made[1].notes) if made else [],
    }


def _risk_table(counts: DayCounts) -> list[dict[str, int]]:
    last = counts.last_day or 0
    years = [year for year in TABLE_YEARS if whole_day(year) <= last]
    days = [whole_day(year) for year in years]
    return [
        {
            "year": year,
            "day": day,
            "at_risk": row.at_risk,
            "censored": row.censored,
            "events": row.events,
        }
        for year, day, row in zip(years, days, risk_table(counts, days), strict=True)
    ]


class Centers(ApiView):
    """How many records there are, and how they lie in centers without a name."""

    scope: ClassVar[str] = "figures"

    @described(
        "centers",
        "Numbers of records, pooled and by center without a name",
        {200: CentersShape, 304: NOT_CHANGED},
        parameters=[IF_NONE_MATCH],
    )
    def get(self, request: Request) -> HttpResponse:
        """Small cells, and what would give them away, are null."""
        cutoff = current_cutoff()
        # Safe Harbor releases nothing about a center.
        by_center = client_of(request).project.profile == RESEARCH
        with acting(self.reading(request)):
            body = _numbers(cutoff)
            found = center_groups(cutoff) if by_center else None
            body["recomputing"] = recomputing(cutoff)
        body["groups"] = (
            None
            if found is None
            else [
                {"centers": one.centers, "treated": one.treated, "eligible": one.eligible}
                for one in found
            ]
        )
        return document(request, body)


def _numbers(cutoff: date) -> dict[str, Any]:
    page = overview(cutoff, own_centers=False)
    return {
        "cutoff": cutoff.isoformat(),
        "versions": versions(),
        "treated": _figure(page.diseases, page.treated),
        "eligible": _figure(page.diseases, page.eligible),
    }


def _figure(diseases: tuple[str, ...], figure: Figure) -> dict[str, int | None]:
    cells = dict(zip(diseases, figure.cells or (), strict=False))
    return {**{disease: cells.get(disease) for disease in DISEASES}, "total": figure.total}


survival = Survival.as_view(http_method_names=["get", "head"])
survival.permission = Declared.CLIENT  # type: ignore[attr-defined]  # read by the URL walk
centers = Centers.as_view(http_method_names=["get", "head"])
centers.permission = Declared.CLIENT  # type: ignore[attr-defined]
