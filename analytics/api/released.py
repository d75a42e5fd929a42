"""`/api/v1/outcomes`, `/cuts`, `/codebook`: rows of a released cut in pages, and what they mean."""

from __future__ import annotations

import csv
import re
import uuid
from itertools import islice
from typing import Any, ClassVar, Final

from django.http import Http404, HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request

from analytics.api.authentication import client_of
from analytics.api.base import ApiView, chosen, document, identifier, page_size
from analytics.api.export_shapes import CodebookShape, CutsShape, OutcomesShape
from analytics.api.problems import InvalidParameter, NotReleased
from analytics.api.schema import IF_NONE_MATCH, NOT_CHANGED, described, parameter
from analytics.export_jobs import ExportState
from analytics.exporting import store
from analytics.exporting.choices import POPULATIONS, SUBJECTS
from analytics.exporting.codebook import codebook
from analytics.exporting.columns import Column
from analytics.exporting.tables import RELEASES
from analytics.models import DataCut, ExportJob, Project
from centers.access import Declared, acting
from centers.audit import EventKind, record_event

CURSOR: Final = re.compile(r"[0-9A-Z]{1,32}")


class Outcomes(ApiView):
    """Rows of a cut as an export released them: what no second person let out is not here either."""

    scope: ClassVar[str] = "outcomes"
    throttle_scope = "rows"
    parameters: ClassVar = frozenset({"cut", "cohort", "cursor", "limit"})

    @described(
        "outcomes",
        "De-identified rows of a data cut, in pages",
        {200: OutcomesShape, 304: NOT_CHANGED},
        errors=(404,),
        parameters=[
            parameter(
                "cut",
                "Id of a data cut; the latest released one if not given",
                type=OpenApiTypes.UUID,
            ),
            parameter("cohort", "Which records", tuple(POPULATIONS)),
            parameter("cursor", "`next` of the page before"),
            parameter("limit", "1 to 1000; 200 if not given", type=OpenApiTypes.INT),
            IF_NONE_MATCH,
        ],
    )
    def get(self, request: Request) -> HttpResponse:
        """A page, and its event. Raises InvalidParameter, Http404 (no such cut), NotReleased."""
        client, cohort = client_of(request), chosen(request, "cohort", POPULATIONS)
        limit, cursor = page_size(request, 200, 1000), request.query_params.get("cursor", "")
        if cursor and not CURSOR.fullmatch(cursor):
            raise InvalidParameter(parameter="cursor")
        cut = identifier(request, "cut")
        if cut is not None and not DataCut.objects.filter(public_id=cut).exists():
            raise Http404
        job, entry = _released(client.project, cut, cohort)
        rows = _page(job, entry["sha256"], cursor, limit + 1)
        body = {
            "cut": str(job.cut.public_id),
            "export": str(job.public_id),
            "profile": job.profile,
            "rows": rows[:limit],
            "next": rows[limit - 1]["subject"] if len(rows) > limit else None,
        }
        with acting(self.acting_scope(request)):
            record_event(
                EventKind.EXPORT, _detail(job, client.client_id, cohort, len(rows[:limit]))
            )
        return document(request, body)


def _released(
    project: Project, cut: uuid.UUID | None, cohort: str
) -> tuple[ExportJob, dict[str, Any]]:
    """The newest released export of all diseases with rows as CSV. Raises NotReleased."""
    jobs = ExportJob.objects.select_related("project", "cut").filter(
        project=project, state=ExportState.READY, population=cohort, disease=""
    )
    if cut is not None:
        jobs = jobs.filter(cut__public_id=cut)
    now = timezone.now()
    for job in jobs.order_by("-cut_id", "-id"):
        for entry in job.files or ():
            is_rows = entry["table"] == SUBJECTS and entry["format"] == "csv"
            if is_rows and job.is_fetchable(now):
                return job, entry
    raise NotReleased


def _page(job: ExportJob, sha256: str, cursor: str, length: int) -> list[dict[str, Any]]:
    """Rows after the code; the file is sorted by it."""
    columns = {column.name: column for column in RELEASES[job.profile][SUBJECTS].columns}
    with store.place(sha256).open(encoding="utf-8", newline="") as file:
        after = (row for row in csv.DictReader(file) if row["subject"] > cursor)
        return [
            {name: _value(columns[name], text) for name, text in row.items()}
            for row in islice(after, length)
        ]


def _value(column: Column, text: str) -> Any:
    if text == "":
        return None
    if column.kind == "integer":
        return int(text)
    return float(text) if column.kind == "number" else text


def _detail(job: ExportJob, client_id: str, cohort: str, rows: int) -> dict[str, Any]:
    return {
        "export": "outcomes",
        "of": str(job.public_id),
        "profile": job.profile,
        "project": job.project.name,
        "client": client_id,
        "cohort": cohort,
        "rows": rows,
    }


class Cuts(ApiView):
    """Data cuts."""

    @described(
        "listCuts",
        "Data cuts, newest first",
        {200: CutsShape, 304: NOT_CHANGED},
        parameters=[IF_NONE_MATCH],
    )
    def get(self, request: Request) -> HttpResponse:
        """All of them: a registry makes a few a year."""
        cuts = [
            {
                "id": str(cut.public_id),
                "name": cut.name,
                "cutoff": cut.cutoff.isoformat(),
                "rule_set": cut.rule_set,
            }
            for cut in DataCut.objects.order_by("-id")
        ]
        return document(request, {"cuts": cuts})


class Codebook(ApiView):
    """The codebook."""

    @described(
        "codebook",
        "Tables, columns, labels, units and codes of the project's profile",
        {200: CodebookShape, 304: NOT_CHANGED},
        parameters=[IF_NONE_MATCH],
    )
    def get(self, request: Request) -> HttpResponse:
        """As the exports of the profile bring it along."""
        return document(request, codebook(client_of(request).project.profile))


outcomes = Outcomes.as_view(http_method_names=["get", "head"])
cuts = Cuts.as_view(http_method_names=["get", "head"])
codebook_view = Codebook.as_view(http_method_names=["get", "head"])
for _view in (outcomes, cuts, codebook_view):
    _view.permission = Declared.CLIENT  # type: ignore[attr-defined]  # read by the URL walk
