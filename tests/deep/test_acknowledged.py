"""What was acknowledged is there exactly once, what was not at most once: killed web processes, killed
databases, answers lost after COMMIT.

Two coordinators save contacts through the pages of real processes and write down what they were
told; at the end their books are compared with the database. A save without an answer is sent again
with the same form until it is acknowledged.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from http.client import HTTPException
from pathlib import Path
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import HTTPCookieProcessor, HTTPRedirectHandler, build_opener

import psycopg
import pytest

from registry.stack import devstack, supervisor
from registry.stack.devstack import TestStack, start_test_stack
from registry.stack.paths import CHECKOUT, Places
from tests.processes import Browser, Page
from tests.socket_proxy import SocketProxy
from tests.stack_support import becomes
from tests.universe import PASSWORD

WEB_KILLS, DATABASE_KILLS, CUTS = 100, 20, 20
RECORDS = ("survivor", "waiting")
FIRST_DAY = date(2012, 1, 2)
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
    restarts: int = 0

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
        self.proxy.cuts += 1
        assert becomes(lambda: self.proxy.lost == due, 60)


@dataclass
class Writer:
    """A coordinator: `told` has the days that were acknowledged, `tries` how often each was sent."""

    system: System
    path: str
    told: set[date] = field(default_factory=set)
    tries: Counter[date] = field(default_factory=Counter)
    refused: Counter[int] = field(default_factory=Counter)
    browser: Browser = field(init=False)

    def work(self, is_over: Callable[[], bool]) -> None:
        """One contact after the other until it is over."""
        self.browser = Browser(f"http://localhost:{self.system.port}")
        self.browser.sign_in("carla", PASSWORD)
        day = FIRST_DAY
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
        end = time.monotonic() + 60
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
        raise AssertionError("no answer for a minute")


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    servers = start_test_stack()
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
    python(["-m", "django", "migrate", "--database", "owner", "--skip-checks", "-v0"])
    records = json.loads(python(["-c", SEED]))
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


def python(arguments: list[str]) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_no_acknowledged_save_is_lost_or_doubled(
    system: System, capsys: pytest.CaptureFixture[str]
) -> None:
    over = threading.Event()
    writers = [Writer(system, f"/records/{system.records[r]}/follow_ups/new/") for r in RECORDS]
    errors: list[BaseException] = []

    def run(writer: Writer) -> None:
        try:
            writer.work(over.is_set)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(writer,)) for writer in writers]
    for thread in threads:
        thread.start()
    try:
        _do_harm(system, writers, lambda: bool(errors))
    finally:
        over.set()
        for thread in threads:
            thread.join(90)
    assert not errors, errors[0]
    _compare(system, writers, capsys)


def _do_harm(system: System, writers: list[Writer], is_broken: Callable[[], bool]) -> None:
    draw = random.Random(7)
    assert becomes(lambda: is_broken() or all(w.told for w in writers), 60)
    faults = ["web"] * WEB_KILLS + ["database"] * DATABASE_KILLS + ["cut"] * CUTS
    draw.shuffle(faults)
    for fault in faults:
        before = sum(len(w.told) for w in writers)
        if fault == "web":
            system.kill_web_process()
        elif fault == "database":
            system.kill_database()
        else:
            system.lose_an_answer()
        time.sleep(draw.uniform(0.02, 0.4))
        # Work goes on after each harm, or the harm is no test.
        assert becomes(
            lambda now=before: is_broken() or sum(len(w.told) for w in writers) > now, 60
        )
        if is_broken():
            return


def _compare(system: System, writers: list[Writer], capsys: pytest.CaptureFixture[str]) -> None:
    told = lost = doubled = unknown = 0
    assert becomes(lambda: answers(system), 30)
    with psycopg.connect(system.servers.superuser_dsn("registry")) as connection:
        for name, writer in zip(RECORDS, writers, strict=True):
            rows = connection.execute(
                "select f.date::text from patients_follow_up f join patients_patient p"
                " on p.id = f.patient_id where p.public_id = %s and f.date::text >= '2012'",
                [system.records[name]],
            ).fetchall()
            found = Counter(row[0] for row in rows)
            told += len(writer.told)
            lost += sum(found[day.isoformat()] == 0 for day in writer.told)
            doubled += sum(number > 1 for number in found.values())
            unknown += sum(writer.tries[day] > 1 for day in writer.told)
    refused = sum((writer.refused for writer in writers), Counter[int]())
    with capsys.disabled():
        print(  # noqa: T201 - figures of the run
            f"\n{WEB_KILLS} web processes and {DATABASE_KILLS} databases killed, {system.proxy.lost} answers lost"
            f" after COMMIT: {told} saves acknowledged ({unknown} of them sent more than once), {lost} lost,"
            f" {doubled} doubled; refused with {dict(refused)} (0: no answer)"
        )
    assert (lost, doubled) == (0, 0)
    assert system.proxy.lost == CUTS
    assert refused[500] == 0, "a database that is away is 503"
    assert told > WEB_KILLS


def test_web_told_to_stop_answers_what_it_has_begun(system: System) -> None:
    """SIGTERM in the middle of a save, as every update sends it."""
    path = f"/records/{system.records['survivor']}/follow_ups/new/"
    browser = Browser(f"http://localhost:{system.port}")
    browser.sign_in("carla", PASSWORD)
    values = browser.get(path).form | {"date": "2016-06-20", "source": "visit"}
    values |= {"vital_status": "alive", "confirm.follow_up.gap": "Lived abroad"}
    stay_on_answer(browser)
    pages: list[Page] = []
    sending = threading.Thread(target=lambda: pages.append(browser.post(path, values)))
    with psycopg.connect(system.servers.superuser_dsn("registry")) as blocker:
        blocker.execute(
            "lock table patients_follow_up in share mode"
        )  # the save stands in its middle
        sending.start()
        time.sleep(2)
        assert system.web.child is not None
        system.web.child.terminate()
        time.sleep(1)
        assert not pages
    sending.join(30)
    assert system.web.child.wait(30) == 0
    assert [page.status for page in pages] == [302]
    with psycopg.connect(system.servers.superuser_dsn("registry")) as connection:
        row = connection.execute(
            "select count(*) from patients_follow_up where date::text = '2016-06-20'"
        ).fetchone()
    assert row == (1,)


class Staying(HTTPRedirectHandler):
    """Leads nowhere: the answer itself is looked at."""

    def redirect_request(self, *_: object) -> None:
        return None


def stay_on_answer(browser: Browser) -> None:
    """What the next process would answer is not asked for."""
    cookies = [h for h in browser._opener.handlers if isinstance(h, HTTPCookieProcessor)]
    browser._opener = build_opener(Staying(), *cookies)


def answers(system: System) -> bool:
    try:
        psycopg.connect(system.servers.superuser_dsn("registry")).close()
    except psycopg.OperationalError:
        return False
    return True
