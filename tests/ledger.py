"""A ledger of saves: coordinators write down what they were told, and their books are compared with the database.

They save contacts through the pages of real processes, on a cluster of their own behind a proxy. A
save without an answer is sent again with the same form until it is acknowledged.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from http.client import HTTPException
from pathlib import Path
from urllib.error import URLError
from urllib.parse import quote

import psycopg
import pytest

from registry.stack import devstack, supervisor
from registry.stack.devstack import TestStack, start_test_stack
from registry.stack.paths import CHECKOUT, Places
from tests.processes import Browser, Page
from tests.socket_proxy import SocketProxy
from tests.stack_support import becomes
from tests.universe import PASSWORD

PATIENCE = 300.0  # seconds for one contact: a writer may have bad luck with many faults
RECORDS = ("survivor", "waiting")
UNANSWERED = (URLError, HTTPException, ConnectionError, TimeoutError, OSError)
SEED = """
import django, json; django.setup()
from tests.universe import build_universe
universe = build_universe(derived=False)
print(json.dumps({name: str(one.public_id) for name, one in universe.records.items()}))
"""


@dataclass
class System:
    """Processes on a cluster of their own, behind the proxy."""

    servers: TestStack
    proxy: SocketProxy
    web: supervisor.Member
    port: int
    records: dict[str, str]

    def kill_web_process(self) -> None:
        """One of gunicorn's two children, the oldest: the master starts another."""
        assert self.web.child is not None
        master = self.web.child.pid
        children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        if children:
            os.kill(int(children[0]), signal.SIGKILL)

    def kill_database(self) -> None:
        """The postmaster and with it every connection; its keeper starts it again."""
        folder = (Places(self.servers.directory).servers / devstack.POSTGRES).resolve()
        if becomes((folder / "postmaster.pid").exists, 30):
            pid = int((folder / "postmaster.pid").read_text().split()[0])
            os.kill(pid, signal.SIGKILL)

    def lose_an_answer(self) -> None:
        """Of the next COMMIT, while the database is up to do it."""
        due = self.proxy.lost + 1
        self.proxy.cut()
        assert becomes(lambda: self.proxy.lost == due, 120)


@dataclass
class Writer:
    """A coordinator: `told` has the days that were acknowledged, `tries` how often each was sent."""

    system: System
    path: str
    told: set[date] = field(default_factory=set)
    tries: Counter[date] = field(default_factory=Counter)
    refused: Counter[int] = field(default_factory=Counter)
    browser: Browser = field(init=False)

    def work(self, is_over: Callable[[], bool], day: date) -> None:
        """One contact after the other, from a day on, until it is over."""
        self.browser = Browser(f"http://localhost:{self.system.port}")
        self.browser.sign_in("carla", PASSWORD)
        while not is_over():
            self._save(day)
            day += timedelta(days=1)

    def _save(self, day: date) -> None:
        page = self._until(lambda: self.browser.get(self.path), lambda page: page.status == 200)
        values = page.form | {
            "date": day.isoformat(),
            "source": "visit",
            "vital_status": "alive",
        }
        values |= {"confirm.follow_up.gap": "Lived abroad"}

        def send() -> Page:
            self.tries[day] += 1
            return self.browser.post(self.path, values)

        self._until(
            send,
            lambda page: (
                page.status == 200 and page.url.endswith(self.path.removesuffix("follow_ups/new/"))
            ),
        )
        self.told.add(day)

    def _until(self, act: Callable[[], Page], is_done: Callable[[Page], bool]) -> Page:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                page = act()
            except UNANSWERED:
                self.refused[0] += 1
            else:
                if is_done(page):
                    return page
                assert page.status in (500, 502, 503, 200), (
                    page.status,
                    page.url,
                    page.text[-3000:],
                )
                assert page.status != 200, (page.url, page.text[-3000:])
                self.refused[page.status] += 1
            time.sleep(0.05)
        raise AssertionError(f"not acknowledged within {PATIENCE:.0f} s")


@contextmanager
def running(directory: Path | None = None) -> Iterator[System]:
    """A registry of three records on servers of its own, in a directory that is made, used and removed."""
    servers = start_test_stack(directory)
    try:
        with pytest.MonkeyPatch.context() as monkeypatch:
            yield from _running(servers, monkeypatch)
    finally:
        servers.stop()


def _running(servers: TestStack, monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    for name, value in servers.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("REGISTRY_CUTOFF", "2017-06-30")
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "registry.settings")
    _python(["-m", "django", "migrate", "--database", "owner", "--skip-checks", "-v0"])
    records = json.loads(_python(["-c", SEED]))
    _keep_what_is_committed(servers)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        proxy = SocketProxy(Path(folder), servers.sockets)
        url = f"postgresql://registry_app@/registry?host={quote(folder, safe='')}"
        monkeypatch.setenv("DATABASE_URL", url)
        listener = supervisor.open_port(None)
        web = next(
            m for m in supervisor.members(Places(servers.directory), listener, 2) if m.name == "web"
        )
        web.begin()
        try:
            port = listener.getsockname()[1]
            assert becomes(lambda: supervisor.answers(port), 90), web.log.read_text()
            yield System(servers, proxy, web, port, records)
        finally:
            web.end()
            listener.close()
            proxy.close()


def _keep_what_is_committed(servers: TestStack) -> None:
    """As in production. A cluster for tests acknowledges a COMMIT that the killed server still has in memory."""
    with psycopg.connect(servers.superuser_dsn("registry")) as connection:
        connection.execute("alter database registry set synchronous_commit = on")


def _python(arguments: list[str]) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def saving(system: System, day: date) -> Iterator[list[Writer]]:
    """A writer for each record at work, from a day on, until the block ends."""
    over = threading.Event()
    writers = [
        Writer(system, f"/records/{system.records[name]}/follow_ups/new/") for name in RECORDS
    ]
    with ThreadPoolExecutor(len(writers)) as pool:
        at_work = [pool.submit(writer.work, over.is_set, day) for writer in writers]
        try:
            yield writers
        finally:
            over.set()
            for one in at_work:  # a writer that gave up is why the rest came to nothing
                one.result()


@dataclass(frozen=True)
class Books:
    """The writers' books against the database: how many saves of each kind; `refused` counts by status, 0 no answer."""

    told: int
    sent_again: int
    lost: int
    doubled: int
    refused: Counter[int]

    def __str__(self) -> str:
        return (
            f"{self.told} saves acknowledged ({self.sent_again} of them sent more than once), {self.lost} lost,"
            f" {self.doubled} doubled; refused with {dict(self.refused)} (0: no answer)"
        )


def compare(system: System, writers: list[Writer]) -> Books:
    """What the writers were told, with what is there."""
    assert becomes(lambda: _answers(system), 30)
    lost = doubled = 0
    with psycopg.connect(system.servers.superuser_dsn("registry")) as connection:
        for name, writer in zip(RECORDS, writers, strict=True):
            rows = connection.execute(
                "select f.date::text from patients_follow_up f join patients_patient p"
                " on p.id = f.patient_id where p.public_id = %s",
                [system.records[name]],
            ).fetchall()
            found = Counter(row[0] for row in rows)
            lost += sum(found[day.isoformat()] == 0 for day in writer.told)
            doubled += sum(found[day.isoformat()] > 1 for day in writer.tries)
    return Books(
        told=sum(len(writer.told) for writer in writers),
        sent_again=sum(writer.tries[day] > 1 for writer in writers for day in writer.told),
        lost=lost,
        doubled=doubled,
        refused=sum((writer.refused for writer in writers), Counter[int]()),
    )


def _answers(system: System) -> bool:
    try:
        psycopg.connect(system.servers.superuser_dsn("registry")).close()
    except psycopg.OperationalError:
        return False
    return True
