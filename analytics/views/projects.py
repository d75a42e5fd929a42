"""Projects, for administrators: agreements, members, their exports and who fetched what; their end."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from analytics.actions.projects import (
    add_member,
    amend_project,
    close_project,
    create_project,
    destroy_codes,
    remove_member,
)
from analytics.export_forms import MemberForm, ProjectAmendForm, ProjectForm
from analytics.models import Project
from analytics.projects import PROFILES
from analytics.queries.exports import ExportLine, downloads
from centers.access import required_scope, requires
from centers.confirmation import confirmed
from centers.form_page import FormPage, refusing, sent, show_form
from centers.forms import ActForm
from centers.models import User
from centers.roles import Permission

PAGE_SIZE = 50
LAST_EXPORTS = 50


@require_safe
@requires(Permission.MANAGE_PROJECTS)
def project_list(request: HttpRequest) -> HttpResponse:
    """All projects by name."""
    page = Paginator(Project.objects.all(), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "section": "administration",
        "tab": "project_list",
        "page": page,
        "profiles": PROFILES,
        "today": timezone.now().date(),
    }
    return render(request, "analytics/project_list.html", context)


@require_http_methods(["GET", "POST"])
@requires(Permission.MANAGE_PROJECTS)
@confirmed
def project_create(request: HttpRequest) -> HttpResponse:
    """A project under an agreement."""
    form = ProjectForm(sent(request))
    if form.is_valid():
        with refusing(form):
            made = create_project(actor=required_scope(), **form.cleaned_data)
            messages.success(request, _("The project is made. Add its members."))
            return redirect("project_detail", made.public_id)
    intro = _(
        "What leaves the registry leaves for a project, in its profile, while its agreement holds."
    )
    return show_form(request, form, FormPage(_("New project"), _("Make it"), _crumbs(), intro))


@require_safe
@requires(Permission.MANAGE_PROJECTS)
def project_detail(request: HttpRequest, project: uuid.UUID) -> HttpResponse:
    """What is agreed, who belongs to it, what was exported and who fetched it."""
    found = _found(project)
    jobs = found.exports.select_related("requested_by", "approved_by", "cut")[:LAST_EXPORTS]
    context = {
        "section": "administration",
        "crumbs": _crumbs(),
        "project": found,
        "profile": _(PROFILES[found.profile]),
        "is_open": found.is_open(timezone.now().date()),
        "members": found.members.filter(removed_at=None).select_related("user"),
        "lines": [ExportLine(job) for job in jobs],
        "downloads": downloads("project", found.public_id),
    }
    return render(request, "analytics/project_detail.html", context)


@require_http_methods(["GET", "POST"])
@requires(Permission.MANAGE_PROJECTS)
@confirmed
def project_amend(request: HttpRequest, project: uuid.UUID) -> HttpResponse:
    """Change what is said of an open project."""
    found = _found(project)
    names = ("name", "agreement", "agreement_expires_on", "purpose", "recipients")
    form = ProjectAmendForm(sent(request), initial={name: getattr(found, name) for name in names})
    if form.is_valid():
        with refusing(form):
            amend_project(actor=required_scope(), project_id=found.pk, **form.cleaned_data)
            messages.success(request, _("Saved."))
            return redirect("project_detail", found.public_id)
    return show_form(request, form, FormPage(_("Amend a project"), _("Save"), _crumbs(found)))


@require_http_methods(["GET", "POST"])
@requires(Permission.MANAGE_PROJECTS)
@confirmed
def project_close(request: HttpRequest, project: uuid.UUID) -> HttpResponse:
    """Close a project: nothing more is exported, what was released is called back."""
    found = _found(project)
    form = ActForm(sent(request))
    if form.is_valid():
        with refusing(form):
            reason = form.cleaned_data["reason"]
            close_project(actor=required_scope(), project_id=found.pk, reason=reason)
            messages.success(request, _("The project is closed."))
            return redirect("project_detail", found.public_id)
    intro = _(
        "Nothing more is exported for it and what was released is called back. It stays closed."
    )
    page = FormPage(_("Close a project"), _("Close it"), _crumbs(found), intro, danger=True)
    return show_form(request, form, page)


@require_http_methods(["GET", "POST"])
@requires(Permission.MANAGE_PROJECTS)
@confirmed
def project_destroy(request: HttpRequest, project: uuid.UUID) -> HttpResponse:
    """Destroy the codes of a closed project."""
    found = _found(project)
    form = ActForm(sent(request))
    if form.is_valid():
        with refusing(form):
            reason = form.cleaned_data["reason"]
            count = destroy_codes(actor=required_scope(), project_id=found.pk, reason=reason)
            messages.success(request, _("Destroyed: %(count)s codes.") % {"count": count})
            return redirect("project_detail", found.public_id)
    intro = _(
        "Nobody, the registry included, can then link the project's files to records. For ever."
    )
    page = FormPage(
        _("Destroy a project's codes"), _("Destroy them"), _crumbs(found), intro, danger=True
    )
    return show_form(request, form, page)


@require_http_methods(["GET", "POST"])
@requires(Permission.MANAGE_PROJECTS)
@confirmed
def project_add_member(request: HttpRequest, project: uuid.UUID) -> HttpResponse:
    """Let a person request and fetch the project's exports."""
    found = _found(project)
    form = MemberForm(sent(request))
    if form.is_valid():
        with refusing(form):
            user = form.cleaned_data["user"]
            add_member(actor=required_scope(), project_id=found.pk, user_id=user.pk)
            messages.success(request, _("Added."))
            return redirect("project_detail", found.public_id)
    return show_form(request, form, FormPage(_("Add a member"), _("Add"), _crumbs(found)))


@require_POST
@requires(Permission.MANAGE_PROJECTS)
@confirmed
def project_remove_member(
    request: HttpRequest, project: uuid.UUID, user: uuid.UUID
) -> HttpResponse:
    """End a person's access to the project's exports."""
    found = _found(project)
    person = User.objects.filter(public_id=user).first()
    if person is None:
        raise Http404
    remove_member(actor=required_scope(), project_id=found.pk, user_id=person.pk)
    messages.success(request, _("Removed."))
    return redirect("project_detail", found.public_id)


def _found(project: uuid.UUID) -> Project:
    found = Project.objects.filter(public_id=project).first()
    if found is None:
        raise Http404
    return found


def _crumbs(project: Project | None = None) -> list[tuple[str, str]]:
    found = [(reverse("project_list"), _("Projects"))]
    if project is not None:
        found.append((reverse("project_detail", args=[project.public_id]), project.name))
    return found
