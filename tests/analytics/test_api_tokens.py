"""Tokens of API clients: issued, refused, counted, ended; nothing of them readable in the database."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command
from django.db import OperationalError, connections, transaction
from django.http import Http404
from django.test import Client
from django.utils import timezone
from oauth2_provider.models import AccessToken

from analytics.api import tokens
from analytics.api.problems import problem
from analytics.api.throttling import RATES
from analytics.models import ApiClient
from centers.access import acting, system_scope
from centers.models import SYSTEM_USER_ID, User
from tests.api_tools import REVOKE, TOKEN, Program, get, is_problem, program, project, send
from tests.universe import Universe, build_people

URL = "/api/v1/outcomes.csv"
CANARY = "MRN-12345"


@pytest.fixture
def people(database: None) -> Universe:
    cache.clear()
    return build_people()


def everything(superuser: psycopg.Connection) -> str:
    """Every row of every table, as text."""
    names = superuser.execute(
        "select quote_ident(schemaname) || '.' || quote_ident(tablename) from pg_tables"
        " where schemaname in ('public', 'ident', 'audit')"
    ).fetchall()
    return "\n".join(
        str(superuser.execute(f"select array_agg(t::text) from {name} t").fetchone())
        for (name,) in names
    )


def test_token_is_short_scoped_an_event_and_nowhere_in_plain_text(
    people: Universe, superuser: psycopg.Connection
) -> None:
    made = program(people.users["ines"])
    answer = made.ask("outcomes")
    token = answer.json["access_token"]
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json | {"access_token": ""} == {
        "access_token": "",
        "expires_in": 300,
        "token_type": "Bearer",
        "scope": "outcomes",
    }
    assert set(made.ask().json["scope"].split()) == set(made.client.scopes)
    assert get(URL, token).status == 200
    stored = everything(superuser)
    assert made.client.client_id in stored
    assert token not in stored
    assert made.secret not in stored
    with pytest.raises(psycopg.errors.CheckViolation):
        superuser.execute("update oauth2_provider_accesstoken set token = 'plain'")
    events = superuser.execute(
        "select actor_id, role, operation, after from audit.event where operation = 'sign_in'"
        " order by id limit 1"
    ).fetchall()
    ines = people.users["ines"].pk
    detail = {"client": made.client.client_id, "scope": "outcomes"}
    assert events == [(ines, "api_client", "sign_in", detail)]
    with acting(system_scope()), transaction.atomic():
        client = ApiClient.objects.get()
        assert str(client) == "test"
        assert client.last_used_at > timezone.now() - timedelta(minutes=1)


def test_refusals_are_problems_and_events_without_what_was_sent(
    people: Universe, superuser: psycopg.Connection
) -> None:
    made = program(people.users["ines"], ["figures"])
    wrong = Program(made.client, CANARY)
    assert is_problem(wrong.ask(), 401, "invalid-client")["error"] == "invalid_client"
    assert wrong.ask().headers["WWW-Authenticate"].startswith("Basic ")
    assert is_problem(made.ask("outcomes"), 400, "invalid-scope")["error"] == "invalid_scope"
    assert is_problem(made.ask(CANARY), 400, "invalid-scope")
    basic = {"Authorization": made.basic}
    for form, name in (
        ({}, "invalid-request"),
        ({"grant_type": CANARY}, "unsupported-grant-type"),
        ({"grant_type": "password", "username": CANARY}, "unsupported-grant-type"),
    ):
        answer = send("post", TOKEN, form, headers=basic)
        is_problem(answer, 400, name)
        assert CANARY not in answer.body.decode()
    form = {"grant_type": "client_credentials", "client_id": "x", "client_secret": CANARY}
    is_problem(send("post", TOKEN, form, headers={}), 401, "invalid-client")
    is_problem(
        send("post", TOKEN, {**form, "client_id": "a\ufffdb"}, headers={}), 401, "invalid-client"
    )
    is_problem(send("post", f"{TOKEN}?client_id=x", form, headers={}), 400, "invalid-parameter")
    answer = send("post", TOKEN, json.dumps(form), headers={}, content_type="application/json")
    is_problem(answer, 415)
    form = {"grant_type": "client_credentials", "client_id": "x"}
    for header in ("Basic !", "Basic eA==", "Basic AP8=", "Basic", "Basic \u00e9", "Digest x"):
        assert send("post", TOKEN, form, headers={"Authorization": header}).status == 401
    assert Client().get(TOKEN).status_code == 405
    found = superuser.execute(
        "select actor_id, after from audit.event where operation = 'sign_in_failed' order by id"
    ).fetchall()
    assert len(found) == 10
    step = {"step": "API client"}
    assert found[0] == (SYSTEM_USER_ID, {"account": people.users["ines"].pk, **step})
    assert found[-1] == (SYSTEM_USER_ID, {"account": None, **step})
    assert CANARY not in everything(superuser)


def test_wrong_secrets_requests_and_tokens_are_limited(
    people: Universe, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = program()
    wrong = Program(made.client, "wrong")
    assert [wrong.ask().status for _ in range(11)] == [401] * 10 + [429]
    assert is_problem(made.ask(), 429)
    assert 0 < int(made.ask().headers["Retry-After"]) <= 900
    other = program()
    assert other.ask().status == 200
    monkeypatch.setitem(RATES, "rows", (2, 60))
    token = other.token()
    assert [get(URL, token).status for _ in range(3)] == [200, 200, 429]
    answer = get(URL, token)
    is_problem(answer, 429)
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    assert program().get(URL).status == 200
    monkeypatch.setattr(tokens, "ISSUES", replace(tokens.ISSUES, most=1))
    is_problem(other.ask(), 429)


def test_revoked_expired_and_ownerless_clients_are_refused_at_once(
    people: Universe, superuser: psycopg.Connection
) -> None:
    ended, old, closed = (program(people.users["ines"]) for _ in range(3))
    given = [one.token() for one in (ended, old, closed)]
    call_command("revoke_api_client", ended.client.client_id, stdout=io.StringIO())
    call_command("revoke_api_client", ended.client.client_id, stdout=io.StringIO())
    superuser.execute("set session_replication_role = replica")
    superuser.execute(
        "update analytics_api_client set expires_at = now() - interval '1 second' where id = %s",
        [old.client.pk],
    )
    superuser.execute("reset session_replication_role")
    assert get(URL, given[2]).status == 200
    with acting(system_scope()), transaction.atomic():
        User.objects.filter(pk=people.users["ines"].pk).update(is_active=False)
    for one, token in zip((ended, old, closed), given, strict=True):
        is_problem(get(URL, token), 401)
        is_problem(one.ask(), 401, "invalid-client")


def test_token_ends_by_time_and_by_its_own_client_alone(people: Universe) -> None:
    made, other = program(), program()
    first, second = made.token(), made.token()

    def revoke(one: Program, token: str) -> int:
        return send("post", REVOKE, {"token": token}, headers={"Authorization": one.basic}).status

    assert revoke(other, first) == 200
    assert get(URL, first).status == 200
    assert revoke(made, first) == 200
    assert revoke(made, first) == 200
    is_problem(get(URL, first), 401)
    assert get(URL, second).status == 200
    assert revoke(Program(made.client, "wrong"), second) == 401
    with transaction.atomic(using="owner"):
        AccessToken.objects.using("owner").update(expires=timezone.now())
    answer = get(URL, second)
    is_problem(answer, 401)
    assert answer.headers["WWW-Authenticate"].endswith('error="invalid_token"')
    made.token()
    assert AccessToken.objects.filter(application=made.client).count() == 1


@pytest.mark.parametrize("path", [TOKEN, REVOKE])
@pytest.mark.parametrize("own_basic", [True, False])
def test_credentials_in_two_places_are_refused_and_nobody_is_counted_or_named(
    people: Universe, superuser: psycopg.Connection, path: str, own_basic: bool
) -> None:
    made, other = program(people.users["ines"]), program()
    token = made.token()
    logins = {"client_id": made.client.client_id, "client_secret": made.secret}
    form = {"grant_type": "client_credentials", "token": token} | logins
    unknown = base64.b64encode(b"nobody:wrong").decode()
    own = (made.basic, made.basic.replace("Basic", "basic"))
    strange = (Program(other.client, "wrong").basic, f"Basic {unknown}", "Basic", "Basic !")
    before = superuser.execute("select max(id) from audit.event").fetchone()
    for header in own if own_basic else strange:
        for _ in range(6):
            answer = send("post", path, form, headers={"Authorization": header})
            assert is_problem(answer, 400, "invalid-request")["error"] == "invalid_request"
    assert superuser.execute("select max(id) from audit.event").fetchone() == before
    assert get(URL, token).status == 200
    assert other.ask().status == 200
    # One of the two is right, and an id beside Basic is no second secret.
    assert send("post", path, form, headers={}).status == 200
    form = {**form, "client_secret": ""}
    assert send("post", path, form, headers={"Authorization": made.basic}).status == 200


@pytest.mark.parametrize("token", [None, "", "il2_nonsense", "x" * 5_000, "tab\tinside", "\u00e9"])
def test_without_a_valid_token_401_with_a_challenge(database: None, token: str | None) -> None:
    answer = get(URL, token)
    is_problem(answer, 401)
    assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="registry"')


def test_other_credentials_are_no_token(people: Universe) -> None:
    made = program()
    is_problem(get(URL, None, Authorization=made.basic), 401)
    client = Client()
    with acting(system_scope()), transaction.atomic():
        client.force_login(people.users["ines"])
    assert client.get(URL).status_code == 401


def test_nothing_is_read_after_the_agreement(
    people: Universe, superuser: psycopg.Connection
) -> None:
    made = program()
    token = made.token()
    past = "agreement_expires_on = current_date - 1"
    for ending in ("closed_at = now()", past):
        superuser.execute("set session_replication_role = replica")
        superuser.execute(f"update analytics_project set {ending}")
        superuser.execute("reset session_replication_role")
        is_problem(get(URL, token), 403, "agreement-ended")
        superuser.execute("set session_replication_role = replica")
        superuser.execute("update analytics_project set closed_at = null")
        superuser.execute("reset session_replication_role")


def test_scope_and_method_are_asked_for(people: Universe) -> None:
    answer = program(scopes=["figures"]).get(URL)
    is_problem(answer, 403, "insufficient-scope")
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
    token = program().token()
    for method in ("post", "put", "patch", "delete", "options"):
        answer = send(method, URL, headers={"Authorization": f"Bearer {token}"})
        is_problem(answer, 405)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Http404(CANARY), 404),
        (PermissionDenied(CANARY), 403),
        (OperationalError(CANARY), 503),
        (ValueError(CANARY), 500),
    ],
)
def test_every_error_becomes_a_problem_without_its_words(
    database: None, error: Exception, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    answer = problem(error, {})
    assert answer.status_code == status
    assert CANARY not in answer.content.decode()
    assert bool(caplog.records) == (status == 500)


def test_create_and_revoke_by_command(people: Universe) -> None:
    project()
    out, err = io.StringIO(), io.StringIO()
    call_command(
        "create_api_client",
        label="R script",
        project="Registry study",
        owner="INES",
        days=7,
        stdout=out,
        stderr=err,
    )
    client_id, secret = out.getvalue().split()
    assert client_id in err.getvalue()
    assert secret not in err.getvalue()
    made = ApiClient.objects.get(client_id=client_id)
    assert made.user == people.users["ines"]
    assert Program(made, secret).get(URL).status == 200
    call_command(
        "create_api_client", label="all", project="Registry study", stdout=out, stderr=io.StringIO()
    )
    for options in (
        {"label": " "},
        {"label": "x" * 101},
        {"label": "x", "days": 0},
        {"label": "x", "days": 400},
        {"label": "x", "owner": "nobody"},
        {"label": "x", "project": "nothing"},
    ):
        with pytest.raises(CommandError):
            call_command("create_api_client", **{"project": "Registry study"} | options)
    with pytest.raises(CommandError):
        call_command("revoke_api_client", "nobody")
    assert connections["default"].in_atomic_block is False
