"""The registry's own processes for fault tests: web, worker and beat on a broker that may be stopped.

They are started as `manage.py up` starts them, on the test's database; the broker is a Valkey of their own.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from http.cookiejar import CookieJar
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

from registry.stack import devstack, supervisor
from registry.stack.keeper import Post
from registry.stack.paths import Places
from registry.stack.processes import processes_in
from registry.stack.supervisor import Member
from tests.stack_support import becomes, data_folder

HTTP_SECONDS = 30


@dataclass
class Broker:
    """A Valkey that only these tests use, with its keeper."""

    places: Places
    url: str

    def _server(self) -> int:
        return processes_in((self.places.servers / devstack.VALKEY).resolve())[0]

    def _keeper(self) -> int:
        state = Post(self.places, devstack.VALKEY).state.read_text()
        return int(state.split('"keeper":')[1].split(",")[0])

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """The server answers nobody, but its socket is open."""
        server = self._server()
        os.kill(server, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(server, signal.SIGCONT)

    @contextmanager
    def gone(self) -> Iterator[None]:
        """The server was killed; its keeper starts it again only afterwards."""
        keeper = self._keeper()
        os.kill(keeper, signal.SIGSTOP)
        try:
            os.kill(self._server(), signal.SIGKILL)
            yield
        finally:
            os.kill(keeper, signal.SIGCONT)


@dataclass
class Registry:
    """Running processes, by name, and where the pages are."""

    broker: Broker
    members: Mapping[str, Member]
    address: str

    @property
    def worker(self) -> Member:
        """The Celery worker."""
        return self.members["worker"]

    def tend(self) -> None:
        """One look of the supervisor: what died is started again, with its back-off."""
        for member in self.members.values():
            member.tend(print)

    def log(self, name: str) -> str:
        """What a process has said."""
        return self.members[name].log.read_text(errors="replace")


@contextmanager
def running_registry() -> Iterator[Registry]:
    """Start it all; stop it at the end in the order of the supervisor."""
    before = os.environ["REDIS_URL"]
    with data_folder() as folder:
        stack = devstack.Stack(Places(folder), kinds=(devstack.VALKEY,), throw_away=True)
        with stack:
            os.environ["REDIS_URL"] = devstack.environment(stack)["REDIS_URL"]
            listener = supervisor.open_port(None)
            port = listener.getsockname()[1]
            members = {m.name: m for m in supervisor.members(stack.places, listener, 1)}
            try:
                for member in members.values():
                    member.begin()
                assert becomes(lambda: supervisor.answers(port), 60), members["web"].log.read_text()
                broker = Broker(stack.places, os.environ["REDIS_URL"])
                yield Registry(broker, members, f"http://localhost:{port}")
            finally:
                for member in reversed(members.values()):
                    member.end()
                listener.close()
                os.environ["REDIS_URL"] = before


@dataclass
class Page:
    """An answer: status, address after redirects, text, and the values of the form on it."""

    status: int
    url: str
    text: str

    @property
    def form(self) -> dict[str, str]:
        """Names and present values of the page's main form."""
        reader = _FormReader()
        reader.feed(self.text)
        return reader.values


class Browser:
    """Reads and sends pages of an address (scheme, host, port) as a browser without JavaScript does."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._opener = build_opener(HTTPCookieProcessor(CookieJar()))

    def get(self, path: str) -> Page:
        """A page."""
        return self._open(Request(self._url(path)))

    def post(self, path: str, values: Mapping[str, str]) -> Page:
        """Send a form and follow to where it leads."""
        url = self._url(path)
        headers = {"Referer": url, "Origin": self._address}
        return self._open(Request(url, urlencode(values).encode(), headers))

    def sign_in(self, username: str, password: str) -> None:
        """Through the page."""
        form = self.get("/sign-in/").form
        page = self.post("/sign-in/", form | {"username": username, "password": password})
        assert (page.status, "/sign-in/" in page.url) == (200, False)

    def _url(self, path: str) -> str:
        return path if path.startswith("http") else self._address + path

    def _open(self, request: Request) -> Page:
        try:
            with self._opener.open(request, timeout=HTTP_SECONDS) as answer:
                return Page(answer.status, answer.url, answer.read().decode())
        except HTTPError as error:
            with error:
                return Page(error.code, error.url, error.read().decode())


class _FormReader(HTMLParser):
    """Values that a browser would send for forms with fields of their own (the sign-out button has none)."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self._select = ""
        self._textarea = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name = given.get("name") or ""
        if tag == "input" and name:
            self._input(name, given)
        elif tag == "select":
            self._select = name
        elif tag == "textarea":
            self._textarea = name
            self.values[name] = ""
        elif tag == "option" and self._select and "selected" in given:
            self.values[self._select] = given.get("value") or ""

    def _input(self, name: str, given: dict[str, str | None]) -> None:
        if given.get("type") in ("radio", "checkbox") and "checked" not in given:
            return
        if given.get("type") != "submit":
            self.values[name] = given.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = ""
        elif tag == "textarea":
            self._textarea = ""

    def handle_data(self, data: str) -> None:
        if self._textarea:
            self.values[self._textarea] += data


def seconds_until(condition: Callable[[], bool], limit: float, pause: float = 0.005) -> float:
    """How long it takes until the condition holds. Fails after `limit` seconds."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < limit, f"not within {limit} s"
        time.sleep(pause)
    return time.monotonic() - start
