"""Acts on a person's account that need nothing but a reason: each has its page, its route, its words."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_http_methods

from centers.access import Scope, required_scope, requires
from centers.actions.accounts import end_sessions, reset_second_factor
from centers.actions.users import deactivate_user, reactivate_user, renew_link
from centers.confirmation import confirmed
from centers.form_page import FormPage, refusing, sent, show_form
from centers.forms import ActForm, HouseForm
from centers.models import User
from centers.roles import Permission
from centers.views_users import crumbs_of, person_or_404, show_link


@dataclass(frozen=True, slots=True)
class Act:
    """One act. `heading` and `done` name the person as %(person)s."""

    heading: str
    intro: str
    button: str
    done: str
    run: Callable[[Scope, int, str], object]
    danger: bool = False
    form: type[HouseForm] = ActForm

    def page(self, person: User) -> FormPage:
        """Its page for one person."""
        heading = _(self.heading) % {"person": person.full_name}
        return FormPage(heading, _(self.button), crumbs_of(person), _(self.intro), self.danger)


def _page_of(act: Act, request: HttpRequest, user: uuid.UUID) -> HttpResponse:
    person = person_or_404(user)
    form = act.form(sent(request))
    if form.is_valid():
        with refusing(form):
            act.run(required_scope(), person.pk, form.cleaned_data.get("reason", ""))
            messages.success(request, _(act.done) % {"person": person.full_name})
            return redirect("user_detail", user=user)
    return show_form(request, form, act.page(person))


def _end_sessions(actor: Scope, user_id: int, reason: str) -> int:
    if actor.actor_id == user_id:
        # The answer to this very request could not be given any more.
        problem = _(
            "This is your own account. Ask another administrator, or use your account page."
        )
        raise ValidationError(problem)
    return end_sessions(actor=actor, user_id=user_id)


DEACTIVATE = Act(
    gettext_noop("Close the account of %(person)s"),
    gettext_noop(
        "The person is signed out everywhere and cannot sign in; API clients of the account are refused."
        " The account stays, with its memberships and its history, and can be reopened."
    ),
    gettext_noop("Close the account"),
    gettext_noop("Closed: the account of %(person)s."),
    lambda actor, user_id, reason: deactivate_user(actor=actor, user_id=user_id, reason=reason),
    danger=True,
)
REACTIVATE = Act(
    gettext_noop("Reopen the account of %(person)s"),
    gettext_noop(
        "Its memberships act again as far as they have not ended. The old password does not come back:"
        " make a one-time link afterwards."
    ),
    gettext_noop("Reopen the account"),
    gettext_noop("Open again: the account of %(person)s."),
    lambda actor, user_id, reason: reactivate_user(actor=actor, user_id=user_id, reason=reason),
)
END_SESSIONS = Act(
    gettext_noop("End the sessions of %(person)s"),
    gettext_noop("The person is signed out on every device, at once, and may sign in again."),
    gettext_noop("End the sessions"),
    gettext_noop("Signed out everywhere: %(person)s."),
    _end_sessions,
    form=HouseForm,
)
RESET_FACTOR = Act(
    gettext_noop("Reset the second factor of %(person)s"),
    gettext_noop(
        "For somebody who lost the telephone or the key: make sure who asks before you do this. All"
        " second factors and recovery codes are taken away and open sessions end; the password stays."
        " Where a role asks for a second factor, the next sign-in sets one up."
    ),
    gettext_noop("Reset"),
    gettext_noop("Taken away: the second factors of %(person)s."),
    lambda actor, user_id, reason: reset_second_factor(actor=actor, user_id=user_id, reason=reason),
    danger=True,
)


@require_http_methods(["GET", "POST"])
@requires(Permission.MANAGE_USERS)
@confirmed
def user_deactivate(request: HttpRequest, user: uuid.UUID) -> HttpResponse:
    """Close an account."""
    return _page_of(DEACTIVATE, request, user)


@require_http_methods(["GET", "POST"])
@requires(Permission.MANAGE_USERS)
@confirmed
def user_reactivate(request: HttpRequest, user: uuid.UUID) -> HttpResponse:
    """Open a closed account again."""
    return _page_of(REACTIVATE, request, user)


@require_http_methods(["GET", "POST"])
@requires(Permission.MANAGE_USERS)
@confirmed
def user_sessions(request: HttpRequest, user: uuid.UUID) -> HttpResponse:
    """Sign a person out everywhere."""
    return _page_of(END_SESSIONS, request, user)


@require_http_methods(["GET", "POST"])
@requires(Permission.MANAGE_USERS)
@confirmed
def user_second_factor(request: HttpRequest, user: uuid.UUID) -> HttpResponse:
    """Take away the second factors of a person who lost them."""
    return _page_of(RESET_FACTOR, request, user)


@require_http_methods(["GET", "POST"])
@requires(Permission.MANAGE_USERS)
@confirmed
def user_link(request: HttpRequest, user: uuid.UUID) -> HttpResponse:
    """Make a new one-time link; it is shown in the answer and nowhere else."""
    person = person_or_404(user)
    form = ActForm(sent(request))
    if form.is_valid():
        with refusing(form):
            reason = form.cleaned_data["reason"]
            path = renew_link(actor=required_scope(), user_id=person.pk, reason=reason)
            return show_link(request, person, path)
    intro = _(
        "For somebody who forgot the password or never used the first link. The present password,"
        " earlier links and open sessions end at once; a second factor stays."
    )
    heading = _("New one-time link for %(full_name)s") % {"full_name": person.full_name}
    return show_form(request, form, FormPage(heading, _("Make the link"), crumbs_of(person), intro))
