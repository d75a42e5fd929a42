"""Exports over the API: asked for once, watched, fetched in parts, of one project alone."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.test import Client

from analytics.actions.clients import revoke_client
from analytics.api.throttling import RATES
from analytics.export_jobs import ExportState
from analytics.exporting.engine import build_waiting
from analytics.models import ExportJob
from analytics.projects import RESEARCH, SAFE_HARBOR
from centers.access import system_scope
from tests.analytics.cohort_records import CANARY, cohort_records
from tests.analytics.exports_world import World, ask, build_world, release, use_folder
from tests.api_tools import Answer, Program, get, is_problem, program, send
from tests.snapshot import start_from

EXPORTS, OUTCOMES = "/api/v1/exports", "/api/v1/outcomes"


@pytest.fixture
def world(
    database: None,
    superuser: psycopg.Connection,
    tmp_path: Path,
    settings: Any,
) -> World:
    use_folder(tmp_path)
    return start_from("exports_world", lambda: build_world(superuser), superuser)


def client_of(world: World, profile: str) -> Program:
    return program(owner=world.asker, of=world.projects[profile])


def wish(world: World, of: str, /, **more: Any) -> dict[str, Any]:
    return {
        "recipe": {"cohort": "treated"},
        "cut": str(world.cut.public_id),
        "profile": of,
        "formats": ["csv"],
        **more,
    }


def post(token: str, body: Any, key: str = "first", **headers: str) -> Answer:
    given = {"Authorization": f"Bearer {token}"} | ({"Idempotency-Key": key} if key else {})
    return send(
        "post", EXPORTS, json.dumps(body), headers=given | headers, content_type="application/json"
    )


def delete(token: str, path: str, **headers: str) -> Answer:
    return send("delete", path, headers={"Authorization": f"Bearer {token}"} | headers)


def test_export_is_asked_for_once_watched_fetched_and_ended(
    world: World, superuser: psycopg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    made = client_of(world, RESEARCH)
    token = made.token()
    first = post(token, wish(world, RESEARCH))
    assert first.status == 202
    assert first.headers["Retry-After"] == "2"
    where = first.headers["Location"]
    assert where == f"{EXPORTS}/{first.json['id']}"
    assert first.json["state"] == "queued"
    assert post(token, wish(world, RESEARCH)).json["id"] == first.json["id"]
    is_problem(post(token, wish(world, RESEARCH, formats=["xlsx"])), 422, "key-used")
    assert get(where, token).headers["Retry-After"] == "2"
    is_problem(get(f"{where}/manifest", token), 409, "not-ready")
    build_waiting()
    state = get(where, token)
    assert (state.json["state"], state.json["progress"], state.json["files"]) == ("review", 100, [])
    is_problem(get(f"{where}/files/manifest.json", token), 409, "not-ready")
    job = release(world, world_job(first.json["id"]))
    ready = get(where, token)
    assert ready.json["state"] == "ready"
    assert get(where, token, **{"If-None-Match": ready.headers["ETag"]}).status == 304
    manifest = get(ready.json["manifest"], token)
    listed = {entry["name"]: entry["sha256"] for entry in manifest.json["files"]}
    for entry in ready.json["files"]:
        whole = get(entry["href"], token)
        assert hashlib.sha256(whole.body).hexdigest() == entry["sha256"]
        assert listed.get(entry["name"], entry["sha256"]) == entry["sha256"]
        assert whole.headers["ETag"] == f'"{entry["sha256"]}"'
        assert whole.headers["X-Content-Type-Options"] == "nosniff"
        check_no_identifier(world, whole)
    check_ranges(token, ready.json["files"][0])
    is_problem(get(f"{where}/files/nothing.csv", token), 404)
    downloads = superuser.execute(
        "select after ->> 'client' from audit.event where operation = 'download'"
    ).fetchall()
    assert {client for (client,) in downloads} == {made.client.client_id}
    is_problem(delete(token, where, **{"If-Match": state.headers["ETag"]}), 412, "changed")
    assert delete(token, where, **{"If-Match": ready.headers["ETag"]}).status == 204
    assert delete(token, where).status == 204
    is_problem(get(f"{where}/manifest", token), 410, "gone")
    assert get(where, token).json["state"] == ExportState.EXPIRED
    assert job.client == made.client.client_id
    assert CANARY not in caplog.text
    assert token not in caplog.text


def world_job(public_id: str) -> Any:
    """The export of this id."""
    return ExportJob.objects.get(public_id=public_id)


def check_ranges(token: str, entry: dict[str, Any]) -> None:
    """A download that broke off goes on; another content comes whole."""
    href, size = entry["href"], entry["bytes"]
    headers = {"Authorization": f"Bearer {token}"}
    broken = Client().get(href, headers=headers)
    part = next(iter(broken.streaming_content))[: size // 3]  # type: ignore[attr-defined]
    broken.close()
    etag = f'"{entry["sha256"]}"'
    rest = get(href, token, Range=f"bytes={len(part)}-", **{"If-Range": etag})
    assert rest.status == 206
    assert rest.headers["Content-Range"] == f"bytes {len(part)}-{size - 1}/{size}"
    assert hashlib.sha256(part + rest.body).hexdigest() == entry["sha256"]
    other = get(href, token, Range=f"bytes={len(part)}-", **{"If-Range": '"other"'})
    assert (other.status, len(other.body)) == (200, size)
    assert get(href, token, **{"If-None-Match": etag}).status == 304
    beyond = get(href, token, Range=f"bytes={size}-")
    is_problem(beyond, 416, "range")
    assert beyond.headers["Content-Range"] == f"bytes */{size}"


def check_no_identifier(world: World, answer: Answer) -> None:
    """Neither in the body nor in a header."""
    said = answer.body + str(answer.headers).encode()
    for record in cohort_records()[:40]:
        assert record.record_id.encode() not in said
        assert str(record.birth_date).encode() not in said
    assert CANARY.encode() not in said


def test_refusals_say_which_member_and_echo_nothing(world: World) -> None:
    token = client_of(world, SAFE_HARBOR).token()
    for more, name in (
        ({"recipe": {}}, "recipe"),
        ({"recipe": {"cohort": "MRN-1"}}, "recipe"),
        ({"recipe": {"cohort": "treated", "MRN-1": 1}}, "recipe"),
        ({"recipe": {"cohort": "landmark"}}, "population"),
        ({"recipe": {"cohort": "treated", "tables": ["MRN-1"]}}, "tables"),
        ({"recipe": {"cohort": "treated", "tables": "MRN-1"}}, "recipe"),
        ({"cut": "MRN-1"}, "cut"),
        ({"cut": "00000000-0000-4000-8000-000000000000"}, "cut"),
        ({"profile": RESEARCH}, "profile"),
        ({"formats": []}, "formats"),
        ({"formats": ["MRN-1"]}, "formats"),
        ({"formats": [1]}, "formats"),
        ({"MRN-1": 1}, None),
    ):
        answer = post(token, wish(world, SAFE_HARBOR, **more))
        assert is_problem(answer, 400, "invalid-parameter").get("parameter") == name, more
        assert b"MRN-1" not in answer.body
    for key in ("", "a b", "x" * 101):
        answer = post(token, wish(world, SAFE_HARBOR), key)
        assert is_problem(answer, 400, "invalid-parameter")["parameter"] == "Idempotency-Key"
    for number in range(5):
        assert post(token, wish(world, SAFE_HARBOR), f"key-{number}").status == 202
    is_problem(post(token, wish(world, SAFE_HARBOR), "one-more"), 409, "conflict")
    pages, cursor = [], ""
    while cursor is not None:
        page = get(f"{EXPORTS}?limit=2{f'&cursor={cursor}' if cursor else ''}", token).json
        pages.append(len(page["exports"]))
        cursor = page["next"]
    assert pages == [2, 2, 1]
    for query in ("limit=0", "limit=101", "limit=x", "cursor=MRN-1"):
        is_problem(get(f"{EXPORTS}?{query}", token), 400, "invalid-parameter")


def test_refused_clients_get_documented_problems(
    world: World, superuser: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wrong scope, exceeded rate, revoked client, ended agreement: on asking and on watching."""
    made = client_of(world, SAFE_HARBOR)
    token, narrow = made.token(), made.token("figures")
    body = wish(world, SAFE_HARBOR)
    is_problem(post(narrow, body), 403, "insufficient-scope")
    is_problem(get(EXPORTS, narrow), 403, "insufficient-scope")
    where = post(token, body).headers["Location"]
    monkeypatch.setitem(RATES, "order", (2, 3600))
    assert post(token, body, "second").status == 202
    late = post(token, body, "third")
    is_problem(late, 429)
    assert int(late.headers["Retry-After"]) > 0
    superuser.execute("set session_replication_role = replica")
    superuser.execute("update analytics_project set agreement_expires_on = current_date - 1")
    superuser.execute("reset session_replication_role")
    for answer in (post(token, body, "fourth"), get(where, token), delete(token, where)):
        is_problem(answer, 403, "agreement-ended")
    revoke_client(actor=system_scope(), client_id=made.client.pk, reason="Lost")
    for answer in (post(token, body, "fifth"), get(where, token), delete(token, where)):
        is_problem(answer, 401)


def test_another_project_sees_nothing_of_it_and_shares_no_code(
    world: World, superuser: psycopg.Connection
) -> None:
    token, other = (client_of(world, profile).token() for profile in (SAFE_HARBOR, RESEARCH))
    is_problem(get(f"{OUTCOMES}?cohort=treated", token), 404, "not-released")
    jobs = {profile: ask(world, profile, formats=("csv",)) for profile in (SAFE_HARBOR, RESEARCH)}
    build_waiting()
    for job in jobs.values():
        release(world, job)
    where = f"{EXPORTS}/{jobs[SAFE_HARBOR].public_id}"
    assert get(where, token).status == 200
    for path in (where, f"{where}/manifest", f"{where}/files/manifest.json"):
        is_problem(get(path, other), 404)
    is_problem(delete(other, where), 404)
    rows = paged(token, "limit=60")
    assert len(rows) == len(paged(token, f"cut={world.cut.public_id}"))
    codes = [row["subject"] for row in rows]
    assert codes == sorted(codes)
    assert len(set(codes)) == len(codes) == world_job(str(jobs[SAFE_HARBOR].public_id)).records
    others = {row["subject"] for row in paged(other, "limit=1000")}
    assert len(others) == len(codes)
    assert not others & set(codes)
    event = superuser.execute(
        "select after from audit.event where operation = 'export' order by id limit 1"
    ).fetchone()
    assert event is not None
    assert (event[0]["export"], event[0]["rows"]) == ("outcomes", 60)
    absent = "00000000-0000-4000-8000-000000000000"
    is_problem(get(f"{OUTCOMES}?cut={absent}", token), 404)
    is_problem(get(f"{OUTCOMES}?cohort=eligible", token), 404, "not-released")
    for query in ("cut=MRN-1", "cursor=mrn-1", "limit=1001", "cohort=landmark"):
        is_problem(get(f"{OUTCOMES}?{query}", token), 400, "invalid-parameter")
    book = get("/api/v1/codebook", token).json
    columns = next(table for table in book["tables"] if table["name"] == "subjects")["columns"]
    assert {column["name"] for column in columns} == set(rows[0])
    cuts = get("/api/v1/cuts", token).json["cuts"]
    assert [cut["id"] for cut in cuts] == [str(world.cut.public_id)]


def paged(token: str, query: str) -> list[dict[str, Any]]:
    """All rows, page by page."""
    rows, cursor = [], ""
    while cursor is not None:
        answer = get(
            f"{OUTCOMES}?{query}&cohort=treated{f'&cursor={cursor}' if cursor else ''}", token
        )
        assert answer.status == 200, answer.body
        rows += answer.json["rows"]
        cursor = answer.json["next"]
    return rows
