"""Signing in and out are events of the audit trail.

Django would write `last_login` outside any scope, which the audit trigger refuses; the event says
the same and more, so the column stays empty.
"""

from __future__ import annotations

from typing import Any, Final

from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db import transaction
from django.http import HttpRequest

from centers.access import acting, scope_of
from centers.account.sessions import note_start
from centers.audit import EventKind, record_event
from centers.models import SYSTEM_USER_ID, User
from centers.roles import Role
from centers.scope import Scope

# Django connects its own receiver under this id only when none has it yet.
DJANGOS_RECEIVER: Final = "update_last_login"


def connect() -> None:
    """Called once the apps are ready; takes the place of Django's receiver, whichever comes first."""
    user_logged_in.disconnect(dispatch_uid=DJANGOS_RECEIVER)
    user_logged_in.connect(_signed_in, dispatch_uid=DJANGOS_RECEIVER)
    user_logged_out.connect(_signed_out, dispatch_uid="centers.sign_out")


def record_failure(user: User | None, step: str, *, locked: bool) -> None:
    """A wrong attempt, and whether further ones are refused for a while.

    The event names the account that was tried, or none; never what was typed. Nobody has proved to
    be that person, so the system is the actor.
    """
    detail = {"account": user.pk if user else None, "step": step}
    with acting(Scope(SYSTEM_USER_ID, Role.SYSTEM.value)), transaction.atomic():
        record_event(EventKind.SIGN_IN_FAILED, detail)
        if locked:
            record_event(EventKind.LOCKED_OUT, detail)


def _signed_in(user: User, request: HttpRequest | None, **_: Any) -> None:
    if request is not None:
        note_start(request)
    _record(EventKind.SIGN_IN, user)


def _signed_out(user: User | None, **_: Any) -> None:
    if isinstance(user, User):
        _record(EventKind.SIGN_OUT, user)


def _record(kind: EventKind, user: User) -> None:
    with acting(scope_of(user)), transaction.atomic():
        record_event(kind, {})
