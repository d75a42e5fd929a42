"""Every address of the product with what it declares: methods, permission, confirmation.

Read from the resolver and the views themselves, so it cannot differ from what is served. The access
matrix is printed from it and the tests of access walk it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.urls import URLPattern, URLResolver, get_resolver

from centers.access import Declared
from centers.confirmation import may_sign, recently_confirmed
from centers.roles import PERMISSIONS, Permission, Role

UNDECLARED: Final = "undeclared"
_CONFIRMATIONS: Final = {
    recently_confirmed.__name__: "within 5 minutes",
    may_sign.__name__: "each time",
}


@dataclass(frozen=True, slots=True)
class Route:
    """One address. `methods` is empty where the view takes any; `permission` None: for anybody.

    `by_token`: programs sign in with a token, people cannot; it must hold `token_scope`, if any.
    """

    name: str
    path: str
    methods: tuple[str, ...]
    permission: Permission | Declared | str | None
    confirmation: str
    by_token: bool
    token_scope: str
    parameters: tuple[str, ...]

    @property
    def roles(self) -> tuple[Role, ...]:
        """Roles whose permissions let them in; pages about a record ask for its center besides."""
        signing_in = (role for role in Role if role is not Role.SYSTEM)
        if self.by_token:
            return ()
        if isinstance(self.permission, Permission):
            return tuple(role for role in signing_in if self.permission in PERMISSIONS[role])
        return tuple(signing_in)


def routes() -> list[Route]:
    """All routes, in the order of their paths."""
    found = [_route(path, pattern) for path, pattern in _patterns(get_resolver(), "/")]
    return sorted(found, key=lambda route: (route.path, route.name))


def _patterns(resolver: URLResolver, above: str) -> Iterator[tuple[str, URLPattern]]:
    for pattern in resolver.url_patterns:
        path = above + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _patterns(pattern, path)
        else:
            yield path, pattern


def _route(path: str, pattern: URLPattern) -> Route:
    view = pattern.callback
    return Route(
        name=pattern.name or "",
        path=path,
        methods=_methods(view),
        permission=getattr(view, "permission", UNDECLARED),
        confirmation=_confirmation(view),
        by_token=bool(getattr(getattr(view, "cls", None), "authentication_classes", ())),
        token_scope=_scope(getattr(view, "cls", None)),
        parameters=tuple(pattern.pattern.converters),
    )


def _scope(made_by: Any) -> str:
    """The scope of a token; to POST it may be another."""
    scope, to_post = (getattr(made_by, name, "") for name in ("scope", "scope_to_post"))
    return f"{scope}, {to_post} to POST" if to_post else scope


def _layers(view: Callable[..., Any]) -> Iterator[dict[str, Any]]:
    """What each decorator around the view keeps for itself, from the outermost in."""
    layer: Any = view
    while inspect.isfunction(layer):
        yield dict(inspect.getclosurevars(layer).nonlocals)
        layer = getattr(layer, "__wrapped__", None)


def _methods(view: Callable[..., Any]) -> tuple[str, ...]:
    for kept in _layers(view):
        if "request_method_list" in kept:
            return tuple(kept["request_method_list"])
    made_by = getattr(view, "view_class", None)
    if made_by is None:
        return ()
    names = getattr(view, "view_initkwargs", {}).get("http_method_names", made_by.http_method_names)
    return tuple(n.upper() for n in names if n != "options" and hasattr(made_by, n))


def _confirmation(view: Callable[..., Any]) -> str:
    for kept in _layers(view):
        if proved := kept.get("is_proved"):
            return _CONFIRMATIONS[proved.__name__]
    return ""
