"""`GET /api/v1/outcomes.csv`: de-identified outcomes, one row a record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date
from typing import Any, cast

from django.http import HttpResponseBase, StreamingHttpResponse
from rest_framework import exceptions
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from analytics.api.authentication import BearerAuthentication, reading_scope
from analytics.api.problems import ProblemRenderer, problem
from analytics.derivation.engine import RULE_SET, current_cutoff
from analytics.models import ApiToken
from analytics.queries.cohort import recomputing
from analytics.queries.deidentified import COHORTS, assign_codes, csv_lines
from centers.access import Scope, acting
from centers.audit import EventKind, record_event
from centers.roles import Permission


class OneFormat(BaseContentNegotiation):
    """The path names the format; the Accept header is not asked."""

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Always the renderer of errors: data is streamed past the framework."""
        return renderers[0], renderers[0].media_type


class OutcomesCsv(APIView):
    """Outcomes of the eligible cohort (or, with `cohort=treated`, of all treated records)."""

    authentication_classes = [BearerAuthentication]
    renderer_classes = [ProblemRenderer]
    content_negotiation_class = OneFormat

    def get_exception_handler(self) -> Callable[..., Any]:
        """Errors as problem details."""
        return problem

    def get(self, request: Request) -> HttpResponseBase:
        """Assign missing codes, record the export, then stream the rows of one moment."""
        cohort = _cohort(request)
        token = cast("ApiToken", request.auth)
        scope = reading_scope(token)
        cutoff = current_cutoff()
        with acting(scope):
            if not scope.may(Permission.VIEW_COHORT):
                raise exceptions.PermissionDenied
            assign_codes(token_id=token.pk, cohort=cohort, cutoff=cutoff)
            waiting = recomputing(cutoff)
            record_event(
                EventKind.EXPORT,
                {
                    "export": "outcomes.csv",
                    "profile": "safe_harbor",
                    "token": token.pk,
                    "cohort": cohort,
                    "cutoff": cutoff.isoformat(),
                },
            )
        response = StreamingHttpResponse(
            _stream(scope, token.pk, cohort, cutoff), content_type="text/csv; charset=utf-8"
        )
        response["Content-Disposition"] = 'attachment; filename="outcomes.csv"'
        response["Cache-Control"] = "no-store"
        response["X-Content-Type-Options"] = "nosniff"
        response["X-Data-Cutoff"] = cutoff.isoformat()
        response["X-Rule-Set"] = str(RULE_SET)
        response["X-Recomputing"] = str(waiting)
        return response


def _cohort(request: Request) -> str:
    """The one parameter. Raises ParseError for any other parameter or value."""
    if set(request.query_params) - {"cohort"}:
        raise exceptions.ParseError
    cohort: str = request.query_params.get("cohort", COHORTS[0])
    if cohort not in COHORTS:
        raise exceptions.ParseError
    return cohort


def _stream(scope: Scope, token_id: int, cohort: str, cutoff: date) -> Iterator[bytes]:
    """The view's transaction is over when the server reads this: scope and transaction anew."""
    with closing(csv_lines(token_id=token_id, cohort=cohort, cutoff=cutoff)) as lines:
        while True:
            # The scope is set around each step only: between steps the thread belongs to the server.
            with acting(scope):
                line = next(lines, None)
            if line is None:
                return
            yield line


outcomes_csv = OutcomesCsv.as_view()
outcomes_csv.permission = Permission.VIEW_COHORT  # type: ignore[attr-defined]  # read by the URL walk
