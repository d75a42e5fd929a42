"""Headers of every answer, and requests that no page takes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.http import HttpResponse, HttpResponseBase
from django.test import Client
from django.urls import resolve

from registry.stack.paths import CHECKOUT
from tests.deployment import deployment_environment
from tests.patients.pages import Visitor
from tests.universe import Universe, build_universe
from tests.walk import one_of_each

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@pytest.fixture
def universe(database: None) -> Universe:
    return build_universe(derived=False)


def check(response: HttpResponse, where: str) -> None:
    for name, value in ALWAYS.items():
        assert response.headers.get(name) == value, (where, name)
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy, where
    assert "report-uri /csp-report/" in policy, where
    assert "unsafe" not in policy, where
    assert "camera=()" in response.headers["Permissions-Policy"], where
    assert "Access-Control-Allow-Origin" not in response.headers, where
    assert "no-store" in response.headers["Cache-Control"], where
    check_type(response, where)


def check_type(response: HttpResponseBase, where: str) -> None:
    """A body says what it is; a text says how its letters are written, so that no browser guesses."""
    kind, *parameters = response.headers.get("Content-Type", "").split("; ")
    has_body = not isinstance(response, HttpResponse) or response.content
    assert kind or not has_body, where
    if kind.startswith("text/"):
        assert "charset=utf-8" in parameters, (where, kind)


def test_every_route_has_the_headers(universe: Universe) -> None:
    seen = set()
    foreign = {"origin": "https://evil.example"}
    for username in ("carla", "dana"):
        client = Visitor(universe, username).client
        client.raise_request_exception = False
        for name, path in one_of_each().items():
            if name == "logout":
                continue
            response = client.get(path, headers=foreign)
            check(response, path)
            seen.add(response.status_code)
            response.close()
    assert seen >= {200, 302, 403, 404, 405}


def test_error_and_refusals_have_the_headers(universe: Universe) -> None:
    for response in (
        Client().get("/no/such/page/"),
        Client().get("/records"),  # leads to /records/
        Client(enforce_csrf_checks=True).post("/sign-in/", {}),
        Client().get("/sign-in/", headers={"host": "evil.example"}),
        Client().trace("/sign-in/"),
    ):
        check(response, str(response))


def test_unhandled_error_has_the_headers(universe: Universe, superuser: object) -> None:
    client = Visitor(universe, "carla").client
    client.raise_request_exception = False
    superuser.execute("alter table patients_submission rename to elsewhere")  # type: ignore[attr-defined]
    path = universe.url("survivor", "prior_therapies/new/")
    try:
        values = Visitor(universe, "carla").get(path).form | {"therapy_class": "surgery"}
        response = client.post(path, values)
    finally:
        superuser.execute("alter table elsewhere rename to patients_submission")  # type: ignore[attr-defined]
    assert response.status_code == 500
    check(response, "500")


@pytest.mark.parametrize("method", ["TRACE", "TRACK", "CONNECT"])
def test_request_that_would_be_echoed_is_refused(universe: Universe, method: str) -> None:
    for path in one_of_each().values():
        assert Client().generic(method, path).status_code == 405, path


def test_every_unsafe_request_needs_the_token(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    client = Client(enforce_csrf_checks=True)
    client.cookies = visitor.client.cookies
    tried = 0
    for name, path in one_of_each().items():
        if getattr(resolve(path).func, "csrf_exempt", False):
            # Programs send these without a page of ours: by a token, or nothing that counts.
            assert path.startswith("/api/") or name == "csp_report", name
            continue
        for method in ("POST", "DELETE"):
            assert client.generic(method, path).status_code == 403, (name, method)
            tried += 1
    assert tried > 100
    answer = client.post("/sign-out/")
    assert "What you sent was not accepted" in answer.content.decode()


DEPLOYED = """
import json, sys, django
django.setup()
from django.core.management import call_command
call_command("collectstatic", interactive=False, verbosity=0)
from django.conf import settings
from django.test import Client
found = {}
client = Client(headers={"host": "registry.example.org", "x-forwarded-proto": "https"})
for path in ("/sign-in/", "/no/such/page/", "/records/", "/static/registry/icon.svg", "/live"):
    response = client.get(path)
    found[path] = [response.status_code, dict(response.headers)]
plain = Client(headers={"host": "registry.example.org"})
for path in ("/sign-in/", "/static/registry/icon.svg", "/ap/", "/apis/v1/token", "/records/api/"):
    response = plain.get(path)
    found.setdefault("led", []).append([response.status_code, response.headers["Location"]])
for path in ("/api/v1/token", "/api/v1/nowhere", "/api/", "//api/v1/outcomes.csv"):
    response = plain.post("/", PATH_INFO=path, headers={"authorization": "Basic YTpDQU5BUlk="})
    said = [response.status_code, json.loads(response.content)]
    found.setdefault("refused", []).append([*said, dict(response.headers)])
found["encrypted"] = client.post("/api/v1/token").status_code
found["cookies"] = {name: dict(morsel) for name, morsel in client.cookies.items()}
found["session"] = {
    "name": settings.SESSION_COOKIE_NAME, "secure": settings.SESSION_COOKIE_SECURE,
    "httponly": settings.SESSION_COOKIE_HTTPONLY, "samesite": settings.SESSION_COOKIE_SAMESITE,
    "path": settings.SESSION_COOKIE_PATH, "domain": settings.SESSION_COOKIE_DOMAIN,
    "idle": settings.REGISTRY_IDLE_MINUTES, "hours": settings.REGISTRY_SESSION_HOURS,
}
print(json.dumps(found))
"""


def test_deployment_adds_transport_security_and_bound_cookies(
    database: None, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DEPLOYED],
        cwd=CHECKOUT,
        env=deployment_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for path, (_, headers) in list(found.items())[:5]:
        assert headers["Strict-Transport-Security"] == (
            "max-age=31536000; includeSubDomains; preload"
        ), path
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert "Access-Control-Allow-Origin" not in headers, path
    assert found["/static/registry/icon.svg"][0] == 200
    assert "no-store" not in found["/static/registry/icon.svg"][1]["Cache-Control"]
    assert {status for status, _ in found["led"]} == {301}
    assert all(address.startswith("https://registry.example.org/") for _, address in found["led"])
    for status, body, headers in found["refused"]:
        assert (status, body["status"]) == (403, 403)
        assert headers["Content-Type"] == "application/problem+json"
        assert body["type"] == "urn:hd-il2-registry:problem:not-encrypted"
        assert body["instance"] == f"urn:uuid:{headers['X-Request-Id']}"
        assert "over https" in body["detail"]
        assert ALWAYS.items() <= headers.items()
    assert len(found["refused"]) == 4
    assert found["encrypted"] == 415  # it lacks a form, and nothing else
    assert "YTpDQU5BUlk" not in done.stderr
    assert found["session"] == {
        "name": "__Host-session",
        "secure": True,
        "httponly": True,
        "samesite": "Lax",
        "path": "/",
        "domain": None,
        "idle": 15,
        "hours": 12,
    }
    [(name, cookie)] = found["cookies"].items()
    assert name == "__Host-csrf"
    assert (cookie["secure"], cookie["httponly"], cookie["path"]) == (True, True, "/")
    assert (cookie["samesite"], cookie["domain"]) == ("Lax", "")
