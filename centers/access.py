"""The one place that says who may see or do what: it makes scopes and guards pages."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from typing import Concatenate, ParamSpec, cast

from django.contrib.auth.views import redirect_to_login
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from centers.models import SYSTEM_USER_ID, Center, Membership, User, in_force
from centers.roles import EVERY_CENTER, PERMISSIONS, REGISTRY_WIDE, Permission, Role
from centers.scope import Scope, acting, current_scope, one_snapshot, required_scope, set_reason

__all__ = [
    "Declared",
    "Scope",
    "acting",
    "current_scope",
    "one_snapshot",
    "pooled",
    "public",
    "required_scope",
    "requires",
    "revealing",
    "scope_of",
    "set_reason",
    "signed_in",
    "system_scope",
]

P = ParamSpec("P")


def pooled(scope: Scope) -> Scope:
    """The scope of pooled figures: rows of all centers, for aggregates only, and no writing.

    Unchanged for readers who hold the cohort permission only at centers of their own.
    """
    if Permission.VIEW_COHORT not in scope.registry_wide:
        return scope
    return replace(scope, center_ids=_all_center_ids(), permitted={})


def revealing(scope: Scope, *patient_ids: int) -> Scope:
    """The scope with the identifiers of these records, for the one page that shows them.

    The caller has checked the permission to reveal at their center, and records the event.
    """
    return replace(scope, revealed=patient_ids)


def scope_of(user: User, *, request_id: uuid.UUID | None = None) -> Scope:
    """What the user's memberships of today allow; role changes act on the next request."""
    request_id = request_id or uuid.uuid4()
    today = timezone.now().date()
    with acting(Scope(user.pk, "", request_id=request_id)), transaction.atomic():
        memberships = list(Membership.objects.filter(in_force(today), user_id=user.pk))
    permitted: dict[Permission, set[int]] = {}
    wide: set[Permission] = set()
    roles = {Role(membership.role) for membership in memberships}
    every = _all_center_ids() if roles & EVERY_CENTER else ()
    for membership in memberships:
        role = Role(membership.role)
        for permission in PERMISSIONS[role]:
            if membership.center_id is not None:
                permitted.setdefault(permission, set()).add(membership.center_id)
            elif role in EVERY_CENTER:
                permitted.setdefault(permission, set()).update(every)
            elif role in REGISTRY_WIDE:
                wide.add(permission)
    return Scope(
        user.pk,
        ",".join(sorted({m.role for m in memberships})),
        tuple(sorted(permitted.get(Permission.VIEW_RECORDS, ()))),
        {permission: frozenset(ids) for permission, ids in permitted.items()},
        frozenset(wide),
        request_id,
    )


def system_scope(role: Role = Role.SYSTEM) -> Scope:
    """Command-line and worker work: the built-in account, every center, every permission."""
    centers = _all_center_ids()
    return Scope(
        SYSTEM_USER_ID,
        role.value,
        centers,
        dict.fromkeys(Permission, frozenset(centers)),
        frozenset(Permission),
    )


def _all_center_ids() -> tuple[int, ...]:
    return tuple(Center.objects.order_by("id").values_list("id", flat=True))


View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def requires(permission: Permission, *, steady: bool = False) -> Callable[[View[P]], View[P]]:
    """A page needs this permission somewhere: anonymous goes to sign-in, others get 403.

    `steady`: all its numbers are of one moment, whatever is saved while it is made (`one_snapshot`).
    """

    def decorate(view: View[P]) -> View[P]:
        @functools.wraps(view)
        def wrapped(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            required_scope().require(permission)
            return view(request, *args, **kwargs)

        wrapped.permission = permission  # type: ignore[attr-defined]  # read by the URL walk
        wrapped.steady = steady  # type: ignore[attr-defined]  # read by the middleware
        return cast("View[P]", wrapped)

    return decorate


class Declared(StrEnum):
    """What a page may declare in place of a permission; None there means: open to anybody."""

    SIGNED_IN = "signed_in"
    # A program with a token; the view names the scope that the token must hold.
    CLIENT = "client"


def signed_in(view: View[P]) -> View[P]:
    """A page for everybody with an account, about nothing but that account."""

    @functools.wraps(view)
    def wrapped(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        return view(request, *args, **kwargs)

    wrapped.permission = Declared.SIGNED_IN  # type: ignore[attr-defined]  # read by the URL walk
    return cast("View[P]", wrapped)


def public(view: View[P]) -> View[P]:
    """A page for anybody: declared, so that a forgotten declaration is refused and fails the tests."""
    view.permission = None  # type: ignore[attr-defined]
    return view
