"""`/api/v1/exports`: ask for an export, watch it, fetch its files in parts, end it."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from typing import Any, ClassVar, Final

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse, HttpResponseBase, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import quote_etag
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.request import Request

from analytics.actions.exports import KeyReused, end_export, request_export
from analytics.api.authentication import client_of
from analytics.api.base import ApiView, OneFormat, document, page_size, sent
from analytics.api.cohorts import find_cohort
from analytics.api.export_shapes import (
    AGREED,
    EXPORT,
    IF_MATCH,
    RANGE,
    ExportRequestShape,
    ExportShape,
    ExportsShape,
)
from analytics.api.problems import (
    Changed,
    Conflict,
    Gone,
    InvalidParameter,
    KeyUsed,
    NotReady,
    RangeNotSatisfiable,
    answer,
)
from analytics.api.schema import IF_NONE_MATCH, NOT_CHANGED, described, parameter
from analytics.export_jobs import ExportState
from analytics.exporting.download import NOT_SATISFIABLE, Wanted, find_file, send_file
from analytics.exporting.manifest import MANIFEST
from analytics.models import DataCut, ExportJob, Project
from centers.access import Declared, acting

# Seconds after which it is worth asking again.
AGAIN: Final = 2
COMING: Final = (ExportState.QUEUED, ExportState.RUNNING, ExportState.REVIEW)
MEMBERS: Final = {"recipe": dict, "cut": str, "profile": str, "formats": list}
OF_RECIPE: Final = frozenset({"cohort", "tables"})
_KEY: Final = re.compile(r"[\x21-\x7e]{1,100}")


def export_body(job: ExportJob) -> dict[str, Any]:
    """An export as the API gives it; files only while they may be fetched."""
    now = timezone.now()
    here = {"export": job.public_id}
    files = job.files or [] if job.is_fetchable(now) else []
    return {
        "id": str(job.public_id),
        "state": job.state,
        "progress": job.progress,
        "profile": job.profile,
        "cut": str(job.cut.public_id),
        "recipe": job.recipe,
        "recipe_sha256": job.recipe_hash,
        "formats": job.formats,
        "requested_at": job.requested_at.isoformat(),
        "expires_at": job.expires_at.isoformat() if job.expires_at else None,
        "manifest": reverse("api_export_manifest", kwargs=here) if files else None,
        "files": [
            {
                "name": entry["name"],
                "format": entry["format"],
                "table": entry["table"],
                "media_type": entry["media_type"],
                "sha256": entry["sha256"],
                "bytes": entry["bytes"],
                "rows": entry["rows"],
                "href": reverse("api_export_file", kwargs={**here, "file": entry["name"]}),
            }
            for entry in files
        ],
    }


def find_export(project: Project, public_id: uuid.UUID) -> ExportJob:
    """The project's export; another project's is as absent as none. Raises Http404."""
    jobs = ExportJob.objects.select_related("project", "cut")
    job = jobs.filter(project=project, public_id=public_id).first()
    if job is None:
        raise Http404
    return job


def _etag(body: dict[str, Any]) -> str:
    content = json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
    return quote_etag(hashlib.sha256(content).hexdigest())


class Exports(ApiView):
    """The project's exports."""

    scope: ClassVar[str] = "exports"
    parameters: ClassVar = frozenset({"cursor", "limit"})

    @property
    def throttle_scope(self) -> str:  # type: ignore[override]  # by method
        """Asking for an export costs more than looking."""
        return "order" if self.request.method == "POST" else "figures"

    @described(
        "listExports",
        "The project's exports, newest first",
        {200: ExportsShape, 304: NOT_CHANGED},
        parameters=[
            parameter("cursor", "`next` of the page before", type=OpenApiTypes.UUID),
            parameter("limit", "1 to 100; 50 if not given", type=OpenApiTypes.INT),
            IF_NONE_MATCH,
        ],
    )
    def get(self, request: Request) -> HttpResponse:
        """A page of them. Raises InvalidParameter."""
        limit, jobs = (
            page_size(request, 50, 100),
            ExportJob.objects.select_related("project", "cut"),
        )
        jobs = jobs.filter(project=client_of(request).project).order_by("-id")
        if text := request.query_params.get("cursor", ""):
            try:
                last = jobs.filter(public_id=uuid.UUID(text)).first()
            except ValueError:
                last = None
            if last is None:
                raise InvalidParameter(parameter="cursor")
            jobs = jobs.filter(pk__lt=last.pk)
        found = list(jobs[: limit + 1])
        more = found[limit - 1] if len(found) > limit else None
        body = {
            "exports": [export_body(job) for job in found[:limit]],
            "next": str(more.public_id) if more else None,
        }
        return document(request, body)

    @described(
        "createExport",
        "Ask for an export; the same key and request again answer the same export",
        {202: OpenApiResponse(ExportShape, description="Accepted; Location names it.")},
        errors=(409, 415, 422),
        request=ExportRequestShape,
        parameters=[
            OpenApiParameter(
                "Idempotency-Key",
                str,
                OpenApiParameter.HEADER,
                required=True,
                description="1 to 100 characters of ASCII without spaces, new for each request",
            )
        ],
    )
    def post(self, request: Request) -> HttpResponse:
        """Queue it. Raises InvalidParameter, KeyUsed, Conflict (too many wait)."""
        client, key = client_of(request), request.headers.get("Idempotency-Key", "")
        if not _KEY.fullmatch(key):
            raise InvalidParameter(parameter="Idempotency-Key")
        wanted = _wanted(request, client.project)
        try:
            job, _ = request_export(
                actor=self.acting_scope(request),
                project_id=client.project_id,
                idempotency_key=key,
                client=client.client_id,
                **wanted,
            )
        except KeyReused:
            raise KeyUsed from None
        except ValidationError as error:
            if not hasattr(error, "error_dict"):
                raise Conflict from None
            raise InvalidParameter(parameter=next(iter(error.error_dict))) from None
        job = find_export(client.project, job.public_id)
        headers = {
            "Location": reverse("api_export", kwargs={"export": job.public_id}),
            "Retry-After": str(AGAIN),
        }
        return JsonResponse(export_body(job), status=202, headers=headers)


def _wanted(request: Request, project: Project) -> dict[str, Any]:
    """What request_export takes. Raises InvalidParameter."""
    body = sent(request, MEMBERS, tuple(MEMBERS))
    recipe = body["recipe"]
    cohort = find_cohort(project, recipe["cohort"]) if _is_text(recipe.get("cohort")) else None
    tables = recipe.get("tables", [])
    if set(recipe) - OF_RECIPE or cohort is None or not _are_texts(tables):
        raise InvalidParameter(parameter="recipe")
    if body["profile"] != project.profile:
        raise InvalidParameter(parameter="profile")
    if not _are_texts(body["formats"]):
        raise InvalidParameter(parameter="formats")
    try:
        cut = DataCut.objects.filter(public_id=uuid.UUID(body["cut"])).first()
    except ValueError:
        cut = None
    if cut is None:
        raise InvalidParameter(parameter="cut")
    return {
        "cut_id": cut.pk,
        "population": cohort.population,
        "disease": cohort.disease,
        "tables": tables,
        "formats": body["formats"],
    }


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


class OneExport(ApiView):
    """One export of the project."""

    scope: ClassVar[str] = "exports"

    @described(
        "readExport",
        "How far an export is, and its files once it is released",
        {200: ExportShape, 304: NOT_CHANGED},
        errors=(404,),
        parameters=[EXPORT, IF_NONE_MATCH],
    )
    def get(self, request: Request, export: uuid.UUID) -> HttpResponse:
        """Its state. Raises Http404."""
        job = find_export(client_of(request).project, export)
        response = document(request, export_body(job))
        if job.state in COMING:
            response["Retry-After"] = str(AGAIN)
        return response

    @described(
        "endExport",
        "End an export; its files are removed",
        {204: OpenApiResponse(description="Ended, now or before.")},
        errors=(404, 412),
        parameters=[EXPORT, IF_MATCH],
    )
    def delete(self, request: Request, export: uuid.UUID) -> HttpResponse:
        """End it. Raises Http404, Changed (If-Match names another state)."""
        client = client_of(request)
        job = find_export(client.project, export)
        condition = request.headers.get("If-Match", "*").strip()
        if condition not in ("*", _etag(export_body(job))):
            raise Changed
        end_export(actor=self.acting_scope(request), job_id=job.pk, client=client.client_id)
        return HttpResponse(status=204)


class ExportFile(ApiView):
    """A file of a released export."""

    scope: ClassVar[str] = "exports"
    throttle_scope = "download"
    content_negotiation_class = OneFormat

    @described(
        "readExportFile",
        "A file of a released export, whole or from where a download broke off",
        AGREED,
        errors=(404, 409, 410, 416),
        without=(406,),
        parameters=[EXPORT, OpenApiParameter("file", str, OpenApiParameter.PATH), *RANGE],
    )
    def get(self, request: Request, export: uuid.UUID, file: str) -> HttpResponseBase:
        """Its bytes."""
        return self.send(request, export, file)

    def send(self, request: Request, export: uuid.UUID, name: str) -> HttpResponseBase:
        """Bytes, after the event that says so. Raises Http404, NotReady, Gone, and answers 416."""
        client = client_of(request)
        job = find_export(client.project, export)
        entry = find_file(job, name)
        if entry is None:
            if job.state in COMING:
                raise NotReady
            raise Http404 if job.is_fetchable(timezone.now()) else Gone
        headers = request.headers
        wanted = Wanted(
            headers.get("Range", ""), headers.get("If-Range", ""), headers.get("If-None-Match", "")
        )
        with acting(self.acting_scope(request)):
            response = send_file(job, entry, wanted, client=client.client_id)
        if response.status_code == NOT_SATISFIABLE:
            held = {name: response[name] for name in ("Content-Range", "ETag", "Accept-Ranges")}
            return answer(RangeNotSatisfiable(), request, held)
        return response


class ExportManifest(ExportFile):
    """The manifest of a released export."""

    @described(
        "readExportManifest",
        "The signed manifest: files, hashes, risk report, limits",
        AGREED,
        errors=(404, 409, 410, 416),
        without=(406,),
        parameters=[EXPORT, *RANGE],
    )
    def get(self, request: Request, export: uuid.UUID, file: str = MANIFEST) -> HttpResponseBase:
        """As any file."""
        return self.send(request, export, file)


exports = Exports.as_view(http_method_names=["get", "head", "post"])
one_export = OneExport.as_view(http_method_names=["get", "head", "delete"])
export_file = ExportFile.as_view(http_method_names=["get", "head"])
export_manifest = ExportManifest.as_view(http_method_names=["get", "head"])
for _view in (exports, one_export, export_file, export_manifest):
    _view.permission = Declared.CLIENT  # type: ignore[attr-defined]  # read by the URL walk
