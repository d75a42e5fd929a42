"""`GET /api/v1/outcomes.csv`: de-identified outcomes, one row a record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import date
from typing import ClassVar, Final

from django.http import HttpResponseBase, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request

from analytics.api.authentication import client_of
from analytics.api.base import PRIVATE, ApiView, OneFormat, chosen
from analytics.api.schema import described, parameter
from analytics.derivation.engine import RULE_SET, current_cutoff
from analytics.models import ApiClient
from analytics.queries.cohort import recomputing
from analytics.queries.deidentified import COHORTS, assign_codes, csv_lines
from centers.access import Declared, Scope, acting
from centers.audit import EventKind, record_event

PROFILE: Final = "safe_harbor"


class OutcomesCsv(ApiView):
    """Outcomes of the eligible cohort (or, with `cohort=treated`, of all treated records)."""

    scope = "outcomes"
    throttle_scope = "rows"
    content_negotiation_class = OneFormat
    parameters: ClassVar = frozenset({"cohort"})

    @described(
        "outcomesCsv",
        "De-identified rows of the registry's own cutoff, profile safe_harbor",
        {(200, "text/csv"): OpenApiTypes.STR},
        without=(406,),
        parameters=[parameter("cohort", "Which records", COHORTS)],
    )
    def get(self, request: Request) -> HttpResponseBase:
        """Assign missing codes, record the export, then stream the rows of one moment."""
        cohort = chosen(request, "cohort", COHORTS)
        client, scope, cutoff = client_of(request), self.reading(request), current_cutoff()
        with acting(scope):
            assign_codes(project_id=client.project_id, cohort=cohort, cutoff=cutoff)
            waiting = recomputing(cutoff)
            record_event(EventKind.EXPORT, _detail(client, cohort, cutoff))
        response = StreamingHttpResponse(
            _stream(scope, client.project_id, cohort, cutoff),
            content_type="text/csv; charset=utf-8",
        )
        response["Content-Disposition"] = 'attachment; filename="outcomes.csv"'
        response["Cache-Control"] = PRIVATE
        response["X-Data-Cutoff"] = cutoff.isoformat()
        response["X-Rule-Set"] = str(RULE_SET)
        response["X-Recomputing"] = str(waiting)
        return response


def _detail(client: ApiClient, cohort: str, cutoff: date) -> dict[str, str]:
    return {
        "export": "outcomes.csv",
        "profile": PROFILE,
        "project": client.project.name,
        "client": client.client_id,
        "cohort": cohort,
        "cutoff": cutoff.isoformat(),
    }


def _stream(scope: Scope, project_id: int, cohort: str, cutoff: date) -> Iterator[bytes]:
    """The view's transaction is over when the server reads this: scope and transaction anew."""
    with closing(csv_lines(project_id=project_id, cohort=cohort, cutoff=cutoff)) as lines:
        while True:
            # The scope is set around each step only: between steps the thread belongs to the server.
            with acting(scope):
                line = next(lines, None)
            if line is None:
                return
            yield line


outcomes_csv = OutcomesCsv.as_view(http_method_names=["get", "head"])
outcomes_csv.permission = Declared.CLIENT  # type: ignore[attr-defined]  # read by the URL walk
