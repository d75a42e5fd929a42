"""API clients, for administrators: the list, a new one with its secret shown once, and its end."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from analytics.actions.clients import create_client, revoke_client
from analytics.forms import ClientForm
from analytics.queries.clients import client_line, find_client, listed_clients
from centers.access import required_scope, requires
from centers.confirmation import confirmed
from centers.form_page import FormPage, refusing, sent, show_form
from centers.forms import ActForm
from centers.roles import Permission

PAGE_SIZE = 50


@require_safe
@requires(Permission.MANAGE_CLIENTS)
def client_list(request: HttpRequest) -> HttpResponse:
    """All API clients and whether they may still be used."""
    page = Paginator(listed_clients(), PAGE_SIZE).get_page(request.GET.get("page"))
    now = timezone.now()
    context = {
        "section": "administration",
        "tab": "client_list",
        "page": page,
        "clients": [client_line(client, now) for client in page.object_list],
    }
    return render(request, "analytics/client_list.html", context)


@require_http_methods(["GET", "POST"])
@requires(Permission.MANAGE_CLIENTS)
@confirmed
def client_create(request: HttpRequest) -> HttpResponse:
    """Make a client; its secret is shown in the answer and nowhere else."""
    form = ClientForm(sent(request))
    if form.is_valid():
        with refusing(form):
            client, secret = create_client(actor=required_scope(), **form.client)
            context = {"section": "administration", "client": client, "secret": secret}
            return render(request, "analytics/client_secret.html", context | {"crumbs": _crumbs()})
    intro = _(
        "A client fetches figures and de-identified outcomes over the REST API, with tokens of five"
        " minutes. Its secret is shown once, after this page; only a hash of it is kept."
    )
    page = FormPage(_("New API client"), _("Make the client"), _crumbs(), intro)
    return show_form(request, form, page)


@require_http_methods(["GET", "POST"])
@requires(Permission.MANAGE_CLIENTS)
@confirmed
def client_revoke(request: HttpRequest, client: uuid.UUID) -> HttpResponse:
    """End a client now."""
    found = find_client(client)
    if found is None:
        raise Http404
    form = ActForm(sent(request))
    if form.is_valid():
        with refusing(form):
            reason = form.cleaned_data["reason"]
            done = revoke_client(actor=required_scope(), client_id=found.pk, reason=reason)
            messages.success(
                request, _("The client is revoked.") if done else _("It was revoked already.")
            )
            return redirect("client_list")
    intro = _("Requests of “%(name)s” are refused from now on, with the tokens it has, too.") % {
        "name": found.name
    }
    page = FormPage(_("Revoke an API client"), _("Revoke"), _crumbs(), intro, danger=True)
    return show_form(request, form, page)


def _crumbs() -> list[tuple[str, str]]:
    return [(reverse("client_list"), _("API clients"))]
