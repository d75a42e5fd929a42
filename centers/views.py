"""Pages of the floor: the first password of an invited person."""

from __future__ import annotations

from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.views import PasswordResetConfirmView
from django.http import HttpResponse
from django.urls import reverse_lazy

from centers.access import acting, scope_of
from centers.models import User


class WelcomeView(PasswordResetConfirmView):
    """Set a password by a one-time link, then sign in with it."""

    template_name = "registration/password_set.html"
    success_url = reverse_lazy("login")

    def get_user(self, uidb64: str) -> User | None:
        """The invited person; an account that was closed since then, or none, has no valid link."""
        user = super().get_user(uidb64)
        return user if isinstance(user, User) and user.is_active else None

    def form_valid(self, form: SetPasswordForm[User]) -> HttpResponse:
        """The audit event of the change names the person, who is not signed in yet."""
        with acting(scope_of(form.user)):
            return super().form_valid(form)
