"""Requests as an attacker writes them: parameters, paths, headers, sizes, names. Never a 500."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import psycopg
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client

from centers.access import acting, system_scope
from registry.routes import Route, routes
from tests.access_table import (
    FIRST,
    ROUTES,
    SECOND,
    World,
    address,
    answer,
    build_world,
    objects_of,
)
from tests.patients.pages import without_token
from tests.universe import USERS, build_universe

INJECTIONS = (
    "'",
    "' or '1'='1",
    "1; drop table patients_patient; --",
    "1) union select null, password from centers_user --",
    "\\",
    "%",
    "%s %(x)s {0} {x}",
    "pg_sleep(5)",
    "-" * 60,
    "9" * 30,
    "\x00",
    "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
    "<svg/onload=alert(1)>",
    "../../../etc/passwd",
    "a\r\nSet-Cookie: planted=1",
)
HIDDEN_ORDERS = (
    "identity__record_id",
    "-identity__birth_date",
    "identity__mrn_index",
    "center__audit_review__note",
    "?",
    "pk",
    "patient_id",
    "-same_person_id",
    "version_row__xact",
)
HIDDEN_FILTERS = {
    "identity__record_id": "C01-0001",
    "identity__birth_date__startswith": "1951",
    "identity__mrn_index__isnull": "1",
    "center__code__gt": "C01",
    "same_person_id__gt": "0",
    "registry_number__regex": "IL2-0",
    "id__lt": "100000",
    "retracted": "1",
    "center_id": "2",
}


@pytest.fixture
def world(database: None) -> World:
    return build_world(build_universe())


def browser(world: World, username: str) -> Client:
    client = Client(raise_request_exception=False)
    if username:
        with acting(system_scope()):
            client.force_login(world.universe.users[username])
    return client


def pages(username: str) -> Iterator[tuple[Route, str]]:
    """Pages that a person may get, each about an object that they may see."""
    for route in routes():
        if "GET" in route.methods and not route.by_token:
            for center in objects_of(ROUTES[route.name]):
                if center and answer(username, route.name, center) == 200:
                    yield route, center
                    break


def parameters(html: str) -> set[str]:
    """Names of the page's GET forms and of the links with a query."""
    found = {"page", "order", "next", "center"}
    for form in re.findall(r'<form[^>]*method="get".*?</form>', html, re.S):
        found |= set(re.findall(r'name="([^"]+)"', form))
    for link in re.findall(r'href="([^"]*\?[^"]+)"', html):
        query = urlsplit(link.replace("&amp;", "&")).query
        found |= {name for name, _ in parse_qsl(query, keep_blank_values=True)}
    return found


def text_of(response: HttpResponse) -> str:
    """The text of a page, or of a file that is streamed; its files are closed."""
    with closing(response):
        body = b"".join(response.streaming_content) if response.streaming else response.content
    return body.decode(errors="replace")


@pytest.mark.requirement("P7")
@pytest.mark.parametrize("username", ["bea", "dana", "adam", "ines"])
def test_no_parameter_reaches_sql_or_breaks_a_page(world: World, username: str) -> None:
    """Every GET parameter of every page: each payload in all of them at once, and in each alone."""
    client = browser(world, username)
    broken, tried = [], 0
    for route, center in pages(username):
        path = address(world, route.name, center)
        response = client.get(path)
        names = parameters(text_of(response))
        queries = [dict.fromkeys(names, payload) for payload in INJECTIONS]
        queries += [
            {name: payload} for name in sorted(names) for payload in (INJECTIONS[1], INJECTIONS[10])
        ]
        for query in queries:
            tried += 1
            answered = client.get(path, query)
            answered.close()
            if answered.status_code >= 500 or answered.headers.get("Set-Cookie"):
                broken.append((route.name, query, answered.status_code))
    assert broken == []
    assert tried > 100


def test_orders_and_filters_are_allow_lists(world: World) -> None:
    """What is not on the list counts as not given: the page is the one without it."""
    for username in ("max", "carla"):
        client = browser(world, username)
        plain = listed(client.get("/records/"))
        for order in HIDDEN_ORDERS:
            for name in (order, f"-{order}"):
                assert listed(client.get("/records/", {"order": name})) == plain, name
        for name, value in HIDDEN_FILTERS.items():
            assert listed(client.get("/records/", {name: value})) == plain, name


def listed(response: HttpResponse) -> list[str]:
    """Records on a list page, in their order."""
    assert response.status_code == 200
    return re.findall(r'href="/records/([0-9a-f-]{36})/"', response.content.decode())


def test_hidden_identifiers_change_no_answer(world: World, superuser: psycopg.Connection) -> None:
    """Two registries that differ in identifiers alone look the same to who sees them masked."""
    readers = ("max", "mona", "dana", "ines", "adam")
    before = {name: answers(world, name) for name in readers}
    superuser.execute(
        "set session_replication_role = replica;"
        "update ident.patient_identity set record_id = 'Z' || patient_id, birth_date = '1933-03-03',"
        " missing = '{}', mrn_index = null;"
        "reset session_replication_role"
    )
    for name in readers:
        after = answers(world, name)
        assert after.keys() == before[name].keys()
        differ = [at for at, text in after.items() if text != before[name][at]]
        assert not differ, "\n".join([name, *differ])


# Pages that show this very walk (readings, sessions), how long work waits, or birth dates compared on purpose.
OWN_TRACES = (
    "audit",
    "access",
    "account",
    "duplicate",
    "operations",
    "record_history",
    "session",
    "passkey",
)


def answers(world: World, username: str) -> dict[str, str]:
    """Every page that the person may get, by its path and query."""
    client = browser(world, username)
    found = {}
    for route, center in pages(username):
        if route.name.startswith(OWN_TRACES):
            continue
        path = address(world, route.name, center)
        orders = ("number", "-number", "changed", "-disease", "eligible")
        for query in ({}, *({"order": order} for order in orders)):
            text = unstamped(text_of(client.get(path, query)))
            found[f"{path}?{urlencode(query)}"] = re.sub(r"\d\d:\d\d(:\d\d)?(\.\d+)?", "", text)
    return found


# Headers.


SPOOFED = {
    "X-Forwarded-For": "203.0.113.66",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Port": "4443",
    "X-Forwarded-Server": "evil.example",
    "Forwarded": "for=203.0.113.66;host=evil.example",
    "X-Real-Ip": "203.0.113.66",
    "X-Original-Url": "/administration/users/",
    "X-Rewrite-Url": "/administration/users/",
    "X-Http-Method-Override": "DELETE",
    "X-Remote-User": "adam",
    "Remote-User": "adam",
    "X-Forwarded-User": "adam",
    "Referer": "https://evil.example/",
}


def test_spoofed_headers_change_neither_page_nor_rights(world: World) -> None:
    client = browser(world, "carla")
    record = world.universe.url("survivor")
    for path in ("/records/", record, "/records/new/?disease=melanoma"):
        plain = client.get(path)
        for name, value in SPOOFED.items():
            answered = client.get(path, headers={name: value})
            assert answered.status_code == plain.status_code == 200, name
            assert "evil.example" not in answered.content.decode()
            assert unstamped(text_of(answered)) == unstamped(text_of(plain)), name
    for name, value in SPOOFED.items():
        stranger = Client().get("/records/", headers={name: value})
        assert (stranger.status_code, stranger.headers["Location"]) == (
            302,
            "/sign-in/?next=/records/",
        )
        refused = client.get("/administration/users/", headers={name: value})
        assert refused.status_code == 403
        assert client.post(record, {"_method": "DELETE"}, headers={name: value}).status_code == 405


def unstamped(text: str) -> str:
    """A page without tokens and the id that each form page is given."""
    return re.sub(r'name="submission" value="[^"]*"', "", without_token(text))


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "localhost@evil", "["])
def test_other_hosts_are_refused(world: World, host: str) -> None:
    for path in ("/sign-in/", "/records/", "/"):
        answered = Client(raise_request_exception=False).get(path, headers={"host": host})
        assert answered.status_code == 400
        assert "evil" not in answered.content.decode()


# Paths.


PROBES = (
    "/%2e%2e/%2e%2e/etc/passwd",
    "/..%2f..%2fetc/passwd",
    "/%252e%252e/%252e%252e/etc/passwd",
    "/%2569ndex",
    "/static/%2e%2e/settings.py",
    "/static/..%2f..%2fregistry/settings.py",
    "/static/%252e%252e%252fsettings.py",
    "/static//etc/passwd",
    "/records/%2e%2e/administration/users/",
    "/records/..;/administration/users/",
    "/administration//users/",
    "/ADMINISTRATION/users/",
    "/records/00000000-0000-4000-8000-000000000000/..%2f..%2fadministration/",
    "/records/%00/",
    "/records/1/",
    "/records/C01-0001/",
    "/.git/config",
    "/.env",
    "/admin/",
    "/__debug__/",
    "/api/",
    "/api/v1/",
    "/api/v1/outcomes.json",
    "/metrics",
    "/server-status",
    "/phpinfo.php",
    "/manage.py",
    "/registry/settings.py",
    "/%ff%fe",
    "/" + "a" * 5000,
)


@pytest.mark.parametrize("username", ["", "carla"])
def test_probed_paths_are_absent_for_everybody(world: World, username: str) -> None:
    client = browser(world, username)
    for path in PROBES:
        answered = client.generic("GET", path)
        assert answered.status_code == 404, path
        text = answered.content.decode()
        for needle in ("Traceback", "urlpatterns", "root:", "SECRET_KEY", "settings"):
            assert needle not in text, path


# Line breaks that would become headers, and redirects to elsewhere.


BREAKS = ("x\r\nSet-Cookie: planted=1", "x\nLocation: https://evil.example/", "x\r\n\r\n<html>")
ELSEWHERE = (
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example/",
    "\\\\evil.example",
    "javascript:alert(1)",
    "https:evil.example",
    "/%09/evil.example",
    "\t//evil.example",
    "http:///evil.example",
    "https://localhost@evil.example/",
)


def test_line_breaks_become_no_header(world: World) -> None:
    client = browser(world, "adam")
    for text in BREAKS:
        for path in ("/confirm/", "/sign-in/"):
            for answered in (
                client.get(path, {"next": text}),
                client.post(path, {"next": text, "password": "wrong", "username": "adam"}),
                Client().get(f"/records/?x={quote(text)}"),
            ):
                assert answered.status_code < 500
                assert "planted" not in str(answered.headers.get("Set-Cookie", ""))
                assert "planted" not in answered.cookies
                assert "evil" not in answered.headers.get("Location", "").split("?")[0]


def test_next_leads_to_no_other_site(world: World) -> None:
    for target in ELSEWHERE:
        client = browser(world, "adam")
        for answered in (
            client.get("/sign-in/", {"next": target}),
            client.post("/confirm/", {"next": target, "password": "a long demo passphrase"}),
        ):
            where = answered.headers.get("Location", "/")
            assert where.startswith("/"), (target, where)
            assert not where.startswith(("//", "/\\")), (target, where)


# Sizes, files, types.


def test_too_large_and_odd_bodies_are_refused_or_ignored(world: World) -> None:
    client = browser(world, "carla")
    path = world.universe.url("survivor", "baseline/")
    large = client.post(path, {"reason": "x" * 3_000_000})
    many = client.post(path, {f"field{n}": "x" for n in range(1100)})
    assert (large.status_code, many.status_code) == (400, 400)
    for body, kind in (
        (b"\xff\xfe\x00", "application/x-www-form-urlencoded"),
        (b"{}", "application/json"),
        (b"<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><x>&a;</x>", "application/xml"),
        (b"--x\r\n\r\n", "multipart/form-data; boundary=x"),
        (b"", "multipart/form-data"),
        (b"a=1", "text/plain; charset=nonsense"),
    ):
        answered = client.generic("POST", path, body, content_type=kind)
        assert answered.status_code in (302, 400, 409, 415, 422), kind
        assert "root:" not in answered.content.decode()


@pytest.mark.parametrize("name", ["../../x.csv", "x\r\ny.csv", "\u202efdp.exe", "a" * 300, "x.svg"])
def test_files_posted_to_a_form_without_file_boxes_are_ignored(world: World, name: str) -> None:
    """There is no upload: imports are a command. A file in a text box's place counts as not sent."""
    client = browser(world, "carla")
    file = SimpleUploadedFile(name, b"=cmd|' /C calc'!A0", content_type="image/svg+xml")
    path = world.universe.url("survivor", "baseline/")
    answered = client.post(path, {"weight_kg": file, "reason": "x"})
    assert answered.status_code in (302, 409, 422)
    assert "calc" not in answered.content.decode()


def test_nul_and_broken_text_in_every_box_is_no_error_of_the_server(world: World) -> None:
    """Each POST page, with each of its boxes holding what PostgreSQL or Python cannot take."""
    broken = []
    for username in ("bea", "petra", "dana", "adam"):
        for route in routes():
            objects = [c for c in objects_of(ROUTES[route.name]) if c in (FIRST, SECOND)]
            seen = [c for c in objects if answer(username, route.name, c) == 200]
            if "POST" not in route.methods or not seen or route.name in ENDING:
                continue
            path = address(world, route.name, seen[0])
            client = browser(world, username)
            shown = text_of(client.get(path)) if "GET" in route.methods else ""
            names = set(re.findall(r'name="([^"]+)"', shown)) - {"csrfmiddlewaretoken"}
            names |= {"text", "reason", "note", "password", "record", "page"}
            for payload in ("\x00", "a\x00b", "\x01\x02", "\u202e", "9" * 400, "-1", "{}"):
                answered = client.post(path, dict.fromkeys(names, payload))
                answered.close()
                if answered.status_code >= 500:
                    broken.append((username, route.name, payload[:5]))
    assert broken == []


ENDING = frozenset({"logout"})


def test_every_person_is_known_to_the_table() -> None:
    assert {"bea", "petra", "dana", "adam", "max", "mona", "ines", "carla"} <= set(USERS)
