"""Who must have a second factor and has none sees the page that sets one up, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from centers.access import current_scope
from centers.account.factors import has_factor
from centers.account.limits import LimitsUnavailable
from centers.models import User
from centers.roles import Permission
from centers.scope import Scope


def needs_factor(scope: Scope) -> bool:
    """Whether a role of the scope's person asks for a second factor (REGISTRY_MFA_ROLES)."""
    return not settings.REGISTRY_MFA_ROLES.isdisjoint(scope.role.split(","))


class SecondFactorMiddleware:
    """Stands below ScopeMiddleware, whose scope it reads.

    Pages that declare a permission need the factor; public ones and those of the own account
    (setting it up, signing out, confirming) do not.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Nothing but the hooks below."""
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        """Lead to the set-up page."""
        scope = current_scope()
        if scope is None or not isinstance(request.user, User):
            return None
        if not isinstance(getattr(view, "permission", None), Permission):
            return None
        if needs_factor(scope) and not has_factor(request.user):
            return redirect("account_setup")
        return None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Without the cache nobody proves who they are: say so."""
        if isinstance(exception, LimitsUnavailable):
            return render(request, "account/unavailable.html", status=503)
        return None
