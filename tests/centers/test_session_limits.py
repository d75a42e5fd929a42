"""Sessions end by the server's clock: idle, absolute; what a page asks by itself keeps none alive."""

from __future__ import annotations

import time
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection
from django.test import Client

from centers.session_limits import BACKGROUND_HEADER, NOTE_SECONDS
from tests.patients.pages import Visitor
from tests.snapshot import start_from
from tests.universe import Universe, build_universe

STATE = "/account/session/"
PAGE = "/records/drafts/"


@pytest.fixture
def universe(database: None, superuser: psycopg.Connection) -> Universe:
    return start_from("stale universe", lambda: build_universe(derived=False), superuser)


@pytest.fixture(autouse=True)
def limits(settings: Any) -> None:
    settings.REGISTRY_IDLE_MINUTES = 15
    settings.REGISTRY_SESSION_HOURS = 12


@pytest.fixture
def carla(universe: Universe) -> Visitor:
    return Visitor(universe, "carla")


def set_back(visitor: Visitor, *, idle: float = 0, since_start: float = 0) -> None:
    """As if so many seconds had passed."""
    session = visitor.client.session
    if idle:
        session["limits_seen"] = time.time() - idle
    if since_start:
        session["limits_started"] = time.time() - since_start
    session.save()


def idle_seconds(visitor: Visitor) -> float:
    return float(time.time() - visitor.client.session["limits_seen"])


@pytest.mark.requirement("P5")
def test_session_ends_after_the_idle_time_and_leads_to_sign_in(
    carla: Visitor, superuser: psycopg.Connection
) -> None:
    set_back(carla, idle=14 * 60 + 50)
    assert carla.get(PAGE).status == 200
    set_back(carla, idle=15 * 60 + 1)
    response = carla.client.get(PAGE)
    assert response.status_code == 302
    assert response.headers["Location"] == f"/sign-in/?next={PAGE}"
    assert response.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert carla.get(PAGE).status == 302
    events = superuser.execute(
        "select after from audit.event where operation = 'sign_out' order by id"
    ).fetchall()
    assert events == [({"by": "time-out"},)]


def test_ended_session_is_gone_from_the_database(
    carla: Visitor, superuser: psycopg.Connection
) -> None:
    key = carla.client.session.session_key
    set_back(carla, idle=3600)
    carla.get(PAGE)
    [(left,)] = superuser.execute(
        "select count(*) from centers_session where session_key = %s", [key]
    ).fetchall()
    assert left == 0


@pytest.mark.requirement("P5")
def test_session_ends_after_its_longest_time_however_busy(carla: Visitor) -> None:
    set_back(carla, since_start=12 * 3600 - 60)
    assert carla.get(PAGE).status == 200
    set_back(carla, since_start=12 * 3600 + 1)
    assert carla.get(PAGE).status == 302


@pytest.mark.requirement("P5")
def test_what_was_sent_too_late_is_not_done(carla: Visitor, universe: Universe) -> None:
    set_back(carla, idle=3600)
    path = universe.url("survivor", "prior_therapies/new/")
    answer = carla.post(path, {"therapy_class": "surgery"})
    assert (answer.status, answer.url) == (302, f"/sign-in/?next={path}")


def test_activity_is_noted_but_not_with_every_request(carla: Visitor) -> None:
    set_back(carla, idle=NOTE_SECONDS / 2)
    carla.get(PAGE)
    assert idle_seconds(carla) > NOTE_SECONDS / 3
    set_back(carla, idle=NOTE_SECONDS * 2)
    carla.get(PAGE)
    assert idle_seconds(carla) < NOTE_SECONDS / 2


def test_pages_that_ask_by_themselves_are_no_activity(carla: Visitor, universe: Universe) -> None:
    set_back(carla, idle=600)
    assert carla.get(universe.url("survivor", "outcome/")).status in (200, 204)
    assert carla.get(STATE).status == 200
    carla.client.get(PAGE, headers={BACKGROUND_HEADER: "1"})
    assert idle_seconds(carla) > 590


def test_state_says_what_is_left_and_staying_resets_the_idle_time(carla: Visitor) -> None:
    set_back(carla, idle=600, since_start=7200)
    left = carla.client.get(STATE).json()
    assert left["idle"] == pytest.approx(300, abs=3)
    assert left["absolute"] == pytest.approx(10 * 3600, abs=3)
    left = carla.client.post(STATE).json()
    assert left["idle"] == pytest.approx(900, abs=3)
    assert left["absolute"] == pytest.approx(10 * 3600, abs=3)
    assert idle_seconds(carla) < 5


def test_state_is_for_people_who_are_signed_in(carla: Visitor) -> None:
    assert Client().get(STATE).status_code == 302
    assert Client().post(STATE).status_code == 302
    set_back(carla, idle=3600)
    assert carla.client.post(STATE).status_code == 302


def test_session_without_its_times_is_over(carla: Visitor) -> None:
    session = carla.client.session
    del session["limits_started"]
    session.save()
    assert carla.get(PAGE).status == 302


def test_sign_out_lets_the_browser_forget(carla: Visitor) -> None:
    response = carla.client.post("/sign-out/")
    assert response.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert "Clear-Site-Data" not in Client().post("/sign-out/").headers
    assert "Clear-Site-Data" not in Client().get("/sign-in/").headers


def test_page_tells_its_warning_when_to_look(carla: Visitor) -> None:
    set_back(carla, idle=1, since_start=100)
    page = carla.get(PAGE).text
    assert 'data-seconds="840" data-idle="900" data-warn="120"' in page
    assert f'data-state="{STATE}" data-sign-in="/sign-in/"' in page
    assert "session-warning" not in Client().get("/sign-in/").content.decode()


def test_database_that_goes_away_is_no_end_of_a_session(
    carla: Visitor, superuser: psycopg.Connection
) -> None:
    """The page is then 503, to be tried again; Django alone would call the request a bad one."""
    session = carla.client.session
    session["limits_seen"] = time.time()
    superuser.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where usename = 'registry_app' and datname = current_database()"
    )
    try:
        with pytest.raises(OperationalError):
            session.save()
    finally:
        connection.close()
    session.save()
