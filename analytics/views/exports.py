"""Exports: the list, asking for one, watching it, deciding on it, fetching its files; the codebook."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from analytics.actions.exports import (
    approve_export,
    call_back_export,
    end_export,
    refuse_export,
    request_export,
)
from analytics.export_forms import DecisionForm, ExportForm
from analytics.exporting.codebook import codebook
from analytics.exporting.download import Wanted, find_file, send_file
from analytics.exporting.manifest import public_key_pem
from analytics.models import ExportJob
from analytics.projects import PROFILES
from analytics.queries.exports import (
    ExportLine,
    downloads,
    find_export,
    may_fetch,
    projects_of,
    seen_exports,
)
from centers.access import public, required_scope, requires
from centers.confirmation import confirmed
from centers.form_page import FormPage, refusing, sent, show_form
from centers.forms import ActForm
from centers.roles import Permission

PAGE_SIZE = 50


@require_safe
@requires(Permission.REQUEST_EXPORTS)
def export_list(request: HttpRequest) -> HttpResponse:
    """Exports of the reader's projects, newest first."""
    page = Paginator(seen_exports(required_scope()), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "section": "exports",
        "tab": "export_list",
        "page": page,
        "lines": [ExportLine(job) for job in page.object_list],
        "profiles": PROFILES,
        "is_member": projects_of(required_scope()).exists(),
    }
    return render(request, "analytics/export_list.html", context)


@require_http_methods(["GET", "POST"])
@requires(Permission.REQUEST_EXPORTS)
@confirmed
def export_create(request: HttpRequest) -> HttpResponse:
    """Ask for an export."""
    form = ExportForm(sent(request), projects_of(required_scope()))
    if form.is_valid():
        with refusing(form):
            job, _is_new = request_export(actor=required_scope(), **form.wanted)
            messages.success(request, _("The export is asked for: the worker builds it now."))
            return redirect("export_detail", job.public_id)
    intro = _(
        "The worker reads the frozen data cut, not the records of today. For research a second"
        " person reads the report of risk and releases the files."
    )
    page = FormPage(_("New export"), _("Ask for it"), _crumbs(), intro, section="exports")
    return show_form(request, form, page)


@require_safe
@requires(Permission.REQUEST_EXPORTS)
def export_detail(request: HttpRequest, export: uuid.UUID) -> HttpResponse:
    """How far an export is, its report of risk, its files, and who fetched them."""
    job = _found(export)
    scope = required_scope()
    context = {
        "section": "exports",
        "crumbs": _crumbs(),
        "job": job,
        "line": ExportLine(job),
        "profile": _(PROFILES[job.profile]),
        "may_fetch": may_fetch(scope, job),
        "may_decide": scope.may(Permission.APPROVE_EXPORTS)
        and job.requested_by_id != scope.actor_id,
        "downloads": downloads("export", job.public_id),
    }
    return render(request, "analytics/export_detail.html", context)


@require_http_methods(["GET", "POST"])
@requires(Permission.APPROVE_EXPORTS)
@confirmed
def export_decide(request: HttpRequest, export: uuid.UUID) -> HttpResponse:
    """Release or refuse an export that waits for a second person."""
    job = _found(export)
    form = DecisionForm(sent(request))
    if form.is_valid():
        release = form.cleaned_data["decision"] == "release"
        act = approve_export if release else refuse_export
        with refusing(form):
            act(actor=required_scope(), job_id=job.pk, reason=form.cleaned_data["reason"])
            messages.success(request, _("Released.") if release else _("Refused."))
            return redirect("export_detail", job.public_id)
    intro = _(
        "For “%(name)s” under %(agreement)s. Read the report of risk first; your name and your reason stand in the audit trail."
    ) % {"name": job.project.name, "agreement": job.project.agreement}
    page = FormPage(_("Decide on an export"), _("Decide"), _crumbs(job), intro, section="exports")
    return show_form(request, form, page)


@require_http_methods(["GET", "POST"])
@requires(Permission.APPROVE_EXPORTS)
@confirmed
def export_call_back(request: HttpRequest, export: uuid.UUID) -> HttpResponse:
    """Call a released export back."""
    job = _found(export)
    form = ActForm(sent(request))
    if form.is_valid():
        with refusing(form):
            reason = form.cleaned_data["reason"]
            done = call_back_export(actor=required_scope(), job_id=job.pk, reason=reason)
            messages.success(request, _("Called back.") if done else _("It is not released."))
            return redirect("export_detail", job.public_id)
    intro = _(
        "Nobody fetches its files any more, and recipients find it on the list of revocations."
    )
    page = FormPage(
        _("Call an export back"),
        _("Call it back"),
        _crumbs(job),
        intro,
        danger=True,
        section="exports",
    )
    return show_form(request, form, page)


@require_http_methods(["GET", "POST"])
@requires(Permission.REQUEST_EXPORTS)
def export_end(request: HttpRequest, export: uuid.UUID) -> HttpResponse:
    """End an export that is needed no more; its files are removed."""
    job = _found(export)
    if request.method == "POST":
        done = end_export(actor=required_scope(), job_id=job.pk)
        messages.success(request, _("Ended.") if done else _("It had ended."))
        return redirect("export_detail", job.public_id)
    context = {"section": "exports", "job": job, "crumbs": _crumbs(job)}
    return render(request, "analytics/export_end.html", context)


@require_safe
@requires(Permission.REQUEST_EXPORTS)
@confirmed
def export_file(request: HttpRequest, export: uuid.UUID, file: str) -> HttpResponseBase:
    """A file of a released export, whole or a range; for members of its project."""
    job = _found(export)
    entry = find_file(job, file) if may_fetch(required_scope(), job) else None
    if entry is None:
        raise Http404
    headers = request.headers
    wanted = Wanted(
        headers.get("Range", ""), headers.get("If-Range", ""), headers.get("If-None-Match", "")
    )
    return send_file(job, entry, wanted)


@require_safe
@requires(Permission.REQUEST_EXPORTS)
def export_codebook(request: HttpRequest, profile: str) -> HttpResponse:
    """Every column that a profile releases."""
    if profile not in PROFILES:
        raise Http404
    context = {
        "section": "exports",
        "tab": "export_codebook",
        "book": codebook(profile),
        "profiles": PROFILES,
        "profile": profile,
    }
    return render(request, "analytics/export_codebook.html", context)


@require_safe
@public
def export_key(request: HttpRequest) -> HttpResponse:
    """The public key that verifies the manifests of exports."""
    return HttpResponse(public_key_pem(), content_type="application/x-pem-file")


def _found(export: uuid.UUID) -> ExportJob:
    job = find_export(required_scope(), export)
    if job is None:
        raise Http404
    return job


def _crumbs(job: ExportJob | None = None) -> list[tuple[str, str]]:
    found = [(reverse("export_list"), _("Exports"))]
    if job is not None:
        found.append((reverse("export_detail", args=[job.public_id]), job.project.name))
    return found
