"""Saved views of cohort pages: one's own list, a new one, and taking one away."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from analytics.actions.views import PAGES, known, remove_view, save_view
from analytics.forms import ViewForm
from analytics.models import SavedView
from centers.access import required_scope, requires
from centers.form_page import FormPage, refusing, sent, show_form
from centers.roles import Permission


@require_safe
@requires(Permission.VIEW_COHORT)
def view_list(request: HttpRequest) -> HttpResponse:
    """The reader's own saved views, each a link to its page."""
    views = [
        {"view": view, "page": _(PAGES[view.page]), "href": _address(view)}
        for view in SavedView.objects.filter(owner_id=required_scope().actor_id)
        if view.page in PAGES
    ]
    context = {"section": "cohort", "tab": "view_list", "views": views}
    return render(request, "analytics/view_list.html", context)


@require_http_methods(["GET", "POST"])
@requires(Permission.VIEW_COHORT)
def view_save(request: HttpRequest, page: str) -> HttpResponse:
    """Keep the page's view: its parameters stand in this address as they did in the page's."""
    if page not in PAGES:
        raise Http404
    form = ViewForm(sent(request))
    query = known(request.GET.urlencode())
    if form.is_valid():
        with refusing(form):
            save_view(actor=required_scope(), page=page, query=query, **form.cleaned_data)
            messages.success(request, _("The view is saved."))
            return redirect("view_list")
    back = reverse(page) + (f"?{query}" if query else "")
    intro = _("What is kept is the address of the page, no figure.")
    heading = FormPage(
        _("Save this view"), _("Save"), [(back, _(PAGES[page]))], intro, section="cohort"
    )
    return show_form(request, form, heading)


@require_POST
@requires(Permission.VIEW_COHORT)
def view_remove(request: HttpRequest, view: uuid.UUID) -> HttpResponse:
    """Take away one of one's own views."""
    if not remove_view(actor=required_scope(), public_id=view):
        raise Http404
    messages.success(request, _("The view is removed."))
    return redirect("view_list")


def _address(view: SavedView) -> str:
    return reverse(view.page) + (f"?{view.query}" if view.query else "")
