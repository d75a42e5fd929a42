"""One-time links with which a person sets the password of a new account."""

from __future__ import annotations

from django.contrib.auth.tokens import default_token_generator
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from centers.models import User


def invitation_path(user: User) -> str:
    """The path of the link; it works once, for PASSWORD_RESET_TIMEOUT seconds (three days)."""
    return reverse(
        "welcome",
        kwargs={
            "uidb64": urlsafe_base64_encode(force_bytes(user.pk)),
            "token": default_token_generator.make_token(user),
        },
    )
