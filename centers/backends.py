"""Signing in with user name and password."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend

from centers.models import User


class AccountBackend(ModelBackend):
    """Django's own, except that a deployment knows no demo account: neither sign-in nor session."""

    def user_can_authenticate(self, user: Any) -> bool:
        """Whether the account is active and, if it is one of the demo, this is the demo."""
        return super().user_can_authenticate(user) and (settings.DEMO or not user.is_demo)


def may_sign_in(user: User) -> bool:
    """The same question where no password is asked: a passkey, a hospital's account, a second step."""
    return AccountBackend().user_can_authenticate(user)
