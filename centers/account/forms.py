"""Forms of signing in and of the own account."""

from __future__ import annotations

from typing import Any

from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.webauthn.forms import AddWebAuthnForm
from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.utils.translation import gettext_lazy as _

from centers.account.factors import reading_answers, spend_code


class SignInForm(AuthenticationForm):
    """User name and password. One message for whatever is wrong."""

    error_messages = {
        "invalid_login": _("This user name and password do not fit an account."),
        "inactive": _("This user name and password do not fit an account."),
    }

    def __init__(self, *arguments: Any, **values: Any) -> None:
        super().__init__(*arguments, **values)
        self.fields["username"].label = _("User name")
        # Passkeys are offered in the list of the field, where the browser knows one.
        self.fields["username"].widget.attrs["autocomplete"] = "username webauthn"


class ForgottenForm(forms.Form):
    """Where to send the link."""

    email = forms.EmailField(
        label=_("E-mail address"), widget=forms.EmailInput(attrs={"autocomplete": "email"})
    )


class AppForm(ActivateTOTPForm):  # type: ignore[misc]
    """The first code of an authenticator app; it counts as used."""

    code = forms.CharField(
        label=_("Code that the app shows"),
        max_length=20,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )

    def clean_code(self) -> str:
        """Raises ValidationError for a wrong code, LimitsUnavailable."""
        code: str = super().clean_code()
        spend_code(self.user, code)
        return code


class PasskeyNameForm(AddWebAuthnForm):  # type: ignore[misc]
    """A new passkey: what its owner calls it, and the browser's answer."""

    passwordless = None
    name = forms.CharField(
        label=_("What you call it"),
        max_length=60,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def clean(self) -> dict[str, Any]:
        """Raises ValidationError for an answer that is not one to this page."""
        with reading_answers():
            cleaned: dict[str, Any] = super().clean()
        return cleaned
