"""The access matrix as a page of docs: who holds which permission, which address asks for which."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from centers.access import Declared
from centers.roles import EVERY_CENTER, PERMISSIONS, REGISTRY_WIDE, Permission, Role
from registry.routes import Route, routes

_SIGNING_IN: Final = tuple(role for role in Role if role is not Role.SYSTEM)
_HEAD: Final = """\
# Access matrix

Written by `manage.py access_matrix` from the code that decides (`centers/roles.py`, and what each
view declares); a test fails while this page differs.

## Roles and permissions
A permission holds at the centers of the membership that gives it: {everywhere} at every center.
The roles {wide} have no center; an investigator's figures are pooled, an administrator sees no
record. What no role holds nobody may do.

"""
_ROUTES: Final = """
## Addresses
Anonymous people are sent to sign-in (302; the API answers 401). Who holds the permission nowhere
gets 403. An object of a center where one may see no record answers 404, the same page as one that
never was; where one may see it but not do this, 403. Other methods get 405. "Asks again": the
person proves once more who they are.

"""


def access_matrix() -> str:
    """The whole page, Markdown."""
    wide = ", ".join(role.label for role in Role if role in REGISTRY_WIDE)
    everywhere = ", ".join(f"a {role.label}'s" for role in Role if role in EVERY_CENTER)
    header = ["permission", *(role.label for role in _SIGNING_IN)]
    permissions = (
        [p.value, *("yes" if p in PERMISSIONS[role] else "" for role in _SIGNING_IN)]
        for p in Permission
    )
    addresses = (_row(route) for route in routes())
    return (
        _HEAD.format(wide=wide, everywhere=everywhere)
        + _table(header, permissions)
        + _ROUTES
        + _table(["address", "name", "methods", "needs", "asks again", "roles"], addresses)
    )


def _row(route: Route) -> list[str]:
    methods = ", ".join(m for m in route.methods if m != "HEAD") or "any"
    path = route.path.replace("|", "\\|")
    return [f"`{path}`", route.name, methods, _needs(route), route.confirmation, _roles(route)]


def _needs(route: Route) -> str:
    if route.permission is None:
        return "nothing"
    if route.permission is Declared.SIGNED_IN:
        return "an account"
    if route.permission is Declared.CLIENT:
        return f"a token with scope {route.token_scope}" if route.token_scope else "a token"
    return str(route.permission)


def _roles(route: Route) -> str:
    if route.by_token:
        return "programs"
    if not isinstance(route.permission, Permission):
        return "anybody" if route.permission is None else "all"
    return ", ".join(role.label for role in route.roles)


def _table(header: list[str], rows: Iterable[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
