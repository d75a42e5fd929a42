"""Second factors: authenticator apps (TOTP), passkeys (WebAuthn), recovery codes.

allauth does the ceremonies; what is decided here: a code works once, wrong ones are counted with
the account they are for, a passkey always asks for the finger or the PIN of its owner.
"""

from __future__ import annotations

import json
import logging
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from allauth.core.internal.cryptokit import normalize_user_code
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.forms import AuthenticateWebAuthnForm
from allauth.mfa.webauthn.internal import auth as webauthn
from cryptography.exceptions import InvalidTag
from django import forms
from django.core.cache import cache
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from centers.account.limits import counting
from centers.models import User

logger = logging.getLogger(__name__)
FIRST: Final = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
# A code is good for its half minute and the ones before and after.
CODE_SECONDS: Final = 120
USED: Final = gettext_lazy("This code was used already. Wait for the next one.")
MISSING: Final = gettext_lazy("Enter the code.")
CLOSED: Final = gettext_lazy(
    "Your codes cannot be checked any more. Use a passkey, or have an administrator reset your second factor."
)


@dataclass(frozen=True, slots=True)
class Factor:
    """A line of the account page. `codes_left` is of recovery codes only."""

    id: int
    kind: str
    name: str
    added: datetime
    used: datetime | None
    codes_left: int | None = None


def has_factor(user: User, *kinds: str) -> bool:
    """Whether the account has one of these (by default: one that a sign-in asks for)."""
    found: bool = Authenticator.objects.filter(user_id=user.pk, type__in=kinds or FIRST).exists()
    return found


def has_code(user: User) -> bool:
    """Whether the person can type a code."""
    return has_factor(user, Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES)


def has_passkey(user: User) -> bool:
    """Whether a passkey of the account is registered."""
    return has_factor(user, Authenticator.Type.WEBAUTHN)


def factors_of(user: User) -> list[Factor]:
    """All of an account, oldest first."""
    return [_factor(row) for row in Authenticator.objects.filter(user_id=user.pk).order_by("id")]


def _factor(row: Any) -> Factor:
    names = {
        Authenticator.Type.TOTP: _("Authenticator app"),
        Authenticator.Type.RECOVERY_CODES: _("Recovery codes"),
    }
    left = _codes_left(row) if row.type == Authenticator.Type.RECOVERY_CODES else None
    name = names.get(row.type) or row.wrap().name
    return Factor(row.pk, row.type, name, row.created_at, row.last_used_at, left)


def _codes_left(row: Any) -> int:
    try:
        return len(row.wrap().get_unused_codes())
    except InvalidTag:  # sealed under another key: nobody can use them
        return 0


def passkey_options(user: User | None) -> str:
    """JSON for the browser: which passkeys may answer, and to what. None: any that it holds."""
    return json.dumps(webauthn.begin_authentication(user))


def registration_options(user: User) -> str:
    """JSON for the browser: make a passkey that can sign in by itself."""
    return json.dumps(webauthn.begin_registration(user, True))


def spend_code(user: User, code: str) -> bool:
    """Note that a code was used; False when it was before. Raises LimitsUnavailable."""
    key = f"code-used:{user.pk}:{normalize_user_code(code)}"
    with counting():
        return cache.add(key, 1, CODE_SECONDS)


class CodeForm(AuthenticateForm):  # type: ignore[misc]
    """Six digits of an authenticator app, or a recovery code."""

    code = forms.CharField(
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
        error_messages={"required": MISSING},
    )

    def clean_code(self) -> str:
        """Raises ValidationError for a wrong code and for one that was used, LimitsUnavailable."""
        try:
            with counting():
                code: str = super().clean_code()
        except InvalidTag:
            logger.error("a second factor does not open: see registry.W004 of check --deploy")
            raise forms.ValidationError(CLOSED) from None
        if not spend_code(self.user, code):
            raise forms.ValidationError(USED)
        return code


@contextmanager
def reading_answers() -> Iterator[None]:
    """Answers of passkeys are whatever was sent: the library falls over what is not well formed."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, struct.error):
        raise forms.ValidationError(_("This is no answer of a passkey.")) from None


class PasskeyForm(AuthenticateWebAuthnForm):  # type: ignore[misc]
    """The answer of a passkey of this account, which the page's script puts into a hidden field."""

    def clean_credential(self) -> Any:
        """The factor that answered. Raises ValidationError."""
        with reading_answers():
            return super().clean_credential()


class AnyPasskeyForm(PasskeyForm):
    """The same where nobody has said who they are: the answer names the account."""

    passwordless = True

    def __init__(self, **values: Any) -> None:
        super().__init__(user=None, **values)
