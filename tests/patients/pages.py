"""Reading and sending pages with Django's test client, as a browser without JavaScript does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser

from django.http import HttpResponse
from django.test import Client

from centers.access import acting, system_scope
from tests.universe import Universe

DRAWN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{64}|IL2-\d{8}-\d")


@dataclass
class Page:
    """An answer: status, target of a redirect (or nothing), text."""

    status: int
    url: str
    text: str

    @property
    def form(self) -> dict[str, str | list[str]]:
        """What a browser would send for the form: a list where a name has several values."""
        reader = _FormReader()
        reader.feed(self.text)
        return {
            name: values[-1] if len(values) < 3 else values
            for name, values in reader.values.items()
        }


class Visitor:
    """A signed-in person. `client` is the test client below it."""

    def __init__(self, universe: Universe, username: str) -> None:
        self.client = Client()
        with acting(system_scope()):
            self.client.force_login(universe.users[username])

    def get(self, path: str) -> Page:
        """A page; redirects are not followed."""
        return read_page(self.client.get(path))

    def post(self, path: str, values: Mapping[str, object]) -> Page:
        """Send values; redirects are not followed."""
        return read_page(self.client.post(path, values))

    def fill(self, path: str, **values: object) -> Page:
        """Open a form page, change some of its fields and send it."""
        page = self.get(path)
        assert page.status == 200
        return self.post(path, {**page.form, **values})


def read_page(response: HttpResponse) -> Page:
    """The answer as a Page."""
    location = response.headers.get("Location", "")
    return Page(response.status_code, location, response.content.decode())


def without_token(text: str) -> str:
    """A page without what is random in each answer."""
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", text)


def shown(text: str, words: Iterable[str]) -> list[str]:
    """Which of the words stand in a text; not in public ids, hashes and registry numbers, which hold any year by chance."""
    known = DRAWN.sub("", text)
    return [word for word in words if word in known]


def status_of(client: Client, path: str, method: str = "get") -> int:
    """Only the status of a page."""
    response: HttpResponse = getattr(client, method)(path)
    return response.status_code


class _FormReader(HTMLParser):
    """Present values of inputs and selects by name, in the order of the page."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, list[str]] = {}
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name, value = given.get("name") or "", given.get("value") or ""
        if tag == "select":
            self._select = name
            self.values[name] = [""]
        elif tag == "option" and "selected" in given:
            self.values[self._select].append(value)
        elif tag == "input" and name and not _is_unchecked(given):
            self.values.setdefault(name, []).append(value)


def _is_unchecked(given: Mapping[str, str | None]) -> bool:
    return given.get("type") in ("radio", "checkbox") and "checked" not in given
