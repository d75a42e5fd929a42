"""Asking who is there once more, before acts that count: reveal, download, erasure, roles, signing.

A session remembers when its person last proved who they are, by signing in or on the page
`confirm`. A signature needs a proof of its own: it takes the one given since the last signature.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Concatenate, Final, ParamSpec, cast
from urllib.parse import urlencode

from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse

from centers.account.limits import SIGNING, is_spent

RECENT_SECONDS: Final = 300
_AT: Final = "confirmed_at"
_SIGNING: Final = "confirmed_for_signing"

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def note_confirmation(request: HttpRequest, *, signing: bool) -> None:
    """The person has just proved who they are; `signing`: on the page that asks for it."""
    request.session[_AT] = time.time()
    request.session[_SIGNING] = signing


def recently_confirmed(request: HttpRequest) -> bool:
    """Whether that was in the last five minutes."""
    return bool(0 <= time.time() - request.session.get(_AT, 0) < RECENT_SECONDS)


def may_sign(request: HttpRequest) -> bool:
    """Whether the page `confirm` was answered within five minutes and no signature has used it.

    After three wrong answers nobody signs for a while. Raises LimitsUnavailable.
    """
    proved = recently_confirmed(request) and bool(request.session.get(_SIGNING))
    return proved and not is_spent(SIGNING, str(request.user.pk))


def spend_signing(request: HttpRequest) -> None:
    """A signature was made: the next one asks again."""
    request.session[_SIGNING] = False


def confirmed(view: View[P]) -> View[P]:
    """A page that needs a proof of the last five minutes: else it leads to `confirm` and back.

    Put it below `requires`. A form sent too late is asked for again, after the confirmation.
    """
    return _guarded(view, recently_confirmed)


def confirmed_for_signing(view: View[P]) -> View[P]:
    """As `confirmed`, with a proof that no signature has used. The view calls `spend_signing`."""
    return _guarded(view, may_sign)


def _guarded(view: View[P], is_proved: Callable[[HttpRequest], bool]) -> View[P]:
    @functools.wraps(view)
    def wrapped(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not is_proved(request):
            # A page that was asked for comes back as it was asked for, filters included.
            wanted = request.get_full_path() if request.method == "GET" else request.path
            return redirect(f"{reverse('confirm')}?{urlencode({'next': wanted})}")
        return view(request, *args, **kwargs)

    return cast("View[P]", wrapped)


def _signed_in(request: HttpRequest | None, **_: object) -> None:
    if request is not None:
        note_confirmation(request, signing=False)


def connect() -> None:
    """Called once the apps are ready: signing in is a proof."""
    user_logged_in.connect(_signed_in, dispatch_uid="centers.confirmation")
