"""Centers, for administrators: the list, one center with its members, and its changes."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from centers.access import required_scope, requires
from centers.actions.centers import amend_center, close_center, create_center, reopen_center
from centers.form_page import FormPage, refusing, sent, show_form
from centers.forms import ActForm, CenterForm, NewCenterForm
from centers.models import Center
from centers.queries.administration import find_center, listed_centers, members_of
from centers.roles import Permission


@require_safe
@requires(Permission.MANAGE_CENTERS)
def center_list(request: HttpRequest) -> HttpResponse:
    """All centers."""
    context = {"section": "administration", "tab": "center_list", "centers": listed_centers()}
    return render(request, "centers/center_list.html", context)


@require_safe
@requires(Permission.MANAGE_CENTERS)
def center_detail(request: HttpRequest, center: uuid.UUID) -> HttpResponse:
    """One center: its values and its members."""
    found = _center_or_404(center)
    context = {"section": "administration", "center": found, "members": members_of(found)}
    return render(request, "centers/center_detail.html", context | {"crumbs": _crumbs()})


@require_http_methods(["GET", "POST"])
@requires(Permission.MANAGE_CENTERS)
def center_create(request: HttpRequest) -> HttpResponse:
    """A new center."""
    form = NewCenterForm(sent(request))
    if form.is_valid():
        with refusing(form):
            center = create_center(
                actor=required_scope(), values=form.changes, reason=form.cleaned_data["reason"]
            )
            messages.success(
                request, _("Center %(code)s is in the registry.") % {"code": center.code}
            )
            return redirect("center_detail", center=center.public_id)
    return show_form(request, form, FormPage(_("New center"), _("Save"), _crumbs()))


@require_http_methods(["GET", "POST"])
@requires(Permission.MANAGE_CENTERS)
def center_amend(request: HttpRequest, center: uuid.UUID) -> HttpResponse:
    """Change values of a center."""
    found = _center_or_404(center)
    form = CenterForm(sent(request), initial=_values(found))
    if form.is_valid():
        with refusing(form):
            changed = amend_center(
                actor=required_scope(),
                center_id=found.pk,
                values=form.changes,
                reason=form.cleaned_data["reason"],
            )
            messages.success(request, _("Saved.") if changed else _("Nothing was changed."))
            return redirect("center_detail", center=center)
    return show_form(
        request,
        form,
        FormPage(_("Amend center %(code)s") % {"code": found.code}, _("Save"), _crumbs(found)),
    )


@require_http_methods(["GET", "POST"])
@requires(Permission.MANAGE_CENTERS)
def center_close(request: HttpRequest, center: uuid.UUID) -> HttpResponse:
    """Close a center."""
    found = _center_or_404(center)
    form = ActForm(sent(request))
    if form.is_valid():
        with refusing(form):
            close_center(
                actor=required_scope(), center_id=found.pk, reason=form.cleaned_data["reason"]
            )
            messages.success(request, _("Center %(code)s is closed.") % {"code": found.code})
            return redirect("center_detail", center=center)
    intro = _(
        "What was entered stays as it is, and so do its members: end their memberships as well."
    )
    page = FormPage(
        _("Close center %(code)s") % {"code": found.code},
        _("Close"),
        _crumbs(found),
        intro,
        danger=True,
    )
    return show_form(request, form, page)


@require_http_methods(["GET", "POST"])
@requires(Permission.MANAGE_CENTERS)
def center_reopen(request: HttpRequest, center: uuid.UUID) -> HttpResponse:
    """Make a closed center active again."""
    found = _center_or_404(center)
    form = ActForm(sent(request))
    if form.is_valid():
        with refusing(form):
            reopen_center(
                actor=required_scope(), center_id=found.pk, reason=form.cleaned_data["reason"]
            )
            messages.success(request, _("Center %(code)s is active.") % {"code": found.code})
            return redirect("center_detail", center=center)
    return show_form(
        request,
        form,
        FormPage(_("Reopen center %(code)s") % {"code": found.code}, _("Reopen"), _crumbs(found)),
    )


def _center_or_404(public_id: uuid.UUID) -> Center:
    center = find_center(public_id)
    if center is None:
        raise Http404
    return center


def _values(center: Center) -> dict[str, object]:
    return {name: getattr(center, name) for name in CenterForm.base_fields if name != "reason"}


def _crumbs(center: Center | None = None) -> Sequence[tuple[str, str]]:
    crumbs = [(reverse("center_list"), _("Centers"))]
    if center is not None:
        crumbs.append((reverse("center_detail", args=[center.public_id]), center.code))
    return crumbs
