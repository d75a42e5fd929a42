"""What operators see, and that nobody else does."""

from __future__ import annotations

import json
import logging

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from analytics.derivation.stale import drain, forget_batches
from analytics.models import DerivationBatch
from analytics.queries.operations import recent_batches, waiting_work
from analytics.tasks import sweep
from centers.access import acting, system_scope
from centers.models import AuditEvent
from centers.sealing import seal_events
from registry.logs import JsonFormatter
from registry.runs import note
from tests.patients.pages import Visitor
from tests.universe import Universe

TOKEN = "a token of forty characters or more, no less"
OPERATOR = {"Authorization": f"Bearer {TOKEN}"}
PAGE = "/administration/operations/"
BROKEN = "CheckViolation"
CANARY = "CANARY-9134"


@pytest.fixture
def token(settings: Settings) -> None:
    settings.REGISTRY_METRICS_TOKEN = TOKEN


def ready(**headers: str) -> tuple[int, dict[str, object]]:
    answer = Client().get("/ready", headers=headers)
    return answer.status_code, answer.json()


@pytest.mark.requirement("I2")
def test_strangers_learn_whether_it_may_get_traffic_and_no_more(
    universe: Universe, superuser: psycopg.Connection, settings: Settings
) -> None:
    vital = {"database": "ok", "migrations": "ok", "broker": "ok"}
    assert Client().get("/live").status_code == 200
    assert ready() == (200, {"status": "ok", "checks": vital})
    assert ready(Authorization="Bearer ") == ready(**OPERATOR) == ready()  # there is no token yet
    for path in ("/metrics", "/ready"):
        answer = Client().get(path)
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Request-Id"]
    assert Client().get("/metrics").status_code == 404
    settings.REGISTRY_METRICS_TOKEN = TOKEN
    assert Client().get("/metrics", headers={"Authorization": "Bearer x"}).status_code == 404
    assert ready(Authorization="Bearer x") == (200, {"status": "ok", "checks": vital})
    # Without a broker saves go on, so traffic does; without a table it must not.
    good, settings.REDIS_URL = settings.REDIS_URL, "redis+socket:///nowhere/valkey.sock"
    assert ready() == (200, {"status": "degraded", "checks": {**vital, "broker": "degraded"}})
    settings.REDIS_URL = good
    row = superuser.execute(
        "delete from django_migrations where id = (select max(id) from django_migrations)"
        " returning app, name, applied"
    ).fetchone()
    try:
        assert ready() == (503, {"status": "failed", "checks": {**vital, "migrations": "failed"}})
    finally:
        superuser.execute(
            "insert into django_migrations (app, name, applied) values (%s, %s, %s)", row
        )


def test_operators_learn_ages_and_numbers(
    universe: Universe, superuser: psycopg.Connection, token: None
) -> None:
    superuser.execute("update analytics_stale set marked_at = now() - interval '10 minutes'")
    superuser.execute("update audit.event set at = at - interval '1 hour'")
    status, answer = ready(**OPERATOR)
    checks: dict[str, dict[str, str]] = answer["checks"]  # type: ignore[assignment]
    assert (status, answer["status"]) == (200, "degraded")
    late = {name for name, check in checks.items() if check["state"] == "degraded"}
    assert late == {"derivation", "audit seal", "worker"}
    assert "waits for 60" in checks["derivation"]["said"]
    sweep()
    seal_events()
    assert ready(**OPERATOR)[1]["status"] == "ok"
    found = metrics()
    assert found["registry_ready", "derivation"] == 1
    assert found["registry_stale_records", ""] == found["registry_dead_letters", ""] == 0
    assert found["registry_derivation_records_last_hour", ""] == len(universe.records)
    assert 600 < found["registry_staleness_seconds", "0.99"] < 700
    assert found["registry_queue_messages", "celery"] >= 0
    assert found["registry_request_seconds_count", "GET ready 200"] >= 1
    assert not [key for key in found if "C01" in key[1] or "carla" in key[1]]
    superuser.execute("update analytics_derivation_batch set at = now() - interval '8 days'")
    assert (recent_batches().batches, forget_batches()) == (0, 1)
    with acting(system_scope()), transaction.atomic():
        assert not DerivationBatch.objects.exists()


def metrics() -> dict[tuple[str, str], float]:
    """Samples by name and values of labels."""
    answer = Client().get("/metrics", headers=OPERATOR)
    assert answer.headers["Content-Type"].startswith("text/plain")
    return {
        (sample.name, " ".join(value for key, value in sample.labels.items() if key != "le")): (
            sample.value
        )
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


@pytest.mark.requirement("R4")
def test_dead_letters_are_seen_and_tried_again_by_administrators_alone(
    universe: Universe, superuser: psycopg.Connection
) -> None:
    survivor = universe.records["survivor"]
    superuser.execute("update analytics_stale set attempts = 5, last_error = %s", [BROKEN])
    assert drain() == 0
    for who in ("carla", "dana", "ines"):
        visitor = Visitor(universe, who)
        assert visitor.get(PAGE).status == 403
        assert visitor.post(f"{PAGE}retry/", {}).status == 403
    adam = Visitor(universe, "adam")
    page = adam.get(PAGE).text
    assert str(survivor.public_id) in page
    assert BROKEN in page
    assert f"{len(universe.records)} records cannot be derived" in page
    assert adam.post(f"{PAGE}retry/", {"record": "nonsense"}).url == PAGE
    assert waiting_work().dead == len(universe.records)
    adam.post(f"{PAGE}retry/", {"record": str(survivor.public_id)})
    assert (waiting_work().dead, drain()) == (len(universe.records) - 1, 1)
    assert str(survivor.public_id) not in adam.get(PAGE).text
    adam.post(f"{PAGE}retry/", {})
    assert (waiting_work().dead, drain()) == (0, len(universe.records) - 1)
    with acting(system_scope()), transaction.atomic():
        events = AuditEvent.objects.filter(operation="operation").order_by("id")
        assert [event.actor_id for event in events] == [universe.users["adam"].pk] * 2
    assert "Operation" in adam.get("/administration/access/?kind=operations").text


def test_backups_and_drills_are_noted_and_shown(database: None, universe: Universe) -> None:
    with pytest.raises(CommandError):
        call_command("backup", "--to", "/proc/nowhere")
    note("drill", passed=True, seconds=12.34, backup="20261128T021500.123456Z", failed=[])
    page = Visitor(universe, "adam").get(PAGE).text
    assert "No backup was noted yet" not in page
    assert "No drill was noted yet" not in page
    assert page.count("Failed</span>") == 1


def test_lines_for_programs_say_the_request_and_no_text_of_an_error() -> None:
    formatter = JsonFormatter("{message}", style="{")
    try:
        int(CANARY)
    except ValueError as error:
        record = logging.LogRecord(
            "registry", 40, "f", 1, "failed %s", ("here",), (type(error), error, None)
        )
    record.fields = {"route": "home", "status": 500}
    line = json.loads(formatter.format(record))
    assert (line["message"], line["level"], line["route"]) == ("failed here", "ERROR", "home")
    assert line["error"].endswith("builtins.ValueError")
    assert "9134" not in json.dumps(line)
