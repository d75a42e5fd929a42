"""`manage.py` and `manage.py up` as a newcomer meets them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.stack import devstack, launch, supervisor
from registry.stack.paths import StackError
from tests.analytics.r_results import FOLDER
from tests.stack_support import Place, Up, becomes, new_place

WHO = (
    "from django.db import connections as c; k = c['{alias}'].cursor(); "
    "k.execute('select session_user, (select count(*) from django_migrations) > 0'); print(k.fetchone())"
)


@pytest.fixture
def place() -> Iterator[Place]:
    with new_place() as found:
        yield found


def ask(place: Place, alias: str, **more: str) -> tuple[int, str]:
    return place.run(
        "shell", "-v", "0", "-c", WHO.format(alias=alias), environment=place.environment(**more)
    )


@pytest.mark.parametrize("arguments", [["up", "--help"], ["check"]])
def test_command_without_need_of_a_database_starts_none(place: Place, arguments: list[str]) -> None:
    status, output = place.run(*arguments)
    assert status == 0, output
    assert not (place.data / "servers").exists()


def test_survival_statistics_of_a_file_need_no_server(place: Place) -> None:
    status, text = place.run("survival", str(FOLDER / "aml.csv"))
    assert status == 0, text
    assert not (place.data / "servers").exists()
    assert place.run("survival", str(FOLDER / "none.csv"))[0] == 2
    assert place.run("survival", str(FOLDER / "manifest.json"))[0] == 1
    assert place.run("survival")[0] == 2


def test_command_with_database_url_starts_nothing(place: Place) -> None:
    own = {name: os.environ[name] for name in devstack.VARIABLES if name in os.environ}
    assert ask(place, "default", **own) == (0, "('registry_app', True)\n")
    assert not list(place.data.iterdir())


def test_up_starts_serves_refuses_a_second_and_stops_in_order(place: Place) -> None:
    up = Up(place)
    assert up.status("/ready") == 200
    web = place.process("gunicorn")
    worker = place.process("celery", "worker")
    held = {
        name: Path(f"/proc/{pid}/environ").read_bytes()
        for name, pid in (("web", web), ("worker", worker))
    }
    assert b"\0DATABASE_URL=" in held["web"]
    assert b"DATABASE_OWNER_URL" not in held["web"] + held["worker"]
    assert b"DATABASE_WORKER_URL" not in held["web"]
    assert b"DATABASE_WORKER_URL" in held["worker"]
    status, output = place.run("up")
    assert status == 1
    assert f"already runs from {place.data} (process {up.process.pid})" in output
    assert ask(place, "default") == (
        0,
        "('registry_app', True)\n",
    )  # its servers are found, not doubled
    assert up.status("/ready") == 200
    assert up.stop(signal.SIGINT) == 0
    ends = [line.split("stopping ")[1] for line in up.output if "stopping" in line]
    assert ends == ["beat", "web", "worker", "Valkey", "PostgreSQL"]
    assert becomes(lambda: not place.left(), 5), place.left()


def test_port_in_use_says_so_and_what_to_do() -> None:
    with supervisor.open_port(None) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StackError, match=f"Port {port} is in use.*--port {port + 1}"):
            supervisor.open_port(port)


def test_port_first_free_one_is_taken_when_none_was_asked_for() -> None:
    first = supervisor.open_port(None)
    second = supervisor.open_port(None)
    with first, second:
        assert second.getsockname()[1] > first.getsockname()[1] >= supervisor.FIRST_PORT


def test_port_of_the_system_refused_with_advice() -> None:
    if os.geteuid() == 0:
        supervisor.open_port(1).close()  # root may
    else:
        with pytest.raises(StackError, match="--port"):
            supervisor.open_port(1)


@pytest.mark.parametrize("port", ["none", "0", "65536", "-1"])
def test_port_that_is_no_port_is_refused(port: str) -> None:
    with pytest.raises(StackError, match="PORT must be a number"):
        supervisor.asked_port({"PORT": port})


def test_port_of_the_environment_is_optional() -> None:
    assert supervisor.asked_port({}) is None
    assert supervisor.asked_port({"PORT": "8010"}) == 8010


def test_up_on_a_database_of_ones_own_needs_all_three_roles(place: Place) -> None:
    status, output = place.run(
        "up", environment=place.environment(DATABASE_URL="postgresql://registry_app@/registry")
    )
    assert status == 1
    assert "DATABASE_WORKER_URL and DATABASE_OWNER_URL must be set too" in output


@pytest.mark.parametrize(
    ("given", "command", "expected"),
    [
        ({}, "derive", ("postgres", "valkey")),
        ({}, "up", ("postgres", "valkey")),
        ({"REDIS_URL": "redis://x"}, "up", ("postgres",)),
        ({"DATABASE_URL": "postgresql://x"}, "up", ("valkey",)),
        ({"DATABASE_URL": "postgresql://x"}, "derive", ()),
        ({"DATABASE_URL": "postgresql://x", "REDIS_URL": "redis://x"}, "up", ()),
    ],
)
def test_needed_servers_urls_replace_each_its_own(
    given: dict[str, str], command: str, expected: tuple[str, ...]
) -> None:
    assert launch.needed_servers(command, given) == expected
