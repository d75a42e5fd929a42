"""Proving who one is: the checks that the second step of a sign-in and the page `confirm` share."""

from __future__ import annotations

from typing import Any, Final

from allauth.mfa.models import Authenticator
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from centers.access import acting, scope_of
from centers.account.addresses import client_address
from centers.account.factors import (
    CLOSED,
    MISSING,
    USED,
    CodeForm,
    PasskeyForm,
    has_code,
    has_factor,
    has_passkey,
    passkey_options,
)
from centers.account.limits import (
    ACCOUNT_AT_ADDRESS,
    ANSWERS,
    SIGNING,
    Attempt,
    account_subject,
    attempt,
    count,
    is_spent,
    too_many,
)
from centers.audit import EventKind, record_event
from centers.models import User
from centers.sign_in import record_failure

WRONG_CODE: Final = gettext_noop("This code is not right, or it is too old.")
WRONG_PASSKEY: Final = gettext_noop("This passkey did not answer as one of your account.")
WRONG_PASSWORD: Final = gettext_noop("This is not the password of your account.")


def proof_context(user: User) -> dict[str, Any]:
    """What the pages of a proof show: the form of a code, and what a passkey answers to."""
    return {
        "form": CodeForm(user=user) if has_code(user) else None,
        "has_app": has_factor(user, Authenticator.Type.TOTP),
        "options": passkey_options(user) if has_passkey(user) else "",
    }


def check_proof(request: HttpRequest, user: User, step: str) -> tuple[Any, int, str]:
    """The form of what was sent; 200 right, 400 wrong, 429 not tried; and what to say.

    Wrong ones are counted with the account. Raises LimitsUnavailable.
    """
    tried = attempt((ANSWERS, str(user.pk)))
    if tried.refused:
        return None, 429, too_many(tried)
    form, wrong = CodeForm(user=user, data=request.POST), WRONG_CODE
    if "credential" in request.POST:
        form, wrong = PasskeyForm(user=user, data=request.POST), WRONG_PASSKEY
    with acting(scope_of(user)):
        right = form.is_valid()
    if right:
        tried.was_right()
        return form, 200, ""
    record_failure(user, step, locked=tried.is_last)
    return form, 400, _said(form, _(wrong))


def _said(form: Any, otherwise: str) -> str:
    """A message of ours, or `otherwise` in place of one of the library's."""
    ours = (str(USED), str(MISSING), str(CLOSED))
    return next((text for text in form.errors.get("code", []) if text in ours), otherwise)


def check_confirmation(request: HttpRequest, user: User) -> tuple[int, str]:
    """As check_proof, on the page `confirm`: the password counts there too.

    Three wrong answers keep the account from signing for a while, and are an event.
    """
    if "password" not in request.POST:
        form, status, problem = check_proof(request, user, "confirmation")
        if status == 200:
            with acting(scope_of(user)):
                form.save()
    else:
        status, problem = _check_password(request, user)
    if status == 400 and count(SIGNING, str(user.pk)) == SIGNING.most:
        record_event(EventKind.SIGNING_REFUSED, {"minutes": SIGNING.minutes_left()})
    return status, problem


def signing_is_paused(user: User) -> bool:
    """Whether three wrong answers keep the account from signing just now. Raises LimitsUnavailable."""
    return is_spent(SIGNING, str(user.pk))


def _check_password(request: HttpRequest, user: User) -> tuple[int, str]:
    at_address = account_subject(user.username, client_address(request))
    tried: Attempt = attempt((ANSWERS, str(user.pk)), (ACCOUNT_AT_ADDRESS, at_address))
    if tried.refused:
        return 429, too_many(tried)
    if user.check_password(request.POST["password"]):
        tried.was_right()
        return 200, ""
    record_failure(user, "confirmation", locked=tried.is_last)
    return 400, _(WRONG_PASSWORD)
