"""How long a session lasts: an end after idle time, and an absolute one after the sign-in.

The server holds both, whatever the browser does. Requests that a page sends by itself, such as
asking whether an outcome is there, are no sign of a person: their views are marked `in_background`,
or they carry the header BACKGROUND_HEADER, which can only ever shorten a session.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.signals import user_logged_in
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from centers.access import acting, scope_of
from centers.audit import EventKind, record_event
from centers.models import User

BACKGROUND_HEADER: Final = "X-Registry-Background"
# Seconds before the end at which a page warns.
WARNING_SECONDS: Final = 120
# Activity is noted at most so often: not every page has to write the session. A person who came
# back in between is signed out that much early, never late.
NOTE_SECONDS: Final = 20
# Seconds a page is told are rounded down to this, so that equal pages are equal.
ROUNDED_SECONDS: Final = 60
# What the browser forgets at the end of a session. Not "cookies": those of other sessions stay.
FORGOTTEN: Final = '"cache", "storage"'
_STARTED: Final = "limits_started"
_SEEN: Final = "limits_seen"

P = ParamSpec("P")
R = TypeVar("R", bound=HttpResponseBase)
View = Callable[Concatenate[HttpRequest, P], R]


@dataclass(frozen=True, slots=True)
class Remaining:
    """Seconds until the session ends when nobody does anything, and until it ends in any case."""

    idle: int
    absolute: int

    @property
    def seconds(self) -> int:
        """Until the nearer of the two."""
        return min(self.idle, self.absolute)


def in_background(view: View[P, R]) -> View[P, R]:
    """Requests of this view come from a page by itself. Put it above all other decorators."""
    view.in_background = True  # type: ignore[attr-defined]  # read by the middleware
    return view


def remaining(request: HttpRequest) -> Remaining:
    """What is left of the session; none of both for a session that nobody signed in to."""
    now = time.time()
    started = request.session.get(_STARTED, 0)
    seen = request.session.get(_SEEN, 0)
    return Remaining(
        int(seen + settings.REGISTRY_IDLE_MINUTES * 60 - now),
        int(started + settings.REGISTRY_SESSION_HOURS * 3600 - now),
    )


def note_activity(request: HttpRequest) -> None:
    """A person is there; the absolute end stays where it is."""
    request.session[_SEEN] = time.time()


def note_start(request: HttpRequest) -> None:
    """A person has signed in: both times begin."""
    request.session[_STARTED] = request.session[_SEEN] = time.time()


def told(request: HttpRequest) -> int:
    """Seconds that a page is told, for its warning."""
    return max(remaining(request).seconds, 0) // ROUNDED_SECONDS * ROUNDED_SECONDS


class SessionLimitsMiddleware:
    """Ends sessions that are over; stands below authentication and above the scope."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer as to a stranger when the session is over. At its end the browser forgets."""
        was_signed_in = SESSION_KEY in request.session
        if was_signed_in and remaining(request).seconds <= 0:
            _end(request)
        response = self.get_response(request)
        if was_signed_in and SESSION_KEY not in request.session:
            response.headers["Clear-Site-Data"] = FORGOTTEN
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> None:
        """Note activity, unless the request came from a page by itself."""
        if SESSION_KEY not in request.session or BACKGROUND_HEADER in request.headers:
            return
        if getattr(view, "in_background", False):
            return
        if settings.REGISTRY_IDLE_MINUTES * 60 - remaining(request).idle > NOTE_SECONDS:
            note_activity(request)


def _end(request: HttpRequest) -> None:
    """Sign out in the person's name; the event says that the clock did it."""
    if isinstance(request.user, User):
        with acting(scope_of(request.user)), transaction.atomic():
            record_event(EventKind.SIGN_OUT, {"by": "time-out"})
    request.session.flush()
    request.user = AnonymousUser()


def _signed_in(request: HttpRequest | None, **_: object) -> None:
    if request is not None:
        note_start(request)


def connect() -> None:
    """Called once the apps are ready: signing in starts the clocks."""
    user_logged_in.connect(_signed_in, dispatch_uid="centers.session_limits")
