"""`/api/v1/cohorts`: the registry's own and the project's named cohorts; a client may name more."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import Http404, HttpResponse, JsonResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from analytics.actions.projects import create_cohort
from analytics.api.authentication import client_of
from analytics.api.base import ApiView, document, sent
from analytics.api.problems import Conflict, InvalidParameter
from analytics.api.schema import (
    IF_NONE_MATCH,
    NOT_CHANGED,
    CohortShape,
    CohortsShape,
    NewCohortShape,
    described,
)
from analytics.charts.cohort import RECORDS
from analytics.models import Cohort, Project
from centers.access import Declared

NAMED: Final = {"name": str, "population": str, "disease": str}


@dataclass(frozen=True, slots=True)
class Chosen:
    """A cohort that a request names: its population, its disease (empty: both)."""

    id: str
    name: str
    population: str
    disease: str = ""
    of: str = "registry"

    @property
    def body(self) -> dict[str, Any]:
        """As the API gives it."""
        return {
            "id": self.id,
            "name": self.name,
            "population": self.population,
            "disease": self.disease,
            "of": self.of,
        }


STANDING: Final = {code: Chosen(code, name, code) for code, name in RECORDS.items()}


def cohorts_of(project: Project) -> list[Chosen]:
    """Those of the registry, then the project's, by name."""
    named = Cohort.objects.filter(Q(project=project) | Q(project=None)).order_by("name", "id")
    return [*STANDING.values(), *(_chosen(cohort) for cohort in named)]


def find_cohort(project: Project, text: str) -> Chosen | None:
    """The cohort of this id; another project's is as absent as none."""
    if text in STANDING:
        return STANDING[text]
    try:
        public_id = uuid.UUID(text)
    except ValueError:
        return None
    visible = Q(project=project) | Q(project=None)
    found = Cohort.objects.filter(visible, public_id=public_id).first()
    return _chosen(found) if found else None


def _chosen(cohort: Cohort) -> Chosen:
    of = "project" if cohort.project_id else "registry"
    return Chosen(str(cohort.public_id), cohort.name, cohort.population, cohort.disease, of)


class Cohorts(ApiView):
    """Named choices of records."""

    scope: ClassVar[str] = "figures"
    # Naming needs more than reading.
    scope_to_post: ClassVar[str] = "cohorts"

    @described(
        "listCohorts",
        "Cohorts that a request may name",
        {200: CohortsShape, 304: NOT_CHANGED},
        parameters=[IF_NONE_MATCH],
    )
    def get(self, request: Request) -> HttpResponse:
        """All of them."""
        found = cohorts_of(client_of(request).project)
        return document(request, {"cohorts": [cohort.body for cohort in found]})

    @described(
        "createCohort",
        "Name a cohort of the project",
        {201: CohortShape},
        errors=(409, 415),
        request=NewCohortShape,
    )
    def post(self, request: Request) -> HttpResponse:
        """Make it. Raises InvalidParameter, Conflict (the name is taken)."""
        body, client = sent(request, NAMED, ("name", "population")), client_of(request)
        if Cohort.objects.filter(project=client.project, name=body["name"].strip()).exists():
            raise Conflict
        try:
            made = create_cohort(
                actor=self.acting_scope(request),
                name=body["name"],
                population=body["population"],
                disease=body.get("disease", ""),
                project_id=client.project_id,
                client=client.client_id,
            )
        except ValidationError as error:
            raise InvalidParameter(parameter=next(iter(error.message_dict))) from None
        where = reverse("api_cohort", kwargs={"cohort": made.public_id})
        return JsonResponse(_chosen(made).body, status=201, headers={"Location": where})


class OneCohort(ApiView):
    """One named cohort."""

    scope: ClassVar[str] = "figures"

    @described(
        "readCohort",
        "A named cohort",
        {200: CohortShape, 304: NOT_CHANGED},
        errors=(404,),
        parameters=[
            OpenApiParameter("cohort", OpenApiTypes.UUID, OpenApiParameter.PATH),
            IF_NONE_MATCH,
        ],
    )
    def get(self, request: Request, cohort: uuid.UUID) -> HttpResponse:
        """Its definition. Raises Http404."""
        found = find_cohort(client_of(request).project, str(cohort))
        if found is None:
            raise Http404
        return document(request, found.body)


cohorts = Cohorts.as_view(http_method_names=["get", "head", "post"])
cohorts.permission = Declared.CLIENT  # type: ignore[attr-defined]  # read by the URL walk
one_cohort = OneCohort.as_view(http_method_names=["get", "head"])
one_cohort.permission = Declared.CLIENT  # type: ignore[attr-defined]
