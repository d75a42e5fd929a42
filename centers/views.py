"""Pages of the floor: the first password of an invited person, and who is there once more."""

from __future__ import annotations

from django import forms
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.views import PasswordResetConfirmView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.utils.http import url_has_allowed_host_and_scheme

from centers.access import acting, scope_of, signed_in
from centers.confirmation import note_confirmation
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


class ConfirmForm(forms.Form):
    """The password once more."""

    password = forms.CharField(
        strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )


@signed_in
def confirm(request: HttpRequest) -> HttpResponse:
    """Who is there? Then back to the page that asked."""
    form = ConfirmForm(request.POST or None)
    wanted = request.POST.get("next") or request.GET.get("next", "")
    if form.is_valid():
        assert isinstance(request.user, User)
        if request.user.check_password(form.cleaned_data["password"]):
            note_confirmation(request, signing=True)
            safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()})
            return redirect(wanted if safe else reverse("home"))
        form.add_error("password", "This is not the password of your account.")
    context = {"form": form, "next": wanted, "section": "account"}
    return render(request, "centers/confirm.html", context, status=400 if form.errors else 200)
