"""Every route as every person with every method, about an own, a foreign and an absent object.

What is expected comes from tests/access_table.py. Here "200" stands for whatever is no refusal: a
page, a redirect within the registry, a form with errors.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest
from django.http import HttpResponse
from django.test import Client

from centers.access import acting, system_scope
from registry.routes import Route, routes
from tests.access_table import (
    NOWHERE,
    ROUTES,
    World,
    address,
    answer,
    build_world,
    objects_of,
)
from tests.patients.pages import without_token
from tests.universe import USERS, build_universe

ALL_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
NO_REFUSALS = {200, 204, 302, 400, 409, 422, 429}
# After these nobody is signed in in this browser.
ENDING = {"logout", "account_end_session", "account_password"}


@pytest.fixture
def world(database: None) -> World:
    return build_world(build_universe())


@dataclass(frozen=True)
class Walker:
    """A person (or nobody, "") with a browser of their own for each route."""

    world: World
    username: str

    def client(self) -> Client:
        """Signed in, and as fresh from the confirmation page as can be."""
        client = Client(raise_request_exception=False)
        if self.username:
            with acting(system_scope()):
                client.force_login(self.world.universe.users[self.username])
            session = client.session
            session["confirmed_for_signing"] = True
            session.save()
        return client

    def visit(self, route: Route) -> Iterator[str]:
        """What is wrong about a route."""
        client = self.client()
        for method in ALL_METHODS:
            if method in route.methods:
                yield from self.visit_objects(client, route, method)
            elif self.is_worth_asking(route, method):
                who = self.client() if route.name in ENDING else client
                status, _ = self.ask(who, method, address(self.world, route.name, NOWHERE))
                if not self.refuses_method(route, method, status):
                    yield self.line(method, route, NOWHERE, status, 405)

    def visit_objects(self, client: Client, route: Route, method: str) -> Iterator[str]:
        """One method, about each object; foreign and absent ones look the same."""
        refusals = set()
        # Refusals first: an answer to an own object may leave a message for the next page.
        objects = sorted(
            objects_of(ROUTES[route.name]), key=lambda c: self.expected(route, c, method) == 200
        )
        for center in objects:
            expected = self.expected(route, center, method)
            who = self.client() if route.name in ENDING else client
            status, text = self.ask(who, method, address(self.world, route.name, center))
            if status != expected:
                yield self.line(method, route, center, status, expected)
            elif expected == 404:
                refusals.add(text)
        if len(refusals) > 1:
            yield f"{self.username} {method} {route.name}: foreign and absent differ"

    def ask(self, client: Client, method: str, path: str) -> tuple[int, str]:
        """One request, as a browser would send it: what it means, and its text."""
        kind = "application/x-www-form-urlencoded"
        response: HttpResponse = client.generic(method, path, "", content_type=kind)
        with closing(response):
            text = "" if response.streaming else without_token(response.content.decode())
        return meaning(response), text

    def is_worth_asking(self, route: Route, method: str) -> bool:
        """A method that is not allowed; HEAD follows GET, and 403 comes first where that is given."""
        follows_get = method == "HEAD" and "GET" in route.methods
        return not follows_get and self.expected(route, NOWHERE, method) != 403

    def expected(self, route: Route, center: str, method: str) -> int:
        """The table's answer; programs alone sign in to what takes a token."""
        return 401 if route.by_token else answer(self.username, route.name, center, method)

    def refuses_method(self, route: Route, method: str, status: int) -> bool:
        """405, or what the person is refused with anyway; class views answer OPTIONS with methods."""
        before = self.expected(route, NOWHERE, method)
        return (
            status == 405
            or (status == before and before in (302, 401))
            or (method == "OPTIONS" and status == 200)
        )

    def line(self, method: str, route: Route, center: str, status: int, expected: int) -> str:
        """One finding."""
        about = center or "absent"
        return f"{self.username or 'anonymous'} {method} {route.name} ({about}): {status}, not {expected}"


def meaning(response: HttpResponse) -> int:
    """200 for whatever is no refusal, 302 for the way to sign-in, else the status.

    To be led to the page of confirmation, just after it was answered, is a refusal too.
    """
    status = response.status_code
    where = response.headers.get("Location", "")
    if status == 302 and where.startswith("/confirm/"):
        return 403
    if status == 302 and where.startswith("/sign-in/?next="):
        return 302
    return 200 if status in NO_REFUSALS else status


@pytest.mark.requirement("P1")
@pytest.mark.parametrize("username", ["", *USERS])
def test_every_route_answers_as_the_table_says(world: World, username: str) -> None:
    walker = Walker(world, username)
    wrong = [finding for route in routes() for finding in walker.visit(route)]
    assert not wrong, "\n".join(wrong)
