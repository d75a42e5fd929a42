"""What we tell allauth about this registry: whose secrets are sealed how, which steps a sign-in has."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from centers.account.addresses import client_address
from centers.account.secrets import seal, unseal
from centers.models import User


def safe_path(request: HttpRequest, wanted: str | None) -> str:
    """Where to go on: the wanted page if it is one of this site, else the start page."""
    # A path: other words would be taken for the name of a page.
    if (
        wanted
        and wanted.startswith("/")
        and url_has_allowed_host_and_scheme(
            wanted, {request.get_host()}, require_https=request.is_secure()
        )
    ):
        return wanted
    return reverse("home")


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Accounts are made by invitation; a sign-in has one step more where there is a second factor."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Nobody makes an account."""
        return False

    def get_login_stages(self) -> list[str]:
        """The steps between the first proof and the session."""
        return ["allauth.mfa.stages.AuthenticateStage"]

    def get_client_ip(self, request: HttpRequest) -> str:
        """As our own limits see it."""
        return client_address(request)

    def is_reauthentication_required(self, *, app: str) -> bool:
        """Our pages ask for it themselves, with `centers.confirmation.confirmed`."""
        return False

    def is_safe_url(self, url: str | None) -> bool:
        """This site alone, as `safe_path` says; the library would take every name it answers to."""
        return bool(url) and safe_path(context.request, url) == url

    def respond_user_inactive(self, request: HttpRequest, user: Any) -> HttpResponse:
        """A closed account is no account."""
        return redirect("login")

    def post_login(
        self, request: HttpRequest, user: Any, *, redirect_url: str | None, **_: Any
    ) -> HttpResponse:
        """Go on to where the person wanted to be."""
        return redirect(safe_path(request, redirect_url))

    def add_message(self, *arguments: Any, **values: Any) -> None:
        """Our pages say themselves what was done."""

    def send_notification_mail(self, *arguments: Any, **values: Any) -> None:
        """The audit trail and the account page tell it."""


class FactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Second factors: secrets sealed, people named by their user name."""

    def encrypt(self, text: str) -> str:
        """As stored."""
        return seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        """As used."""
        return unseal(encrypted_text)

    def generate_authenticator_name(self, user: User, type: Any) -> str:
        """What a passkey is called until its owner says otherwise."""
        number = Authenticator.objects.filter(user_id=user.pk, type=type).count() + 1
        return "Passkey" if number == 1 else f"Passkey {number}"

    def _get_user_identifier(self, user: User) -> str:
        return user.username
