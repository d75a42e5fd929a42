"""The embedded servers: found, shared, restarted, stopped by the last one out, and private."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from registry.stack import devstack, keys, paths, roles
from registry.stack.devstack import Stack, environment, start_test_stack
from registry.stack.paths import CHECKOUT, Places, StackError, open_socket_folder
from registry.stack.postgres import programs, superuser_dsn
from registry.stack.processes import processes_in
from tests.stack_support import Place, becomes, data_folder, new_place


@pytest.fixture
def place() -> Iterator[Place]:
    with new_place() as found:
        yield found


@pytest.fixture
def servers(place: Place) -> Iterator[Stack]:
    """Durable servers of a new data folder, attached by this process."""
    stack = Stack(Places(place.data))
    stack.attach()
    yield stack
    stack.release()


@pytest.fixture(scope="module")
def shared() -> Iterator[Stack]:
    """Servers for the tests that only look at them."""
    with new_place() as found, Stack(Places(found.data)) as stack:
        yield stack


def query(stack: Stack, statement: str, database: str = "postgres") -> str:
    dsn = superuser_dsn(stack.sockets(devstack.POSTGRES), database)
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute(statement).fetchone()
    return str(row[0]) if row else ""


def postmaster(stack: Stack) -> int:
    home = stack.places.servers.resolve()
    return int((home / "postgres" / "postmaster.pid").read_text().splitlines()[0])


def answers(stack: Stack) -> bool:
    try:
        return query(stack, "select 1") == "1"
    except psycopg.OperationalError:
        return False


def nothing_left(places: Places) -> bool:
    home = places.servers.resolve()
    return not processes_in(home / "postgres") and not processes_in(home / "valkey")


def test_servers_one_leaves_while_another_uses_them_stay_until_the_last(servers: Stack) -> None:
    second = Stack(servers.places)
    second.attach()
    running = postmaster(servers)
    assert postmaster(second) == running
    assert servers.release() is False
    assert answers(second)
    assert postmaster(second) == running
    assert second.release() is True
    assert nothing_left(servers.places)


def test_servers_left_pid_file_names_a_living_stranger_start_anyway(servers: Stack) -> None:
    sockets = servers.sockets(devstack.POSTGRES)
    pid_file = servers.places.servers.resolve() / "postgres" / "postmaster.pid"
    found = pid_file.read_text().splitlines()
    assert servers.release()
    # The number of the killed server was given to a process of the same account: here this test.
    found[0] = str(os.getpid())
    pid_file.write_text("\n".join(found) + "\n")
    sockets.mkdir(mode=0o700)
    account = pid_file.parent.stat()
    (sockets / ".s.PGSQL.5432.lock").write_text("\n".join(found) + "\n")
    for path in (pid_file, sockets, sockets / ".s.PGSQL.5432.lock"):
        os.chown(path, account.st_uid, account.st_gid)
    servers.attach()
    assert answers(servers)
    assert postmaster(servers) != os.getpid()


def test_servers_killed_are_started_again_with_their_data(servers: Stack) -> None:
    with psycopg.connect(superuser_dsn(servers.sockets("postgres"), "postgres")) as connection:
        connection.execute("create table kept as select 42 as answer")
    killed = postmaster(servers)
    os.kill(killed, signal.SIGKILL)
    assert becomes(lambda: postmaster_or_zero(servers) not in {0, killed}, 15)
    assert becomes(lambda: answers(servers), 15)
    assert query(servers, "select answer from kept") == "42"


def postmaster_or_zero(stack: Stack) -> int:
    try:
        return postmaster(stack)
    except (FileNotFoundError, IndexError):
        return 0


def test_servers_keeper_killed_takes_them_along_and_revive_brings_them_back(
    servers: Stack, place: Place
) -> None:
    home = servers.places.servers.resolve()
    state = (servers.places.run / "postgres" / "state.json").read_text()
    keeper = int(state.split('"keeper": ')[1].split(",")[0])
    killed = postmaster(servers)
    os.kill(keeper, signal.SIGKILL)
    assert becomes(lambda: killed not in processes_in(home / "postgres"), 5)
    assert servers.revive() is True
    assert answers(servers)
    assert servers.revive() is False


def test_servers_user_killed_stop_by_themselves(place: Place) -> None:
    user = subprocess.Popen(
        [
            sys.executable,
            "-c",
            (
                "import sys, time; from pathlib import Path; from registry.stack.devstack import Stack;"
                "from registry.stack.paths import Places;"
                "Stack(Places(Path(sys.argv[1]))).attach(); print('ready', flush=True); time.sleep(60)"
            ),
            str(place.data),
        ],
        cwd=CHECKOUT,
        env=place.environment(),
        stdout=subprocess.PIPE,
    )
    with user:
        assert user.stdout is not None
        assert user.stdout.readline() == b"ready\n"
        assert len(place.left()) > 4
        user.kill()
    assert becomes(lambda: not place.left(), 5), place.left()


def test_servers_of_two_data_folders_run_beside_each_other(servers: Stack) -> None:
    with data_folder() as folder:
        other = start_test_stack(folder / "data")
        try:
            with psycopg.connect(other.superuser_dsn(), autocommit=True) as connection:
                connection.execute("create database only_here")
            assert (
                query(servers, "select count(*) from pg_database where datname = 'only_here'")
                == "0"
            )
            assert other.sockets != servers.sockets("postgres")
        finally:
            other.stop()
        assert not (folder / "data").exists()
    assert answers(servers)


def test_servers_that_shared_memory_cannot_hold_are_in_the_temporary_folder() -> None:
    stack = start_test_stack(room=1 << 60)
    try:
        assert stack.directory.parent == Path(tempfile.gettempdir())
    finally:
        stack.stop()


def test_servers_listen_on_private_sockets_only(shared: Stack) -> None:
    assert query(shared, "show listen_addresses") == ""
    for kind in devstack.BOTH:
        folder = shared.sockets(kind)
        assert folder.stat().st_mode & 0o777 == 0o700
        assert len(str(folder / ".s.PGSQL.5432.lock")) < 107
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(
            environment(shared)["REDIS_URL"].removeprefix("redis+socket://").split("?")[0]
        )
        connection.sendall(b"CONFIG GET port\r\n")
        assert b"\r\n0\r\n" in connection.recv(100)


def test_servers_are_careful_with_data_and_quiet_about_values(shared: Stack) -> None:
    for setting in ("fsync", "full_page_writes", "synchronous_commit", "data_checksums"):
        assert query(shared, f"show {setting}") == "on", setting
    with psycopg.connect(superuser_dsn(shared.sockets("postgres"), "postgres")) as connection:
        connection.execute("create table named (name text unique)")
        connection.execute("insert into named values ('needle-7f3a')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("insert into named values ('needle-7f3a')")
        connection.rollback()
        with pytest.raises(psycopg.errors.InvalidTextRepresentation, match="needle-7f3a"):
            connection.execute("select 'needle-7f3a'::integer")
    assert "needle-7f3a" not in (shared.places.log / "postgres.log").read_text()


def test_socket_folder_of_somebody_else_is_never_used(place: Place) -> None:
    places = Places(place.data)
    names = paths.socket_folder_names(places, "postgres")
    first = names[0]
    first.mkdir(mode=0o755)  # as anybody could have made it
    first.chmod(0o755)
    try:
        taken = open_socket_folder(places, "postgres", os.geteuid(), os.getegid())
        assert taken == names[1]
        taken.chmod(0o770)
        names[2].symlink_to(place.data)
        with pytest.raises(StackError, match="TMPDIR"):
            open_socket_folder(places, "postgres", os.geteuid(), os.getegid())
    finally:
        names[2].unlink(missing_ok=True)
        for name in (first, names[1]):
            name.rmdir()


def test_secrets_are_made_once_and_for_the_owner_only(place: Place) -> None:
    places = Places(place.data)
    first = keys.secret_environment(places)
    assert keys.secret_environment(places) == first
    for name in (keys.SECRET_KEY, keys.IDENTIFIER_KEY):
        assert (place.data / name).stat().st_mode & 0o777 == 0o600
    (place.data / keys.SECRET_KEY).chmod(0o640)
    with pytest.raises(StackError, match="chmod 600"):
        keys.secret_environment(places)


def test_secrets_identifier_key_lost_beside_a_database_is_not_made_anew(place: Place) -> None:
    places = Places(place.data)
    keys.secret_environment(places)
    places.servers.mkdir()
    (place.data / keys.IDENTIFIER_KEY).unlink()
    with pytest.raises(StackError, match="backup"):
        keys.secret_environment(places)


def test_roles_have_no_more_than_they_need(shared: Stack) -> None:
    dsn = superuser_dsn(shared.sockets("postgres"), roles.DATABASE)
    with psycopg.connect(dsn) as connection:
        found = connection.execute(
            "select rolname, rolcanlogin, rolcreatedb, rolsuper or rolbypassrls or rolcreaterole"
            " or rolreplication from pg_roles where rolname like 'registry%' order by 1"
        ).fetchall()
        member = connection.execute(
            "select pg_has_role('registry_migrator', 'registry_owner', 'set'),"
            " pg_has_role('registry_app', 'registry_owner', 'member'),"
            " pg_has_role('registry_worker', 'registry_owner', 'member')"
        ).fetchone()
        owner = connection.execute(
            "select pg_get_userbyid(datdba) from pg_database where datname = 'registry'"
        ).fetchone()
    assert found == [
        ("registry_ages", False, False, False),
        ("registry_app", True, False, False),
        ("registry_auditor", True, False, False),
        ("registry_backup", True, False, True),
        ("registry_exporter", True, False, False),
        ("registry_migrator", True, True, False),
        ("registry_owner", False, False, False),
        ("registry_release", False, False, False),
        ("registry_worker", True, False, False),
    ]
    assert member == (True, False, False)
    assert owner == ("registry_owner",)


@pytest.mark.parametrize("variable", ["DATABASE_URL", "DATABASE_WORKER_URL"])
def test_roles_app_and_worker_cannot_make_tables(shared: Stack, variable: str) -> None:
    with (
        psycopg.connect(environment(shared)[variable]) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("create table mine (n int)")


def test_roles_printed_sql_runs_in_psql_twice(shared: Stack) -> None:
    psql = programs(None) / "psql"
    for _ in range(2):
        result = subprocess.run(
            [
                psql,
                "-v",
                "ON_ERROR_STOP=1",
                "-q",
                "-d",
                superuser_dsn(shared.sockets("postgres"), "postgres"),
            ],
            input=roles.as_script(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stderr


def test_roles_apply_sets_passwords_as_verifiers(shared: Stack, place: Place) -> None:
    more = {
        "DATABASE_SUPERUSER_URL": superuser_dsn(shared.sockets("postgres"), "postgres"),
        "REGISTRY_APP_PASSWORD": "only-for-this-test",
    }
    command = [sys.executable, "-m", "registry.stack.roles", "--apply"]
    subprocess.run(command, cwd=CHECKOUT, env=place.environment(**more), check=True)
    stored = query(shared, "select rolpassword from pg_authid where rolname = 'registry_app'")
    assert stored.startswith("SCRAM-SHA-256$")
    bare = subprocess.run(
        command, cwd=CHECKOUT, env=place.environment(), check=False, capture_output=True
    )
    assert bare.returncode == 2
