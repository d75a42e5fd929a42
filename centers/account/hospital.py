"""Sign-in by a hospital's OpenID provider: away to its page, and back."""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import Any, Final

from allauth.account.internal.flows.login import perform_login
from allauth.account.models import Login
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from centers.access import public
from centers.account.adapter import safe_path
from centers.account.addresses import client_address
from centers.account.entrance import sign_in_page
from centers.account.forms import SignInForm
from centers.account.limits import ADDRESS, attempt, too_many
from centers.account.oidc import Asked, Named, Refused, authorization_url, begin, finish
from centers.actions.identities import person_named
from centers.sign_in import record_failure

logger = logging.getLogger(__name__)
SESSION_KEY: Final = "hospital"
UNKNOWN: Final = gettext_noop(
    "Your hospital's sign-in named no account of the registry. Ask your registry administrator."
)


def _return_url(request: HttpRequest) -> str:
    return request.build_absolute_uri(reverse("hospital_return"))


@public
@never_cache
@require_safe
def start(request: HttpRequest) -> HttpResponse:
    """Away to the hospital's page. While it does not answer, tries are counted: each waits for it."""
    if not settings.OIDC_ISSUER:
        raise Http404
    tried = attempt((ADDRESS, client_address(request)))
    if tried.refused:
        return sign_in_page(request, SignInForm(request), 429, "", too_many(tried))
    asked = begin()
    try:
        url = authorization_url(asked, _return_url(request))
    except Refused as reason:
        return _refused(request, reason)
    tried.was_right()
    kept = asdict(asked) | {"next": safe_path(request, request.GET.get("next"))}
    request.session[SESSION_KEY] = kept
    return redirect(url)


@public
@never_cache
@require_safe
def come_back(request: HttpRequest) -> HttpResponse:
    """Back with a code, which is good once; then the second step as for everybody."""
    kept: dict[str, Any] | None = request.session.pop(SESSION_KEY, None)
    if not settings.OIDC_ISSUER or kept is None:
        return redirect("login")
    tried = attempt((ADDRESS, client_address(request)))
    if tried.refused:
        return sign_in_page(request, SignInForm(request), 429, "", too_many(tried))
    wanted = kept.pop("next")
    try:
        named: Named = finish(Asked(**kept), request.GET.dict(), _return_url(request))
    except Refused as reason:
        return _refused(request, reason)
    person = person_named(named)
    if person is None:
        return _refused(request, Refused("no account"))
    tried.was_right()
    answer: HttpResponse = perform_login(request, Login(user=person, redirect_url=wanted))
    return answer


def _refused(request: HttpRequest, reason: Refused) -> HttpResponse:
    logger.warning("sign-in by the hospital was refused: %s", reason)
    record_failure(None, "hospital", locked=False)
    return sign_in_page(request, SignInForm(request), 400, "", _(UNKNOWN))
