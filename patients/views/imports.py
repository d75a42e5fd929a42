"""Import through the browser: upload, name columns, preview, commit, report, undo, list.

Every page is of one import of the reader's centers; another center's is as absent as none. Files and
previews are opened here alone, and reading them is an event.
"""

from __future__ import annotations

import csv
import uuid
from collections.abc import Callable, Sequence
from functools import partial
from io import BytesIO, StringIO
from typing import Any, Final

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from centers.access import required_scope, requires
from centers.audit import EventKind, record_event
from centers.cells import harmless
from centers.models import Center
from centers.roles import Permission
from patients.actions.import_jobs import (
    MOST_BYTES,
    ReasonMissing,
    UploadRefused,
    WrongState,
    check_import,
    commit_import,
    create_import,
    discard_import,
    name_columns,
    too_large,
    undo_import,
)
from patients.forms.import_columns import ColumnsForm
from patients.forms.page import REASON_MAX_LENGTH, Problem
from patients.import_jobs import ImportState
from patients.importing.report import COLUMNS as REPORT_COLUMNS
from patients.importing.templates import template_workbook, template_zip
from patients.models import ImportJob
from patients.queries.import_jobs import (
    CELLS,
    EFFECTS,
    FINDINGS,
    UNNAMED,
    find_import,
    import_jobs,
    read_all,
    read_columns,
    read_listing,
)
from patients.queries.import_summary import detail_of, summarize
from patients.tasks import hint_import
from patients.uploads import FIELD, TOO_LARGE

PAGE_SIZE: Final = 50
REFUSED: Final = 422
CONFLICT: Final = 409
PLACE: Final = {"section": "records"}
# Streams that a filter of the page of cells leaves.
KINDS: Final = {
    "error": gettext_noop("Errors"),
    "changed": gettext_noop("Changed"),
    "retracted": gettext_noop("Retracted"),
    "new": gettext_noop("New"),
    "unchanged": gettext_noop("Unchanged"),
}
TEMPLATES: Final[dict[str, tuple[Callable[[], bytes], str]]] = {
    "zip": (template_zip, "application/zip"),
    "xlsx": (
        template_workbook,
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
}
GONE: Final = gettext_noop(
    "Somebody else, or the worker, has gone on with this import. This is how it stands now."
)


def _importable() -> frozenset[int]:
    return required_scope().permitted.get(Permission.IMPORT_RECORDS, frozenset())


def _centers() -> list[Center]:
    return list(Center.objects.filter(id__in=_importable()).order_by("code"))


def _job_or_404(public_id: uuid.UUID) -> ImportJob:
    job = find_import(public_id, _importable())
    if job is None:
        raise Http404
    return job


def _note_reading(job: ImportJob, page: str) -> None:
    record_event(
        EventKind.READ, {"page": page, "import": str(job.public_id)}, center_id=job.center_id
    )


def _page_number(request: HttpRequest) -> int:
    text = request.GET.get("page", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 1


@require_safe
@requires(Permission.IMPORT_RECORDS)
def import_list(request: HttpRequest) -> HttpResponse:
    """Imports of the reader's centers: who, when, state, numbers."""
    page = Paginator(import_jobs(_importable()), PAGE_SIZE).get_page(request.GET.get("page"))
    lines = [(job, summarize(job)) for job in page.object_list]
    context = PLACE | {"page": page, "lines": lines, "centers": _centers()}
    return render(request, "patients/import_list.html", context)


@require_http_methods(["GET", "POST"])
@requires(Permission.IMPORT_RECORDS)
def import_create(request: HttpRequest) -> HttpResponse:
    """Choose a center and a file; the upload is checked by the worker."""
    centers = _centers()
    if request.method != "POST":
        return _upload_page(request, centers, [], 200)
    center = next((c for c in centers if c.code == request.POST.get("center")), None)
    sent = request.FILES.get(FIELD)
    problems = [] if center else [Problem(_("Choose a center"), "#id_center")]
    if getattr(request, TOO_LARGE, False):
        problems.append(Problem(too_large(), "#id_bundle"))
    elif sent is None:
        problems.append(
            Problem(_("Choose a file: a zip of CSV files, or a workbook"), "#id_bundle")
        )
    elif center is not None:
        try:
            job = create_import(actor=required_scope(), center_id=center.pk, content=sent.read())
        except UploadRefused as refusal:
            problems.append(Problem(str(refusal), "#id_bundle"))
        else:
            return _hinted(job)
    return _upload_page(request, centers, problems, REFUSED)


def _upload_page(
    request: HttpRequest, centers: Sequence[Center], problems: list[Problem], status: int
) -> HttpResponse:
    context = PLACE | {
        "centers": centers,
        "chosen": request.POST.get("center"),
        "problems": problems,
        "megabytes": MOST_BYTES >> 20,
    }
    return render(request, "patients/import_new.html", context, status=status)


def _hinted(job: ImportJob) -> HttpResponse:
    """To the page of the import, with a hint to the worker once all is committed."""
    transaction.on_commit(partial(hint_import, job.public_id), robust=True)
    return redirect("import_detail", job.public_id)


@require_safe
@requires(Permission.IMPORT_RECORDS)
def import_template(request: HttpRequest, kind: str) -> HttpResponseBase:
    """The empty bundle, as a zip of CSV files or a workbook."""
    if kind not in TEMPLATES:
        raise Http404
    make, media_type = TEMPLATES[kind]
    name = f"import-template.{kind}"
    content = BytesIO(make())
    return FileResponse(content, as_attachment=True, filename=name, content_type=media_type)


@require_safe
@requires(Permission.IMPORT_RECORDS)
def import_detail(request: HttpRequest, job: uuid.UUID) -> HttpResponse:
    """How the import stands: its numbers, what is wrong, what can be done next."""
    return _detail(request, _job_or_404(job), {}, 200)


def _detail(
    request: HttpRequest, job: ImportJob, more: dict[str, Any], status: int
) -> HttpResponse:
    context = PLACE | {"job": job, "summary": summarize(job), **detail_of(job), **more}
    return render(request, "patients/import_detail.html", context, status=status)


@require_http_methods(["GET", "POST"])
@requires(Permission.IMPORT_RECORDS)
def import_columns(request: HttpRequest, job: uuid.UUID) -> HttpResponse:
    """Say what files and columns of unknown names are; remembered for the center's next upload."""
    found = _job_or_404(job)
    if found.state != ImportState.COLUMNS:
        return redirect("import_detail", found.public_id)
    unnamed = next(iter(read_all(found, UNNAMED)), {})
    form = ColumnsForm(unnamed, request.POST if request.method == "POST" else None)
    if request.method == "POST" and not form.problems:
        columns = form.columns(read_columns(found.center_id))
        try:
            name_columns(actor=required_scope(), job=found, columns=columns)
        except WrongState:
            return _overtaken(request, found)
        return _hinted(found)
    _note_reading(found, "import_columns")
    context = PLACE | {"job": found, "form": form}
    status = REFUSED if request.method == "POST" else 200
    return render(request, "patients/import_columns.html", context, status=status)


@require_safe
@requires(Permission.IMPORT_RECORDS)
def import_cells(request: HttpRequest, job: uuid.UUID) -> HttpResponse:
    """Old and new of every cell, by what becomes of its row."""
    found = _job_or_404(job)
    kind = request.GET.get("kind", "")
    streams = (kind,) if kind in CELLS else CELLS
    listing = read_listing(found, streams, _page_number(request))
    _note_reading(found, "import_cells")
    summary = summarize(found)
    kinds = [(name, _(words), summary.found.get(name, 0)) for name, words in KINDS.items()]
    context = PLACE | {
        "job": found,
        "summary": summary,
        "listing": listing,
        "kind": kind if kind in CELLS else "",
        "kinds": kinds,
    }
    return render(request, "patients/import_cells.html", context)


@require_safe
@requires(Permission.IMPORT_RECORDS)
def import_effects(request: HttpRequest, job: uuid.UUID) -> HttpResponse:
    """What becomes of eligibility and PFS, record by record."""
    found = _job_or_404(job)
    streams = EFFECTS if request.GET.get("all") else EFFECTS[:1]
    listing = read_listing(found, streams, _page_number(request))
    _note_reading(found, "import_effects")
    context = PLACE | {
        "job": found,
        "summary": summarize(found),
        "listing": listing,
        "all": len(streams) > 1,
    }
    return render(request, "patients/import_effects.html", context)


@require_safe
@requires(Permission.IMPORT_RECORDS)
def import_report(request: HttpRequest, job: uuid.UUID) -> HttpResponse:
    """The findings as CSV: file, row, column, check, severity, message."""
    found = _job_or_404(job)
    text = StringIO()
    writer = csv.DictWriter(text, REPORT_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for item in read_all(found, FINDINGS):
        writer.writerow({name: harmless(item[name]) for name in REPORT_COLUMNS})
    detail = {"what": "import_report", "import": str(found.public_id)}
    record_event(EventKind.DOWNLOAD, detail, center_id=found.center_id)
    response = HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8")
    name = f"import-report-{found.created_at:%Y-%m-%d}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@require_POST
@requires(Permission.IMPORT_RECORDS)
def import_check(request: HttpRequest, job: uuid.UUID) -> HttpResponse:
    """Make the preview anew."""
    found = _job_or_404(job)
    try:
        forget = "forget" in request.POST
        check_import(actor=required_scope(), job=found, forget=forget)
    except WrongState:
        return _overtaken(request, found)
    return _hinted(found)


@require_POST
@requires(Permission.IMPORT_RECORDS)
def import_commit(request: HttpRequest, job: uuid.UUID) -> HttpResponse:
    """Import what the preview shows."""
    found = _job_or_404(job)
    reason = request.POST.get("reason", "")[:REASON_MAX_LENGTH]
    try:
        commit_import(actor=required_scope(), job=found, reason=reason)
    except WrongState:
        return _overtaken(request, found)
    except ReasonMissing:
        return _without_reason(request, found)
    return _hinted(found)


@require_POST
@requires(Permission.IMPORT_RECORDS)
def import_undo(request: HttpRequest, job: uuid.UUID) -> HttpResponse:
    """Take a committed import back."""
    found = _job_or_404(job)
    reason = request.POST.get("reason", "")[:REASON_MAX_LENGTH]
    try:
        undo_import(actor=required_scope(), job=found, reason=reason)
    except WrongState:
        return _overtaken(request, found)
    except ReasonMissing:
        return _without_reason(request, found)
    return _hinted(found)


def _without_reason(request: HttpRequest, job: ImportJob) -> HttpResponse:
    problems = [Problem(_("Say why, for the history of the records"), "#id_reason")]
    return _detail(request, job, {"problems": problems}, REFUSED)


@require_POST
@requires(Permission.IMPORT_RECORDS)
def import_discard(request: HttpRequest, job: uuid.UUID) -> HttpResponse:
    """Throw the upload away."""
    found = _job_or_404(job)
    try:
        discard_import(actor=required_scope(), job=found)
    except WrongState:
        return _overtaken(request, found)
    messages.info(request, _("The upload was thrown away. Nothing of it was imported."))
    return redirect("import_list")


def _overtaken(request: HttpRequest, job: ImportJob) -> HttpResponse:
    """A step that is no longer there to be asked for: a second press, or another person's."""
    now = _job_or_404(job.public_id)
    return _detail(request, now, {"problems": [Problem(GONE)]}, CONFLICT)
