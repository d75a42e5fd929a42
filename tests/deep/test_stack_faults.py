"""What the one-command stack survives: every process killed, any user, folders nobody else may enter."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from registry.stack import accounts, roles, supervisor
from registry.stack.devstack import Stack, start_test_stack
from registry.stack.keeper import Post
from registry.stack.paths import CHECKOUT, Places, StackError
from registry.stack.postgres import superuser_dsn
from registry.stack.processes import Account, processes_in
from tests.stack_support import Place, Up, becomes, new_place

PEOPLE = (
    "from django.db import connections as c; k = c['owner'].cursor(); "
    "k.execute('select session_user, (select count(*) from django_migrations) > 0'); print(k.fetchone())"
)


@pytest.fixture
def place() -> Iterator[Place]:
    with new_place() as found:
        yield found


def test_commands_on_a_new_folder_at_once_make_the_tables_once(place: Place) -> None:
    started = [place.start("shell", "-v", "0", "-c", PEOPLE) for _ in range(3)]
    for process in started:
        with process:
            output = process.communicate(timeout=120)[0]
        assert process.returncode == 0, output
        assert "('registry_migrator', True)" in output
    assert becomes(lambda: not place.left(), 5), place.left()
    assert place.run("shell", "-v", "0", "-c", PEOPLE) == (0, "('registry_migrator', True)\n")


def test_command_that_fails_stops_its_servers(place: Place) -> None:
    status, output = place.run("showmigrations", "no_such_app")
    assert status != 0
    assert "no_such_app" in output
    assert becomes(lambda: not place.left(), 5), place.left()


def test_command_killed_in_its_first_migration_is_made_good_by_the_next(place: Place) -> None:
    process = place.start("shell", "-v", "0", "-c", PEOPLE)
    home = place.data / "servers"
    assert becomes((home / "valkey").is_dir, 30)
    assert becomes(lambda: Post(Places(place.data), "postgres").sockets() is not None, 30)
    time.sleep(0.7)
    process.kill()
    process.communicate()
    assert not (home / "migrated").exists()
    assert becomes(lambda: not place.left(), 5), place.left()
    status, output = place.run("shell", "-v", "0", "-c", PEOPLE)
    assert status == 0, output
    assert "True" in output


def test_supervisor_killed_leaves_nothing_and_the_next_start_works(place: Place) -> None:
    for _ in range(2):
        up = Up(place)
        assert up.status() == 200
        began = time.monotonic()
        up.process.kill()
        up.process.communicate()
        assert becomes(lambda: not place.left(), 5), place.left()
        assert time.monotonic() - began < 5
    up = Up(place)
    assert up.status() == 200
    assert up.stop() == 0


@pytest.mark.parametrize(
    "words",
    [
        ("gunicorn",),
        ("celery", "worker"),
        ("celery", "beat"),
        ("bin/postgres",),
        ("valkey-server",),
        ("registry.stack.keeper", "postgres"),
        ("registry.stack.keeper", "valkey"),
    ],
    ids=lambda words: words[-1],
)
def test_process_killed_is_started_again_and_nothing_is_left_behind(
    place: Place, words: tuple[str, ...]
) -> None:
    up = Up(place)
    killed = place.process(*words)
    family = children_of(killed) if "bin/postgres" not in words else []
    os.kill(killed, signal.SIGKILL)
    assert becomes(lambda: killed not in place.left(), 5)
    assert becomes(lambda: is_running(place, words), 20), place.left()
    assert becomes(lambda: up.status() == 200, 20), up.status()
    assert becomes(lambda: not set(family) & set(place.left()), 5), "orphans"
    assert up.stop() == 0
    assert not place.left()


def is_running(place: Place, words: tuple[str, ...]) -> bool:
    return any(all(word in text for word in words) for text in place.left().values())


def children_of(process: int) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[1]
        except OSError:
            continue
        if parent == str(process):
            found.append(int(entry.name))
    return found


def test_second_signal_stops_at_once(place: Place) -> None:
    up = Up(place)
    worker = place.process("celery", "worker")
    os.kill(worker, signal.SIGSTOP)  # it will never stop by itself
    up.process.send_signal(signal.SIGINT)
    time.sleep(2)
    began = time.monotonic()
    assert up.stop(signal.SIGINT) == 0
    assert time.monotonic() - began < 8
    assert becomes(lambda: not place.left(), 5), place.left()


def test_up_port_in_use_ends_with_advice_and_leaves_nothing(place: Place) -> None:
    with supervisor.open_port(None) as taken:
        port = taken.getsockname()[1]
        status, output = place.run("up", environment=place.environment(PORT=str(port)))
    assert status == 1
    assert f"Port {port} is in use" in output
    assert becomes(lambda: not place.left(), 5), place.left()


def test_command_beside_up_uses_its_servers(place: Place) -> None:
    up = Up(place)
    server = place.process("bin/postgres")
    status, output = place.run("shell", "-v", "0", "-c", PEOPLE)
    assert (status, output) == (0, "('registry_migrator', True)\n")
    assert place.process("bin/postgres") == server
    assert up.status() == 200
    assert up.stop() == 0


def test_two_registries_run_beside_each_other(place: Place) -> None:
    with new_place() as other_place:
        first, second = Up(place), Up(other_place)
        assert first.port != second.port
        assert (first.status(), second.status()) == (200, 200)
        assert first.stop() == 0
        assert second.status() == 200
        assert second.stop() == 0


def test_servers_unusable_cluster_error_says_what_the_log_says(place: Place) -> None:
    stack = Stack(Places(place.data), ("postgres",))
    stack.attach()
    stack.release()
    configuration = stack.places.servers.resolve() / "postgres" / "postgresql.conf"
    configuration.write_text("no_such_setting = 1\n")
    with pytest.raises(StackError, match="no_such_setting"):
        stack.attach()
    assert nothing_left(stack.places)


def nothing_left(places: Places) -> bool:
    home = places.servers.resolve()
    return not processes_in(home / "postgres") and not processes_in(home / "valkey")


def interpreter_for(account: Account) -> tuple[Path, dict[str, str]]:
    """A Python of this version that the account may run, and what it needs to find the packages."""
    packages = next(Path(entry) for entry in sys.path if entry.endswith("site-packages"))
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for name in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        path = Path(name)
        if path.exists() and accounts.may_reach(path, account):
            return path, {"PYTHONPATH": str(packages), "PYTHONDONTWRITEBYTECODE": "1"}
    raise AssertionError(f"no {version} that user {account.uid} may run: install it system-wide")


def ordinary_account() -> Account:
    """`nobody` when the tests run as root, else this user."""
    if os.geteuid() == 0:
        entry = pwd.getpwnam("nobody")
        return Account(entry.pw_uid, entry.pw_gid)
    return Account(os.geteuid(), os.getegid())


def test_ordinary_user_runs_commands_on_servers_of_their_own(place: Place) -> None:
    account = ordinary_account()
    python, more = interpreter_for(account)
    place.data.chmod(0o700)
    if os.geteuid() == 0:
        os.chown(place.data, account.uid, account.gid)
    result = subprocess.run(
        [python, CHECKOUT / "manage.py", "shell", "-v", "0", "-c", PEOPLE],
        cwd="/",
        env=place.environment(HOME=str(place.data), **more),
        user=account.uid if os.geteuid() == 0 else None,
        group=account.gid if os.geteuid() == 0 else None,
        extra_groups=() if os.geteuid() == 0 else None,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout == "('registry_migrator', True)\n"
    assert (place.data / "servers" / "postgres").stat().st_uid == account.uid
    assert (place.data / "identifier-key").stat().st_uid == account.uid
    assert becomes(lambda: not place.left(), 5), place.left()


def test_servers_account_that_cannot_reach_the_data_folder_gets_a_place_outside(
    place: Place,
) -> None:
    """As root: a private home stays private. For an ordinary user everything stays in the data folder."""
    private = place.data / "private"
    private.mkdir(mode=0o700)
    places = Places(private / "data")
    stack = Stack(places)
    stack.attach()
    try:
        with psycopg.connect(superuser_dsn(stack.sockets("postgres"), "postgres")) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
        assert private.stat().st_mode & 0o777 == 0o700
        home = places.servers.resolve()
        assert home.is_relative_to(accounts.ROOT_HOME if os.geteuid() == 0 else private)
        assert home.stat().st_mode & 0o777 == 0o700
        assert (home.stat().st_uid == 0) is False
    finally:
        stack.release()
        shutil.rmtree(places.servers.resolve())
    if os.geteuid() == 0:
        with pytest.raises(StackError, match="gone"):
            stack.attach()


def test_programs_out_of_reach_are_copied_once_and_cannot_be_changed(place: Place) -> None:
    account = ordinary_account()
    private = place.data / "private"
    (private / "tools" / "bin").mkdir(parents=True)
    program = private / "tools" / "bin" / "program"
    program.write_text("#!/bin/sh\necho it runs\n")
    program.chmod(0o700)
    private.chmod(0o700)
    if os.geteuid() != 0:
        assert accounts.reachable_programs(private, ("tools",), "test", None) == private
        return
    copy = accounts.reachable_programs(private, ("tools",), f"test-{place.mark}", account)
    try:
        again = accounts.reachable_programs(private, ("tools",), f"test-{place.mark}", account)
        assert again == copy == accounts.ROOT_HOME / f"programs-test-{place.mark}"
        command = [copy / "tools" / "bin" / "program"]
        output = subprocess.run(
            command,
            user=account.uid,
            group=account.gid,
            extra_groups=(),
            check=True,
            capture_output=True,
        ).stdout
        assert output == b"it runs\n"
        assert command[0].stat().st_uid == 0
        assert command[0].stat().st_mode & 0o022 == 0
        assert private.stat().st_mode & 0o777 == 0o700
    finally:
        shutil.rmtree(copy)


def test_up_on_servers_of_ones_own_starts_none(place: Place) -> None:
    own = start_test_stack(place.data / "own")
    given = {name: own.environment[name] for name in (*roles.URLS, "REDIS_URL")}
    up = Up(place, **given)
    try:
        assert up.status() == 200
        assert not (place.data / "servers").exists()
        assert is_running(place, ("celery", "worker"))
    finally:
        assert up.stop() == 0
        own.stop()
