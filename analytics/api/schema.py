"""Shapes of what the API takes and gives, for the OpenAPI document; tests hold the answers to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_serializer,
)
from rest_framework import serializers as s

from analytics.api.authentication import scope_for
from analytics.api.problems import DETAILS, MEDIA_TYPE
from analytics.charts.cohort import RECORDS
from analytics.clients import SCOPES
from analytics.derivation.engine import VARIANTS
from analytics.queries.survival import ENDPOINTS

Decorator = Callable[[Any], Any]
# What any operation may answer beside its own.
EVERYWHERE: Final = (400, 401, 403, 406, 429, 500, 503)


class ClientScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """OAuth 2.0 client credentials, as the document names them."""

    target_class = "analytics.api.authentication.ClientAuthentication"
    name = "client"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """The flow with its scopes."""
        flow = {"tokenUrl": "/api/v1/token", "scopes": dict(SCOPES)}
        return {"type": "oauth2", "flows": {"clientCredentials": flow}}

    def get_security_requirement(self, auto_schema: Any) -> dict[str, list[str]]:
        """The scope that the view asks for."""
        scope = scope_for(auto_schema.view, auto_schema.method)
        return {self.name: [scope] if scope else []}


@extend_schema_serializer(component_name="Problem")
class ProblemShape(s.Serializer[Any]):
    """An error (RFC 9457). Nothing of the request is repeated in it."""

    type = s.CharField(help_text="about:blank, or urn:hd-il2-registry:problem: and a name")
    title = s.CharField()
    status = s.IntegerField()
    detail = s.CharField()
    instance = s.CharField(required=False, help_text="urn:uuid: and the request's id")
    parameter = s.CharField(required=False, help_text="the parameter that is not allowed")
    error = s.CharField(required=False, help_text="of the token endpoint: the code of RFC 6749")
    error_description = s.CharField(required=False)


@extend_schema_serializer(component_name="Token")
class TokenShape(s.Serializer[Any]):
    """A token, shown this once."""

    access_token = s.CharField()
    expires_in = s.IntegerField(help_text="seconds")
    token_type = s.ChoiceField(["Bearer"])
    scope = s.CharField(help_text="separated by spaces")


@extend_schema_serializer(component_name="TokenRequest")
class TokenForm(s.Serializer[Any]):
    """Beside id and secret in HTTP Basic authentication (or as client_id and client_secret here)."""

    grant_type = s.ChoiceField(["client_credentials"])
    scope = s.CharField(
        required=False, help_text="separated by spaces; all of the client's if empty"
    )


@extend_schema_serializer(component_name="RevocationRequest")
class RevocationForm(s.Serializer[Any]):
    """Beside id and secret, as for a token."""

    token = s.CharField()


class VersionsShape(s.Serializer[Any]):
    """What the figures were made by."""

    registry = s.CharField()
    rule_set = s.IntegerField()
    synthetic = s.BooleanField(help_text="invented people of a demonstration")


class MedianShape(s.Serializer[Any]):
    """Days since the first dose, with the 95% interval; null: not reached."""

    estimate = s.FloatField(allow_null=True)
    lower = s.FloatField(allow_null=True)
    upper = s.FloatField(allow_null=True)


class RateShape(s.Serializer[Any]):
    """Survival at a whole number of years; null beyond the last follow-up."""

    year = s.IntegerField()
    day = s.IntegerField()
    at_risk = s.IntegerField()
    survival = s.FloatField(allow_null=True)
    lower = s.FloatField(allow_null=True)
    upper = s.FloatField(allow_null=True)


class RiskShape(s.Serializer[Any]):
    """Records at risk before a day, and how many were censored or had an event until then."""

    year = s.IntegerField()
    day = s.IntegerField()
    at_risk = s.IntegerField()
    censored = s.IntegerField()
    events = s.IntegerField()


class StepShape(s.Serializer[Any]):
    """A day of the curve on which something happened."""

    day = s.IntegerField()
    at_risk = s.IntegerField()
    events = s.IntegerField()
    censored = s.IntegerField()
    survival = s.FloatField()
    std_error = s.FloatField(allow_null=True)
    lower = s.FloatField(allow_null=True)
    upper = s.FloatField(allow_null=True)


class GroupShape(s.Serializer[Any]):
    """One curve."""

    group = s.CharField()
    n = s.IntegerField()
    events = s.IntegerField()
    median_days = MedianShape()
    rates = RateShape(many=True)
    risk_table = RiskShape(many=True)
    curve = StepShape(many=True)


class LogRankShape(s.Serializer[Any]):
    """Test of the groups; null where it cannot be computed."""

    chi_square = s.FloatField(allow_null=True)
    df = s.IntegerField()
    p = s.FloatField(allow_null=True)


class AnalysisShape(s.Serializer[Any]):
    """What was computed."""

    cohort = s.CharField(help_text="eligible, treated, landmark, or the id of a named cohort")
    endpoint = s.ChoiceField(ENDPOINTS)
    variant = s.ChoiceField(VARIANTS)
    records = s.ChoiceField(list(RECORDS))
    disease = s.CharField(help_text="empty: both")
    by = s.CharField(help_text="empty: no groups")
    cutoff = s.DateField()
    interval = s.CharField()
    level = s.FloatField()


@extend_schema_serializer(component_name="Survival")
class SurvivalShape(s.Serializer[Any]):
    """A survival analysis, with everything needed to print it."""

    title = s.CharField()
    definition = s.CharField()
    parameters = AnalysisShape()
    versions = VersionsShape()
    recomputing = s.IntegerField(help_text="records whose outcome is being brought up to date")
    groups = GroupShape(many=True)
    log_rank = LogRankShape(allow_null=True)
    notes = s.ListField(child=s.CharField())


class NumbersShape(s.Serializer[Any]):
    """Records; null where withheld."""

    melanoma = s.IntegerField(allow_null=True)
    renal_cell = s.IntegerField(allow_null=True)
    total = s.IntegerField(allow_null=True)


class CenterGroupShape(s.Serializer[Any]):
    """One center without its name, or the small ones together."""

    centers = s.IntegerField()
    treated = s.IntegerField()
    eligible = s.IntegerField(allow_null=True)


@extend_schema_serializer(component_name="Centers")
class CentersShape(s.Serializer[Any]):
    """Numbers of records."""

    cutoff = s.DateField()
    versions = VersionsShape()
    recomputing = s.IntegerField()
    treated = NumbersShape()
    eligible = NumbersShape()
    groups = CenterGroupShape(
        many=True, allow_null=True, help_text="null in profile safe_harbor, and where withheld"
    )


@extend_schema_serializer(component_name="CohortRequest")
class NewCohortShape(s.Serializer[Any]):
    """A cohort to name."""

    name = s.CharField(max_length=100)
    population = s.ChoiceField(["eligible", "treated"])
    disease = s.ChoiceField(["", "melanoma", "renal_cell"], required=False)


@extend_schema_serializer(component_name="Cohort")
class CohortShape(s.Serializer[Any]):
    """A choice of records: eligible or treated ones, of one disease or both."""

    id = s.CharField()
    name = s.CharField()
    population = s.CharField(help_text="eligible, treated or landmark")
    disease = s.CharField(help_text="empty: both")
    of = s.ChoiceField(["registry", "project"])


@extend_schema_serializer(component_name="Cohorts")
class CohortsShape(s.Serializer[Any]):
    """All cohorts that may be named in a request."""

    cohorts = CohortShape(many=True)


def parameter(name: str, text: str, choices: Sequence[str] = (), **more: Any) -> OpenApiParameter:
    """A parameter of the address."""
    enum = list(choices) or None
    default = enum[0] if enum else None
    return OpenApiParameter(
        name, description=text, enum=enum, default=default, required=False, **more
    )


def described(
    name: str,
    summary: str,
    answers: Mapping[int | tuple[int, str], Any],
    *,
    errors: Sequence[int] = (),
    without: Sequence[int] = (),
    **more: Any,
) -> Decorator:
    """An operation of the document: its answers, and the problems that it may answer instead."""
    wanted = sorted({*EVERYWHERE, *errors} - set(without))
    problems = {
        (status, MEDIA_TYPE): OpenApiResponse(
            ProblemShape,
            description=f"{HTTPStatus(status).phrase}. {DETAILS.get(status, '')}".strip(),
        )
        for status in wanted
    }
    found: Decorator = extend_schema(
        operation_id=name,
        summary=summary,
        description=f"{summary}.",
        responses={**{key: _phrased(key, one) for key, one in answers.items()}, **problems},
        **more,
    )
    return found


def _phrased(key: int | tuple[int, str], answer: Any) -> OpenApiResponse:
    if isinstance(answer, OpenApiResponse):
        return answer
    status = key if isinstance(key, int) else key[0]
    return OpenApiResponse(answer, description=f"{HTTPStatus(status).phrase}.")


NOT_CHANGED: Final = OpenApiResponse(description="Not changed since the ETag in If-None-Match.")
IF_NONE_MATCH: Final = OpenApiParameter(
    "If-None-Match",
    str,
    OpenApiParameter.HEADER,
    description="ETag of what the client has: 304 when it is the same.",
)
