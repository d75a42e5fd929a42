"""Coordinators at work: form open and save over HTTP, many people at once, against the product's web server."""

from __future__ import annotations

import os
import random
import re
import statistics
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from django.conf import settings
from django.db import transaction
from django.test import Client
from django.urls import reverse

from analytics.derivation.engine import refresh_all
from centers.access import acting, system_scope
from centers.models import Membership, User
from centers.roles import Role
from patients.models import FollowUp
from registry.bench import cluster
from registry.bench.data import load_records, seal_identities
from registry.bench.measure import Table, quantile, show_seconds
from registry.stack import supervisor
from registry.stack.paths import Places

RECORDS: Final = 10_000
PEOPLE: Final = 50
FORMS_EACH: Final = 4
PAUSE: Final = (5.0, 15.0)  # seconds of typing between opening a form and saving it
WORKERS: Final = 2
TIMEOUT: Final = 60.0
_TOKEN: Final = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')
_VERSION: Final = re.compile(r'name="version" value="(\d+)"')


@dataclass
class Taken:
    """Seconds of what succeeded, and how many failed."""

    opened: list[float] = field(default_factory=list)
    saved: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Coordinator:
    """One person: a session and the forms to amend (address and the value to enter)."""

    session: str
    forms: list[tuple[str, str]]

    def work(self, port: int, taken: Taken) -> None:
        """Open each form, type for a while, save it."""
        time.sleep(random.uniform(0, PAUSE[1]))  # noqa: S311 - nobody begins with all others
        for path, value in self.forms:
            try:
                self._amend(port, path, value, taken)
            except (OSError, HTTPException) as error:
                taken.errors.append(type(error).__name__)

    def _amend(self, port: int, path: str, value: str, taken: Taken) -> None:
        status, text, seconds = self._ask(port, "GET", path, "")
        token, version = _TOKEN.search(text), _VERSION.search(text)
        if status != 200 or token is None or version is None:
            taken.errors.append(f"open: {status}")
            return
        taken.opened.append(seconds)
        time.sleep(random.uniform(*PAUSE))  # noqa: S311 - a pause, no secret
        values = {
            "csrfmiddlewaretoken": token[1],
            "version": version[1],
            "submission": str(uuid.uuid4()),
            "reason_preset": "Review of the chart",
            "second_malignancy": value,
            # Asked where the contact before or after it is long ago.
            "confirm.follow_up.gap": "Lived abroad",
        }
        status, _, seconds = self._ask(port, "POST", path, urlencode(values), token[1])
        if status == 302:
            taken.saved.append(seconds)
        else:
            taken.errors.append(f"save: {status}")

    def _ask(
        self, port: int, method: str, path: str, body: str, token: str = ""
    ) -> tuple[int, str, float]:
        """Status, text and seconds of one request on a connection of its own."""
        headers = {"Cookie": f"{self.session}; {settings.CSRF_COOKIE_NAME}={token}"}
        if body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            headers["Origin"] = f"http://localhost:{port}"
        connection = HTTPConnection("localhost", port, timeout=TIMEOUT)
        began = time.perf_counter()
        try:
            connection.request(method, path, body or None, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        return answer.status, text, time.perf_counter() - began


def run(records: int) -> list[Table]:
    """Fifty coordinators, four forms each. Raises RuntimeError when the web server does not answer."""
    records = min(records, RECORDS)
    dsn = os.environ[cluster.DSN]
    load_records(dsn, records)
    seal_identities(dsn)
    refresh_all()
    people = _people()
    taken = Taken()
    with _web_server() as port:
        for person in people[:WORKERS]:  # a process reads its code at its first page
            person._ask(port, "GET", person.forms[0][0], "")
        began = time.perf_counter()
        threads = [threading.Thread(target=p.work, args=(port, taken)) for p in people]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        lasted = time.perf_counter() - began
    columns = ["request", "records", "coordinators", "requests", "p50", "p95", "errors"]
    table = Table("Form open and save", columns)
    for name, seconds, kind in (
        ("form open", taken.opened, "open"),
        ("form save", taken.saved, "save"),
    ):
        if not seconds:
            raise RuntimeError(f"{name}: none succeeded: {dict(Counter(taken.errors))}")
        failed = sum(1 for error in taken.errors if error.startswith(kind))
        cells = [name, str(records), str(len(people)), str(len(seconds))]
        times = [show_seconds(statistics.median(seconds)), show_seconds(quantile(seconds, 0.95))]
        table.rows.append([*cells, *times, str(failed)])
    other = [error for error in taken.errors if not error.startswith(("open", "save"))]
    table.notes.append(
        f"Amending a follow-up over HTTP on the loopback, {WORKERS} web processes; {PAUSE[0]:g} to"
        f" {PAUSE[1]:g} s of typing before each save; {lasted:.0f} s in all; {len(other)} requests"
        f" without an answer. Errors: {dict(Counter(taken.errors)) or 'none'}."
    )
    return [table]


def _people() -> list[Coordinator]:
    """Coordinators of all centers, signed in, with forms of different records."""
    with acting(system_scope()), transaction.atomic():
        # The last contact would be asked about the silence since; an earlier one is just saved.
        rows = list(
            FollowUp.objects.select_related("patient")
            .filter(retracted=False)
            .order_by("patient_id", "id")
            .distinct("patient_id")[: PEOPLE * FORMS_EACH]
        )
        forms = [
            (
                reverse("row_amend", args=[row.patient.public_id, "follow_ups", row.public_id]),
                "no" if row.second_malignancy == "yes" else "yes",
            )
            for row in rows
        ]
        return [
            Coordinator(_session(number), forms[number * FORMS_EACH : (number + 1) * FORMS_EACH])
            for number in range(PEOPLE)
        ]


def _session(number: int) -> str:
    """The cookie of a coordinator who signed in."""
    username = f"coordinator-{number}"
    user = User.objects.create(username=username, full_name=username, password="!")  # noqa: S106 - no password fits
    Membership.objects.bulk_create(
        Membership(user=user, center_id=center, role=Role.COORDINATOR.value)
        for center in system_scope().center_ids
    )
    client = Client(headers={"host": "localhost"})
    client.force_login(user)
    return "; ".join(f"{name}={cookie.value}" for name, cookie in client.cookies.items())


@contextmanager
def _web_server() -> Iterator[int]:
    """The product's web processes on a free port; they end with the block."""
    with tempfile.TemporaryDirectory(prefix="registry-bench-web-") as folder:
        places = Places(Path(folder))
        places.prepare()
        listener = supervisor.open_port(None)
        port = listener.getsockname()[1]
        web = next(m for m in supervisor.members(places, listener, WORKERS) if m.name == "web")
        try:
            web.begin()
            end = time.monotonic() + TIMEOUT
            while not supervisor.answers(port):
                if time.monotonic() > end:
                    raise RuntimeError(
                        "the web server does not answer: " + web.log.read_text()[-2000:]
                    )
                time.sleep(0.5)
            yield port
        finally:
            web.end()
            listener.close()
