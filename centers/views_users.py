"""People, for administrators: the list, one account with its memberships, invitations, changes."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from centers.access import required_scope, requires
from centers.actions.users import (
    add_membership,
    amend_user,
    end_membership,
    invite_user,
)
from centers.confirmation import confirmed
from centers.form_page import FormPage, refusing, sent, show_form
from centers.forms import EndForm, InvitationForm, MembershipForm, PersonForm
from centers.invitation_mail import mail_is_set_up, mail_link
from centers.models import Center, User
from centers.queries.administration import (
    ROLES,
    STATES,
    PeopleFilters,
    find_membership,
    find_person,
    listed_people,
    memberships_of,
)
from centers.roles import Permission

PAGE_SIZE = 50


@require_safe
@requires(Permission.MANAGE_USERS)
def user_list(request: HttpRequest) -> HttpResponse:
    """All accounts of people; the filters are the page's address."""
    centers = list(Center.objects.order_by("code"))
    filters = PeopleFilters.read(request.GET, centers)
    page = Paginator(listed_people(filters), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "section": "administration",
        "tab": "user_list",
        "filters": filters,
        "page": page,
        "people": list(page.object_list),
        "centers": centers,
        "roles": ROLES,
        "states": STATES,
    }
    return render(request, "centers/user_list.html", context)


@require_safe
@requires(Permission.MANAGE_USERS)
def user_detail(request: HttpRequest, user: uuid.UUID) -> HttpResponse:
    """One account: who it is, what it may do, and what can be done with it."""
    person = person_or_404(user)
    context = {
        "section": "administration",
        "person": person,
        "memberships": memberships_of(person),
        "is_own": person.pk == required_scope().actor_id,
        "crumbs": crumbs_of(),
    }
    return render(request, "centers/user_detail.html", context)


@require_http_methods(["GET", "POST"])
@requires(Permission.MANAGE_USERS)
@confirmed
def user_create(request: HttpRequest) -> HttpResponse:
    """Invite a person: an account, its first membership, and the link to set a password."""
    form = InvitationForm(sent(request))
    if form.is_valid():
        with refusing(form):
            person, path = invite_user(
                actor=required_scope(), membership=form.membership, **form.person
            )
            return show_link(request, person, path)
    intro = _(
        "The account is made without a password. You get a link with which the person sets one."
    )
    return show_form(request, form, FormPage(_("Invite a person"), _("Invite"), crumbs_of(), intro))


@require_http_methods(["GET", "POST"])
@requires(Permission.MANAGE_USERS)
@confirmed
def user_amend(request: HttpRequest, user: uuid.UUID) -> HttpResponse:
    """Change a person's name or e-mail address."""
    person = person_or_404(user)
    form = PersonForm(sent(request), initial={"full_name": person.full_name, "email": person.email})
    if form.is_valid():
        with refusing(form):
            changed = amend_user(actor=required_scope(), user_id=person.pk, **form.cleaned_data)
            messages.success(request, _("Saved.") if changed else _("Nothing was changed."))
            return redirect("user_detail", user=user)
    heading = _("Amend the account of %(full_name)s") % {"full_name": person.full_name}
    return show_form(request, form, FormPage(heading, _("Save"), crumbs_of(person)))


@require_http_methods(["GET", "POST"])
@requires(Permission.MANAGE_USERS)
@confirmed
def membership_create(request: HttpRequest, user: uuid.UUID) -> HttpResponse:
    """Give a person one more role."""
    person = person_or_404(user)
    form = MembershipForm(sent(request))
    if form.is_valid():
        with refusing(form):
            add_membership(
                actor=required_scope(),
                user_id=person.pk,
                reason=form.cleaned_data["reason"],
                **form.membership,
            )
            messages.success(request, _("The membership is added. It acts from its first day on."))
            return redirect("user_detail", user=user)
    page = FormPage(
        _("New membership of %(full_name)s") % {"full_name": person.full_name},
        _("Add"),
        crumbs_of(person),
    )
    return show_form(request, form, page)


@require_http_methods(["GET", "POST"])
@requires(Permission.MANAGE_USERS)
@confirmed
def membership_end(request: HttpRequest, user: uuid.UUID, membership: uuid.UUID) -> HttpResponse:
    """End a person's role, at once or on a day."""
    person = person_or_404(user)
    line = find_membership(person, membership)
    if line is None:
        raise Http404
    form = EndForm(sent(request))
    if form.is_valid():
        with refusing(form):
            end_membership(
                actor=required_scope(), membership_id=line.membership.pk, **form.cleaned_data
            )
            messages.success(request, _("Saved: the membership ends as you said."))
            return redirect("user_detail", user=user)
    center = line.membership.center
    said = (
        _("%(role)s at %(center)s. The membership stays on the page, with its last day.")
        if center
        else _(
            "%(role)s in the whole registry. The membership stays on the page, with its last day."
        )
    )
    intro = said % {"role": line.role, "center": center.code if center else ""}
    heading = _("End a membership of %(full_name)s") % {"full_name": person.full_name}
    return show_form(
        request, form, FormPage(heading, _("End"), crumbs_of(person), intro, danger=True)
    )


def show_link(request: HttpRequest, person: User, path: str) -> HttpResponse:
    """Says that a one-time link was mailed; where that is not possible, the one page that shows it.

    Who can mail it does not see it: then no administrator holds another's way in.
    """
    url = request.build_absolute_uri(path)
    mailed = mail_link(person, url)
    context = {
        "section": "administration",
        "person": person,
        "url": "" if mailed else url,
        "hours": settings.PASSWORD_RESET_TIMEOUT // 3600,
        "mailed": mailed,
        "has_mail": mail_is_set_up(),
        "crumbs": crumbs_of(person),
    }
    return render(request, "centers/user_link.html", context)


def person_or_404(public_id: uuid.UUID) -> User:
    """The account of a person; the system account is no person's."""
    person = find_person(public_id)
    if person is None:
        raise Http404
    return person


def crumbs_of(person: User | None = None) -> Sequence[tuple[str, str]]:
    """The pages above: the list, and the person's own."""
    crumbs = [(reverse("user_list"), _("People"))]
    if person is not None:
        crumbs.append((reverse("user_detail", args=[person.public_id]), person.full_name))
    return crumbs
