"""The throw-away cluster of the benchmarks: the product's own servers with their normal durability."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from registry.stack import devstack, postgres, roles
from registry.stack.paths import CHECKOUT, Places

URLS = tuple(roles.URLS)
# Tells a child process which database it measures, as its superuser.
DSN = "REGISTRY_BENCH_DSN"
CUTOFF = "2017-06-30"


@dataclass(frozen=True)
class Cluster:
    """Running servers; `template` is a migrated, empty database."""

    environment: dict[str, str]
    sockets: Path
    template: str = roles.DATABASE

    def dsn(self, database: str) -> str:
        """The superuser's connection string."""
        return postgres.superuser_dsn(self.sockets, database)

    @contextmanager
    def database(self, name: str) -> Iterator[dict[str, str]]:
        """A migrated empty database for the block; yields the environment of processes that use it."""
        quoted = {"name": sql.Identifier(name), "template": sql.Identifier(self.template)}
        with self._made(
            sql.SQL("create database {name} template {template}").format(**quoted), name
        ) as made:
            yield made

    @contextmanager
    def empty_database(self, name: str) -> Iterator[dict[str, str]]:
        """The same without any table, as registry.stack.roles makes one to restore into."""
        quoted = {"name": sql.Identifier(name), "owner": sql.Identifier(roles.OWNER)}
        made = sql.SQL("create database {name} owner {owner} template template0 encoding 'UTF8'")
        with self._made(made.format(**quoted), name) as environment:
            with psycopg.connect(environment[DSN], autocommit=True) as connection:
                roles.run(connection, [*roles.database_statements(name), *roles.SCHEMA_STATEMENTS])
            yield environment

    @contextmanager
    def _made(self, statement: sql.Composed, name: str) -> Iterator[dict[str, str]]:
        self._run(statement)
        changed = {DSN: self.dsn(name)}
        for url in URLS:
            changed[url] = urlunsplit(urlsplit(self.environment[url])._replace(path=f"/{name}"))
        try:
            yield self.environment | changed
        finally:
            dropped = sql.SQL("drop database {} with (force)").format(sql.Identifier(name))
            self._run(dropped)

    def _run(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def throw_away_cluster() -> Iterator[Cluster]:
    """Start servers in a temporary folder on disk, migrate; stop them and remove it all at the end."""
    folder = Path(tempfile.mkdtemp(prefix="registry-bench-"))
    if os.geteuid() == 0:
        folder.chmod(0o711)  # the servers' account passes through to its own folder
    stack = devstack.Stack(Places(folder))
    try:
        with stack:
            given = {**os.environ, **devstack.environment(stack), "REGISTRY_CUTOFF": CUTOFF}
            manage(
                "migrate",
                "--database",
                "owner",
                "--verbosity",
                "0",
                "--skip-checks",
                environment=given,
            )
            yield Cluster(given, stack.sockets(devstack.POSTGRES))
    finally:
        home = (folder / "servers").resolve()
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(home, ignore_errors=True)


@dataclass(frozen=True)
class Finished:
    """What a process took: wall seconds, and its greatest resident memory in MB."""

    seconds: float
    memory: float


def manage(*arguments: str, environment: dict[str, str]) -> None:
    """Run `manage.py` to its end. Raises CalledProcessError when it fails."""
    subprocess.run(  # noqa: S603 - this program itself
        [sys.executable, "manage.py", *arguments], cwd=CHECKOUT, env=environment, check=True
    )


def measured_manage(*arguments: str, environment: dict[str, str] | None = None) -> Finished:
    """Run `manage.py` to its end, on the measured database or another. Raises CalledProcessError when it fails."""
    command = [sys.executable, "manage.py", *arguments]
    start = time.perf_counter()
    child = subprocess.Popen(command, cwd=CHECKOUT, env=environment, stdout=subprocess.DEVNULL)  # noqa: S603
    _, status, usage = os.wait4(child.pid, 0)
    took = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)
    return Finished(took, usage.ru_maxrss / 1024)
