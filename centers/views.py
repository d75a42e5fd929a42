"""Pages of the floor: the first password of an invited person, and who is there once more."""

from __future__ import annotations

from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.views import PasswordResetConfirmView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.views.decorators.http import require_http_methods

from centers.access import acting, scope_of, signed_in
from centers.account.adapter import safe_path
from centers.account.limits import SIGNING
from centers.account.proofs import check_confirmation, proof_context, signing_is_paused
from centers.confirmation import note_confirmation
from centers.invitations import link_tokens
from centers.models import User


class WelcomeView(PasswordResetConfirmView):
    """Set a password by a one-time link, then sign in with it."""

    template_name = "registration/password_set.html"
    success_url = reverse_lazy("login")
    token_generator = link_tokens

    def get_user(self, uidb64: str) -> User | None:
        """The invited person; an account that was closed since then, or none, has no valid link."""
        user = super().get_user(uidb64)
        return user if isinstance(user, User) and user.is_active else None

    def form_valid(self, form: SetPasswordForm[User]) -> HttpResponse:
        """The audit event of the change names the person, who is not signed in yet."""
        with acting(scope_of(form.user)):
            answer = super().form_valid(form)
            form.user.sessions.all().delete()
        return answer


@signed_in
@require_http_methods(["GET", "POST"])
def confirm(request: HttpRequest) -> HttpResponse:
    """Who is there? Then back to the page that asked, with a new key of the session."""
    assert isinstance(request.user, User)
    wanted = request.POST.get("next") or request.GET.get("next", "")
    status, problem = 200, ""
    if request.method == "POST":
        status, problem = check_confirmation(request, request.user)
        if status == 200:
            request.session.cycle_key()
            note_confirmation(request, signing=True)
            return redirect(safe_path(request, wanted))
    context = {
        "next": wanted,
        "problem": problem,
        "section": "account",
        "has_password": request.user.has_usable_password(),
        "signing_minutes": SIGNING.minutes_left() if signing_is_paused(request.user) else 0,
    }
    context |= proof_context(request.user)
    return render(request, "centers/confirm.html", context, status=status)
