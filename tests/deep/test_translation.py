"""Pages are in the language of the deployment; what programs read is in English (docs/adr/0063)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from html.parser import HTMLParser

import pytest
from django.http import HttpResponse
from django.utils import translation
from django.utils.translation import trans_real

from patients.templatetags import lists
from registry.routes import routes
from tests.access_table import ROUTES, World, address, build_world, objects_of
from tests.deep.test_url_walk import Walker
from tests.universe import build_universe

# Pages of documents that are English, and of the words of /ready.
ENGLISH = {"api_docs", "export_codebook", "operations"}
SENTENCE = re.compile(r"[a-z]{2,} [a-z]{2,} [a-z]{2,}")
# Stored: a reason, what the check or the derivation behind a query said; and the id of a check.
KEPT = re.compile(
    r"[^\n]*; confirm it with a reason or correct it|[^\n]* is unknown: [^\n]* would decide"
    r"|A gap of 24 months or more|Corrected by import|Outcome: [a-z0-9 ]+"
)
INLINE = ("strong", "span", "time", "a", "abbr")
SHOWN = ("title", "alt", "aria-label", "placeholder")


class Marking(trans_real.DjangoTranslation):
    """A language in which every text stands between « and »."""

    def gettext(self, message: str) -> str:
        return f"«{message}»" if message else message

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return f"«{msgid1 if n == 1 else msgid2}»"


class Texts(HTMLParser):
    """What a page shows, a line a block."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.is_code = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.is_code = tag in ("script", "style", "pre", "code")
        self.text += "" if tag in INLINE else "\n"
        self.text += "".join(f"\n{value}\n" for name, value in attrs if name in SHOWN)

    def handle_endtag(self, tag: str) -> None:
        self.is_code = False
        self.text += "" if tag in INLINE else "\n"

    def handle_data(self, data: str) -> None:
        self.text += "" if self.is_code else data


def untranslated(page: str) -> list[str]:
    """Lines with a sentence outside every « and »."""
    texts = Texts()
    texts.feed(page)
    rest, depth = "", 0
    for letter in texts.text:
        depth += {"«": 1, "»": -1}.get(letter, 0)
        rest += letter if depth == 0 and letter != "»" else ""
    return [line for line in KEPT.sub("", rest).split("\n") if SENTENCE.search(line)]


@pytest.fixture
def world(database: None) -> World:
    return build_world(build_universe())


@pytest.fixture
def other_language(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    marking = Marking("en")
    monkeypatch.setitem(trans_real._translations, "en", marking)
    monkeypatch.setattr(trans_real, "_default", marking)
    # In English alone no catalogue is asked; here one is, as in any other language.
    for name in ("gettext", "ngettext", "get_language", "activate", "deactivate", "deactivate_all"):
        monkeypatch.setattr(translation._trans, name, getattr(trans_real, name))
    _forget_what_is_rendered_once()
    yield
    _forget_what_is_rendered_once()


def _forget_what_is_rendered_once() -> None:
    """A process has one language, and keeps some parts of pages in it."""
    translation.deactivate()
    lists.eligible_badge.cache_clear()
    lists._cell.cache_clear()


def answers(walker: Walker) -> Iterator[tuple[str, HttpResponse]]:
    """What the person may read outside the records, by route."""
    for route in routes():
        if "GET" not in route.methods or route.name == "logout":
            continue
        client = walker.client()
        for center in objects_of(ROUTES[route.name]):
            if walker.expected(route, center, "GET") == 200:
                yield route.name, client.get(address(walker.world, route.name, center))


@pytest.mark.parametrize("username", ["adam", "dana", "petra"])
def test_pages_are_translated_and_files_are_not(
    world: World, other_language: None, username: str
) -> None:
    pages, wrong = 0, []
    for name, response in answers(Walker(world, username)):
        with closing(response):
            body = b"".join(response) if response.streaming else response.content
        text = body.decode(errors="replace")
        if "html" not in response.headers["Content-Type"]:
            wrong += [f"{name}: a file is translated"] if "«" in text else []
        elif name not in ENGLISH and response.resolver_match.func.__module__.startswith(
            ("analytics.", "centers.", "patients.", "registry.")
        ):
            pages += 1
            wrong += [f"{name}: {line}" for line in untranslated(text)]
    assert pages > 10
    assert wrong == []


def test_a_sentence_without_its_mark_is_seen() -> None:
    assert untranslated("<p>«Some <b>bold</b> text of %(a)s»: C01</p>") == []
    assert untranslated("<p>«Some text.» and more words here</p>") == [" and more words here"]
