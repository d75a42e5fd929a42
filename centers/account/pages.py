"""Pages of one's own account: who one is here, second factors, password, sessions."""

from __future__ import annotations

import base64
import uuid
from io import BytesIO
from typing import Any

import qrcode
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from allauth.mfa.totp.internal.flows import activate_totp
from allauth.mfa.webauthn.internal.flows import add_authenticator
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from qrcode.image.svg import SvgPathFillImage

from centers.access import required_scope, signed_in
from centers.account.adapter import FactorAdapter
from centers.account.factors import factors_of, has_factor, registration_options
from centers.account.forms import AppForm, PasskeyNameForm
from centers.account.limits import ANSWERS, attempt, too_many
from centers.account.middleware import needs_factor
from centers.account.sessions import is_own, living
from centers.actions.accounts import (
    change_password,
    end_own_sessions,
    new_recovery_codes,
    remove_factor,
)
from centers.confirmation import confirmed
from centers.models import Membership, User
from centers.roles import Role


def _reader(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


@signed_in
@require_safe
def account(request: HttpRequest) -> HttpResponse:
    """Everything about one's own account on a page."""
    user = _reader(request)
    held = Membership.objects.filter(user_id=user.pk).select_related("center")
    sessions = user.sessions.filter(living())
    factors = factors_of(user)
    context = {
        "section": "account",
        "memberships": [(_(Role(m.role).label), m) for m in held.order_by("starts_on", "id")],
        "today": timezone.now().date(),
        "factors": [f for f in factors if f.codes_left is None],
        "codes": next((f for f in factors if f.codes_left is not None), None),
        "needs_factor": needs_factor(required_scope()),
        "sessions": [(s, is_own(request, s.public_id)) for s in sessions.order_by("-seen_at")],
        "has_app": any(f.kind == Authenticator.Type.TOTP for f in factors),
    }
    return render(request, "account/account.html", context)


@signed_in
@require_safe
def setup(request: HttpRequest) -> HttpResponse:
    """Where people are led whose role asks for a second factor that they have not set up."""
    if has_factor(_reader(request)):
        return redirect("account")
    return render(request, "account/setup.html", {"section": "account"})


@signed_in
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def password(request: HttpRequest) -> HttpResponse:
    """A new password; the old one is asked for, and wrong ones are counted."""
    user, problem, status = _reader(request), "", 200
    form = PasswordChangeForm(user, request.POST or None)
    if request.method == "POST":
        tried = attempt((ANSWERS, str(user.pk)))
        if tried.refused:
            form, problem, status = PasswordChangeForm(user), too_many(tried), 429
        elif form.is_valid():
            tried.was_right()
            return _change(request, form.cleaned_data["new_password1"])
        else:
            status = 400
            if "old_password" not in form.errors:
                tried.was_right()
    context = {"section": "account", "form": form, "problem": problem}
    return render(request, "account/password.html", context, status=status)


def _change(request: HttpRequest, new: str) -> HttpResponse:
    user = change_password(
        actor=required_scope(), password=new, kept_session=request.session.session_key
    )
    update_session_auth_hash(request, user)
    messages.success(request, _("Your password is changed. Other sessions of yours have ended."))
    return redirect("account")


@signed_in
@confirmed
@require_http_methods(["GET", "POST"])
def add_app(request: HttpRequest) -> HttpResponse:
    """Scan a code with an authenticator app and type what it shows."""
    user, problem, status = _reader(request), "", 200
    if has_factor(user, Authenticator.Type.TOTP):
        return redirect("account")
    form: Any = AppForm(user=user, data=request.POST or None)
    if request.method == "POST":
        tried = attempt((ANSWERS, str(user.pk)))
        if not tried.refused and form.is_valid():
            tried.was_right()
            _app, codes = activate_totp(request, form)
            return _added(request, _("authenticator app"), codes)
        problem = (
            too_many(tried)
            if tried.refused
            else _("This code is not the one that the app shows now.")
        )
        status = 429 if tried.refused else 400
    context = {"section": "account", "form": form, "problem": problem} | _secret(user)
    return render(request, "account/add_app.html", context, status=status)


def _secret(user: User) -> dict[str, str]:
    """The picture to scan and the same as text."""
    secret = totp.get_totp_secret()
    drawn = BytesIO()
    url = FactorAdapter().build_totp_url(user, secret)
    qrcode.make(url, image_factory=SvgPathFillImage, border=3).save(drawn)
    picture = base64.b64encode(drawn.getvalue()).decode()
    spaced = " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))
    return {"picture": f"data:image/svg+xml;base64,{picture}", "secret": spaced}


@signed_in
@confirmed
@require_http_methods(["GET", "POST"])
def add_passkey(request: HttpRequest) -> HttpResponse:
    """Let the browser make a passkey."""
    user, status = _reader(request), 200
    form: Any = PasskeyNameForm(user=user, data=request.POST or None)
    if request.method == "POST":
        if form.is_valid():
            _key, codes = add_authenticator(
                request, name=form.cleaned_data["name"], credential=form.cleaned_data["credential"]
            )
            return _added(request, _("passkey"), codes)
        status = 400
    context = {
        "section": "account",
        "form": form,
        "problem": _("The passkey was not made. Try again.") if status == 400 else "",
        "options": registration_options(user),
    }
    return render(request, "account/add_passkey.html", context, status=status)


def _added(request: HttpRequest, what: str, codes: Any) -> HttpResponse:
    """With the first factor come recovery codes, shown this once."""
    _keep_this_session_alone(request)
    if codes is None:
        said = _("The %(what)s is added. Other sessions of yours have ended.")
        messages.success(request, said % {"what": what})
        return redirect("account")
    context = {"section": "account", "what": what, "codes": codes.wrap().generate_codes()}
    return render(request, "account/recovery_codes.html", context)


def _keep_this_session_alone(request: HttpRequest) -> None:
    """Sessions begun without the new factor, or with the one that is gone, end; this one gets a new key."""
    request.session.cycle_key()
    end_own_sessions(actor=required_scope(), kept_session=request.session.session_key)


@signed_in
@confirmed
@require_http_methods(["GET", "POST"])
def remove(request: HttpRequest) -> HttpResponse:
    """Choose a factor and remove it."""
    chosen = request.POST.get("factor", "")
    known = {str(factor.id): factor.id for factor in factors_of(_reader(request))}
    if chosen in known and remove_factor(actor=required_scope(), factor_id=known[chosen]):
        _keep_this_session_alone(request)
        said = _(
            "It is removed: nobody signs in with it any more. Other sessions of yours have ended."
        )
        messages.success(request, said)
        return redirect("account")
    factors = [f for f in factors_of(_reader(request)) if f.codes_left is None]
    context = {
        "section": "account",
        "factors": factors,
        "problem": _("Choose which one.") if request.method == "POST" else "",
        "needs_factor": needs_factor(required_scope()) and len(factors) == 1,
    }
    return render(
        request, "account/remove.html", context, status=400 if context["problem"] else 200
    )


@signed_in
@confirmed
@require_http_methods(["GET", "POST"])
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """Make new recovery codes, which are shown this once."""
    if not has_factor(_reader(request)):
        raise Http404
    codes = new_recovery_codes(actor=required_scope()) if request.method == "POST" else []
    context = {"section": "account", "codes": codes, "demo_exempt": settings.DEMO}
    return render(request, "account/recovery_codes.html", context)


@signed_in
@require_POST
def end_session(request: HttpRequest) -> HttpResponse:
    """End a session of one's own, or all others."""
    try:
        chosen = uuid.UUID(request.POST["session"]) if request.POST.get("session") else None
    except ValueError:
        raise Http404 from None
    ended = end_own_sessions(
        actor=required_scope(), kept_session=request.session.session_key, public_id=chosen
    )
    said = ngettext("%(number)s session has ended.", "%(number)s sessions have ended.", ended) % {
        "number": ended
    }
    messages.success(request, said if ended else _("There is no such session any more."))
    return redirect("account")
