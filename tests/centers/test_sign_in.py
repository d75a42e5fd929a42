"""Signing in by password: limits, equal answers, where it leads, sessions that turn over."""

from __future__ import annotations

import statistics
import time
from typing import Any

import psycopg
import pytest
from django.core.cache import cache
from django.db import transaction
from django.test import Client, RequestFactory
from redis.exceptions import ConnectionError as CacheDown

from centers.access import acting, system_scope
from centers.account.addresses import client_address
from centers.account.limits import ACCOUNT_AT_ADDRESS, ADDRESS, attempt
from centers.account.sessions import describe
from centers.models import Session, User
from tests.sign_in import PASSWORD, Visitor, new_address, person, without_tokens

pytestmark = pytest.mark.usefixtures("database", "one_window")


def events(superuser: psycopg.Connection, *kinds: str) -> list[tuple[Any, ...]]:
    return superuser.execute(
        "select operation, actor_id, after from audit.event where operation = any(%s) order by id",
        [list(kinds)],
    ).fetchall()


def test_right_password_signs_in_and_is_an_event(superuser: psycopg.Connection) -> None:
    user, visitor = person(), Visitor()
    answer = visitor.sign_in(user.username.upper())
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert visitor.is_in
    assert events(superuser, "sign_in", "sign_in_failed") == [("sign_in", user.pk, {})]


def test_failures_are_events_without_the_typed_name(superuser: psycopg.Connection) -> None:
    user = person()
    Visitor().sign_in(user.username, "wrong")
    Visitor().sign_in("nobody-of-this-name", "wrong")
    assert events(superuser, "sign_in_failed") == [
        ("sign_in_failed", 1, {"account": user.pk, "step": "password"}),
        ("sign_in_failed", 1, {"account": None, "step": "password"}),
    ]
    row = superuser.execute("select string_agg(e::text, ' ') from audit.event e").fetchone()
    assert row
    assert "nobody-of-this-name" not in row[0]


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 5000, "\u202e", "' or 1=1 --", "%", "🙂"])
def test_strange_names_are_refused_like_any_other(name: str) -> None:
    assert Visitor().sign_in(name).status_code == 400
    assert Visitor().sign_in(name, "").status_code == 400


@pytest.mark.requirement("P6")
def test_lock_out_holds_for_account_and_address_only(superuser: psycopg.Connection) -> None:
    user, attacker = person(), Visitor()
    for _ in range(ACCOUNT_AT_ADDRESS.most):
        assert attacker.sign_in(user.username, "wrong").status_code == 400
    refused = attacker.sign_in(user.username)
    assert refused.status_code == 429
    assert "Too many attempts. Try again in" in refused.text
    assert not attacker.is_in
    other = person()
    assert attacker.sign_in(other.username).status_code == 302
    assert Visitor().sign_in(user.username).status_code == 302
    assert [kind for kind, *_ in events(superuser, "sign_in_failed", "locked_out")] == [
        *["sign_in_failed"] * 5,
        "locked_out",
    ]


def test_other_spellings_of_an_account_are_counted_as_it() -> None:
    user, attacker = person("carla"), Visitor()
    full_width = "".join(chr(ord(letter) + 0xFEE0) for letter in user.username)
    spellings = [" carla", "CARLA", full_width, f"{' ' * 200}carla", "\u3000carla\u00a0"]
    assert len(spellings) == ACCOUNT_AT_ADDRESS.most
    for name in spellings:
        assert attacker.sign_in(name, "wrong").status_code == 400
    assert attacker.sign_in("carla ").status_code == 429
    assert not attacker.is_in


def test_success_gives_its_attempts_back() -> None:
    user, visitor = person(), Visitor()
    for _ in range(3):
        for _ in range(ACCOUNT_AT_ADDRESS.most - 1):
            visitor.sign_in(user.username, "wrong")
        assert visitor.sign_in(user.username).status_code == 302
        visitor.client.post("/sign-out/")


@pytest.mark.requirement("P6")
def test_address_that_tries_many_accounts_is_refused() -> None:
    address = new_address()
    for number in range(ADDRESS.most):
        assert not attempt((ACCOUNT_AT_ADDRESS, f"n{number} {address}"), (ADDRESS, address)).refused
    user = person()
    assert Visitor(address).sign_in(user.username).status_code == 429
    assert Visitor().sign_in(user.username).status_code == 302


def test_without_the_cache_nobody_signs_in_and_who_is_in_works_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    user, inside = person(), Visitor()
    inside.sign_in(user.username)

    def gone(*_: Any, **__: Any) -> None:
        raise CacheDown

    monkeypatch.setattr(type(cache._connections["default"]), "add", gone)  # type: ignore[attr-defined]
    answer = Visitor().sign_in(user.username)
    assert answer.status_code == 503
    assert "cannot check who you are" in answer.text
    assert inside.is_in


@pytest.mark.requirement("P6")
@pytest.mark.parametrize(
    "values",
    [
        {"username": "known", "password": "wrong"},
        {"username": "closed", "password": PASSWORD},
        {"username": "invited", "password": PASSWORD},
        {"username": "system", "password": ""},
    ],
)
def test_answer_does_not_tell_which_accounts_exist(values: dict[str, str]) -> None:
    users = {name: person() for name in ("known", "closed", "invited")}
    with acting(system_scope()), transaction.atomic():
        User.objects.filter(pk=users["closed"].pk).update(is_active=False)
        users["invited"].set_unusable_password()
        users["invited"].save()
    name = users[values["username"]].username if values["username"] in users else "system"
    known = Visitor().sign_in(name, values["password"])
    unknown = Visitor().sign_in("absent-account", values["password"])
    assert known.status_code == unknown.status_code == 400
    assert without_tokens(known.text).replace(name, "") == without_tokens(unknown.text).replace(
        "absent-account", ""
    )
    assert dict(known.headers).keys() == dict(unknown.headers).keys()


@pytest.mark.requirement("P6")
def test_answer_takes_as_long_for_unknown_accounts() -> None:
    user = person()

    def seconds(username: str) -> float:
        start = time.perf_counter()
        Visitor().sign_in(username, "wrong")
        return time.perf_counter() - start

    seconds(user.username)
    pairs = [(seconds(user.username), seconds("absent-account")) for _ in range(7)]
    known, unknown = (statistics.median(column) for column in zip(*pairs, strict=True))
    assert 0.4 < known / unknown < 2.5


OUTSIDE = [
    "https://evil.example",
    "//evil.example/",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "http:evil.example",
    "http:///evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    " //evil.example",
    "\t//evil.example",
    "https://testserver@evil.example",
    "https://testserver.evil.example/",
    "//evil.example:80\\@testserver",
    "/\t/evil.example",
    "ftp://testserver/",
]


@pytest.mark.parametrize("wanted", OUTSIDE)
def test_sign_in_leads_to_no_other_site(wanted: str) -> None:
    user, visitor = person(), Visitor()
    assert visitor.sign_in(user.username, next=wanted)["Location"] == "/"
    inside = visitor.client.get("/sign-in/", {"next": wanted})
    assert inside["Location"] == "/"
    answer = visitor.client.post("/confirm/", {"password": PASSWORD, "next": wanted})
    assert (answer.status_code, answer["Location"]) == (302, "/")


def test_sign_in_leads_on_to_the_wanted_page() -> None:
    user, visitor = person(), Visitor()
    assert visitor.client.get("/account/")["Location"] == "/sign-in/?next=/account/"
    assert 'name="next" value="/account/"' in visitor.client.get("/sign-in/?next=/account/").text
    assert visitor.sign_in(user.username, next="/account/")["Location"] == "/account/"


def test_session_key_changes_at_sign_in_and_at_confirmation() -> None:
    user, visitor = person(), Visitor()
    visitor.client.get("/sign-in/passkey/")
    planted = visitor.key
    visitor.sign_in(user.username)
    signed_in = visitor.key
    assert signed_in != planted
    fixed = Client()
    fixed.cookies["session"] = planted
    assert fixed.get("/account/").status_code == 302
    visitor.client.post("/confirm/", {"password": PASSWORD})
    assert visitor.key not in (planted, signed_in)
    assert not Session.objects.filter(session_key=signed_in).exists()
    assert visitor.is_in


def test_session_ends_when_the_account_is_closed() -> None:
    user, visitor = person(), Visitor()
    visitor.sign_in(user.username)
    assert visitor.is_in
    with acting(system_scope()), transaction.atomic():
        User.objects.filter(pk=user.pk).update(is_active=False)
    assert not visitor.is_in


def test_session_row_holds_no_address() -> None:
    user, visitor = person(), Visitor()
    visitor.client.defaults["HTTP_USER_AGENT"] = "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0"
    visitor.sign_in(user.username)
    row = Session.objects.get(user=user)
    assert row.browser == "Firefox on Windows"
    assert visitor.address not in f"{row.__dict__} {row.get_decoded()}"


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0 Safari/537.36", "Chrome on Linux"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) Version/18 Safari/605", "Safari on macOS"),
        ("Mozilla/5.0 (iPhone; CPU OS 18 like Mac OS X) CriOS/140 Safari/604", "Chrome on iOS"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140 Safari/537 Edg/140", "Edge on Windows"),
        ("curl/8", "A browser"),
        ("", "A browser"),
    ],
)
def test_browser_in_words(agent: str, words: str) -> None:
    assert describe(agent) == words


@pytest.mark.parametrize(
    ("behind", "remote", "forwarded", "expected"),
    [
        (False, "192.0.2.1", "203.0.113.9", "192.0.2.1"),
        (True, "192.0.2.1", "203.0.113.9", "203.0.113.9"),
        (True, "192.0.2.1", "1.1.1.1, 203.0.113.9", "203.0.113.9"),
        (True, "192.0.2.1", "", "192.0.2.1"),
        (True, "192.0.2.1", "1.1.1.1, nonsense", "local"),
        (False, "", "", "local"),
        (False, "2001:db8:1:2:3:4:5:6", "", "2001:db8:1:2::"),
        (False, "::ffff:192.0.2.7", "", "192.0.2.7"),
    ],
)
def test_address_of_a_request_is_never_the_claimed_one(
    settings: Any, behind: bool, remote: str, forwarded: str, expected: str
) -> None:
    settings.BEHIND_TLS_PROXY = behind
    headers = {"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {}
    assert client_address(RequestFactory().get("/", REMOTE_ADDR=remote, **headers)) == expected
