"""One address of every route, for tests that hold of all of them."""

from __future__ import annotations

from datetime import date

from django.urls import reverse

from tests.crawl import addresses, public_ids, route_of, routes

ABSENT = "00000000-0000-4000-8000-000000000000"
VALUES: dict[str, object] = {
    "UUIDConverter": ABSENT,
    "IntConverter": 1,
    "FormConverter": "cycles",
    "DayConverter": date(2017, 1, 2),
}


def one_of_each() -> dict[str, str]:
    """An address by the name of its route: of an object there is, else of an absent one."""
    found: dict[str, str] = {}
    for path in addresses(public_ids()):
        found.setdefault(route_of(path), path)
    for route in routes():
        arguments = {name: VALUES.get(kind, "x") for name, kind in route.arguments.items()}
        found.setdefault(route.name, reverse(route.name, kwargs=arguments))
    return found
