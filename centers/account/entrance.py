"""Pages before there is a session: sign-in, second factor, passkey, forgotten password."""

from __future__ import annotations

from typing import Any, Final

from allauth.account.internal.decorators import login_stage_required
from allauth.account.internal.flows.login import perform_login
from allauth.account.models import Login
from allauth.mfa.stages import AuthenticateStage
from allauth.mfa.webauthn.internal.flows import perform_passwordless_login
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from centers.access import acting, public, scope_of
from centers.account.adapter import safe_path
from centers.account.addresses import client_address
from centers.account.factors import AnyPasskeyForm, passkey_options
from centers.account.forms import ForgottenForm, SignInForm
from centers.account.limits import (
    ACCOUNT_AT_ADDRESS,
    ADDRESS,
    RESETS_OF_ADDRESS,
    account_subject,
    attempt,
    too_many,
)
from centers.account.proofs import check_proof, proof_context
from centers.account.resets import ask_for_links
from centers.backends import may_sign_in
from centers.invitation_mail import mail_is_set_up
from centers.models import User
from centers.sign_in import record_failure

PASSKEY_UNKNOWN: Final = gettext_noop("This passkey does not fit an account of the registry.")


@public
@never_cache
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponseBase:
    """User name and password; then the second factor, where the account has one."""
    wanted = request.POST.get("next") or request.GET.get("next", "")
    if request.user.is_authenticated:
        return redirect(safe_path(request, wanted))
    form, status, problem = SignInForm(request), 200, ""
    if request.method == "POST":
        form, status, problem = _check(request)
        if status == 200:
            login = Login(user=form.get_user(), redirect_url=safe_path(request, wanted))
            answer: HttpResponse = perform_login(request, login)
            return answer
    return sign_in_page(request, form, status, wanted, problem)


def _check(request: HttpRequest) -> tuple[SignInForm, int, str]:
    """The form, 200 right, 400 wrong, 429 not tried, and what to say. Wrong ones are counted."""
    name, address = request.POST.get("username", ""), client_address(request)
    tried = attempt((ACCOUNT_AT_ADDRESS, account_subject(name, address)), (ADDRESS, address))
    if tried.refused:
        return SignInForm(request), 429, too_many(tried)
    form = SignInForm(request, data=request.POST)
    if form.is_valid():
        tried.was_right()
        return form, 200, ""
    # What the form let through: a text that the database takes.
    typed = form.cleaned_data.get("username", "")
    user = User.objects.filter(username__iexact=typed).first()
    record_failure(user, "password", locked=tried.is_last)
    return form, 400, ""


def sign_in_page(
    request: HttpRequest, form: SignInForm, status: int, wanted: str, problem: str
) -> HttpResponse:
    """The page of the sign-in, as first shown or with what was wrong."""
    context = {
        "form": form,
        "next": wanted,
        "problem": problem,
        "by_mail": mail_is_set_up(),
        "hospital": settings.OIDC_NAME if settings.OIDC_ISSUER else "",
    }
    return render(request, "registration/login.html", context, status=status)


@public
@require_http_methods(["GET", "POST"])
@login_stage_required(stage=AuthenticateStage.key, redirect_urlname="login")  # type: ignore[untyped-decorator]
def second_factor(request: HttpRequest) -> HttpResponse:
    """A code or a passkey, after the first proof."""
    stage: Any = request._login_stage  # type: ignore[attr-defined]  # set by the decorator
    user: User = stage.login.user
    if not may_sign_in(user):
        answer: HttpResponse = stage.abort()
        return answer
    status, problem = 200, ""
    if request.method == "POST":
        form, status, problem = check_proof(request, user, "second factor")
        if status == 200:
            with acting(scope_of(user)):
                form.save()
                done: HttpResponse = stage.exit()
            return done
    return render(
        request,
        "account/second_factor.html",
        {"problem": problem} | proof_context(user),
        status=status,
    )


@public
@never_cache
@require_http_methods(["GET", "POST"])
def passkey_sign_in(request: HttpRequest) -> HttpResponseBase:
    """GET: what a passkey of any account may answer to (JSON). POST: its answer."""
    if request.method == "GET":
        return HttpResponse(passkey_options(None), content_type="application/json")
    wanted = request.POST.get("next", "")
    tried = attempt((ADDRESS, client_address(request)))
    if tried.refused:
        return sign_in_page(request, SignInForm(request), 429, wanted, too_many(tried))
    form = AnyPasskeyForm(data=request.POST)
    proof = form.cleaned_data["credential"] if form.is_valid() else None
    if proof is None or not may_sign_in(proof.user):
        record_failure(None, "passkey", locked=tried.is_last)
        return sign_in_page(request, SignInForm(request), 400, wanted, _(PASSKEY_UNKNOWN))
    tried.was_right()
    login = Login(user=proof.user, redirect_url=safe_path(request, wanted))
    with acting(scope_of(proof.user)):
        answer: HttpResponse = perform_passwordless_login(request, proof, login)
    return answer


@public
@require_http_methods(["GET", "POST"])
def forgotten(request: HttpRequest) -> HttpResponse:
    """Ask for a link by mail. The answer is the same whoever asks for whom."""
    form = ForgottenForm(request.POST or None)
    context = {"form": form, "by_mail": mail_is_set_up(), "sent": False}
    if not mail_is_set_up() or not form.is_valid():
        status = 400 if form.errors else 200
        return render(request, "account/forgotten.html", context, status=status)
    tried = attempt((RESETS_OF_ADDRESS, client_address(request)))
    if tried.refused:
        form.add_error(None, too_many(tried))
        return render(request, "account/forgotten.html", context, status=429)
    ask_for_links(form.cleaned_data["email"])
    return render(request, "account/forgotten.html", context | {"sent": True})
