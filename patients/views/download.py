"""A site takes its own records out: the bundle that the import reads, and signatures and locks."""

from __future__ import annotations

from contextlib import ExitStack
from tempfile import TemporaryFile
from typing import IO, Final

from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_http_methods

from centers.access import required_scope, requires
from centers.confirmation import confirmed
from centers.models import Center
from centers.roles import Permission
from patients.exporting.bundle import write_bundle, write_signatures
from patients.forms.page import Problem

REFUSED: Final = 422
# What may be asked for: words on the page, end of the file name, media type.
FILES: Final = {
    "records": (
        gettext_noop("Records, as an import bundle (zip of CSV files)"),
        "records.zip",
        "application/zip",
    ),
    "signatures": (
        gettext_noop("Signatures and locks (CSV)"),
        "signatures.csv",
        "text/csv; charset=utf-8",
    ),
}


@require_http_methods(["GET", "POST"])
@requires(Permission.DOWNLOAD_RECORDS)
@confirmed
def record_download(request: HttpRequest) -> HttpResponseBase:
    """Choose center and file; the answer to the POST is the file."""
    ids = required_scope().permitted.get(Permission.DOWNLOAD_RECORDS, frozenset())
    centers = list(Center.objects.filter(id__in=ids).order_by("code"))
    if request.method != "POST":
        return _page(request, centers, [], 200)
    center = next((c for c in centers if c.code == request.POST.get("center")), None)
    what = request.POST.get("what", "")
    if center is None or what not in FILES:
        problems = [] if center else [Problem(_("Choose a center"), "#id_center")]
        problems += [] if what in FILES else [Problem(_("Choose a file"), "#id_what_1")]
        return _page(request, centers, problems, REFUSED)
    return _file(center, what)


def _file(center: Center, what: str) -> FileResponse:
    """The file, without a name on any disk; gone when it has been sent."""
    write = write_bundle if what == "records" else write_signatures
    with ExitStack() as stack:
        file: IO[bytes] = stack.enter_context(TemporaryFile())
        write(actor=required_scope(), center=center, target=file)
        stack.pop_all()  # from here on the response closes it
    __, end, media_type = FILES[what]
    name = f"{center.code}-{timezone.now():%Y-%m-%d}-{end}"
    response = FileResponse(file, as_attachment=True, filename=name, content_type=media_type)
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _page(
    request: HttpRequest, centers: list[Center], problems: list[Problem], status: int
) -> HttpResponse:
    context = {
        "section": "records",
        "centers": centers,
        "files": [(name, _(words)) for name, (words, *__) in FILES.items()],
        "chosen": request.POST,
        "problems": problems,
    }
    return render(request, "patients/download.html", context, status=status)
