"""One-time links with which a person sets the password of a new account, or one that was forgotten."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import base36_to_int, urlsafe_base64_encode

from centers.models import User


class LinkTokens(PasswordResetTokenGenerator):
    """Django's own: a token is spent when the password changes. A reset is good for a day only.

    A link for an account that has a password yet (it was forgotten) is a reset; one for an account
    without is an invitation, good for PASSWORD_RESET_TIMEOUT seconds (three days).
    """

    key_salt = "centers.invitations"

    def check_token(self, user: Any, token: str | None) -> bool:
        """Whether the link is this account's, unspent and young enough."""
        if not super().check_token(user, token):
            return False
        made = base36_to_int(str(token).split("-")[0])
        return self._age(made) <= link_seconds(user)

    def _age(self, made: int) -> int:
        return self._num_seconds(self._now()) - made


link_tokens = LinkTokens()


def link_seconds(user: User) -> int:
    """How long a link of the account is good for."""
    return (
        settings.RESET_LINK_SECONDS
        if user.has_usable_password()
        else settings.PASSWORD_RESET_TIMEOUT
    )


def site_address() -> str:
    """Where the registry is reached: the first trusted origin of the settings."""
    if settings.CSRF_TRUSTED_ORIGINS:
        return settings.CSRF_TRUSTED_ORIGINS[0]
    return "http://localhost:8000" if settings.DEMO else "https://" + settings.ALLOWED_HOSTS[0]


def invitation_path(user: User) -> str:
    """The path of the link; it works once, for three days (with a password yet: for one)."""
    return reverse(
        "welcome",
        kwargs={
            "uidb64": urlsafe_base64_encode(force_bytes(user.pk)),
            "token": link_tokens.make_token(user),
        },
    )
