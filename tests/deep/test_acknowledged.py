"""What was acknowledged is there exactly once, what was not at most once: killed web processes, killed
databases, answers lost after COMMIT; and a web process that is told to stop answers first."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date
from urllib.request import HTTPCookieProcessor, HTTPRedirectHandler, build_opener

import psycopg
import pytest

from tests.ledger import System, Writer, compare, running, saving
from tests.processes import Browser, Page
from tests.stack_support import becomes
from tests.universe import PASSWORD

WEB_KILLS, DATABASE_KILLS, CUTS = 100, 20, 20


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    with running() as found:
        yield found


@pytest.mark.requirement("R1")
def test_no_acknowledged_save_is_lost_or_doubled(
    system: System, tell: Callable[[str], None]
) -> None:
    with saving(system, date(2012, 1, 2)) as writers:
        _do_harm(system, writers)
    books = compare(system, writers)
    tell(
        f"{WEB_KILLS} web processes and {DATABASE_KILLS} databases killed, {system.proxy.lost} answers lost"
        f" after COMMIT: {books}"
    )
    assert (books.lost, books.doubled) == (0, 0)
    assert system.proxy.lost == CUTS
    # A database that is away is 503.
    assert books.refused[500] == 0, system.web.log.read_text()[-5000:]
    assert books.told > WEB_KILLS


def _do_harm(system: System, writers: list[Writer]) -> None:
    draw = random.Random(7)
    assert becomes(lambda: all(writer.told for writer in writers), 60)
    faults = ["web"] * WEB_KILLS + ["database"] * DATABASE_KILLS + ["cut"] * CUTS
    draw.shuffle(faults)
    for fault in faults:
        before = sum(len(writer.told) for writer in writers)
        if fault == "web":
            system.kill_web_process()
        elif fault == "database":
            system.kill_database()
        else:
            system.lose_an_answer()
        time.sleep(draw.uniform(0.02, 0.4))
        # Work goes on after each harm, or the harm is no test.
        assert becomes(lambda now=before: sum(len(w.told) for w in writers) > now, 180)


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
