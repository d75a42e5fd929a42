"""People at work over HTTP: coordinators of a center each and investigators, who pause between their steps."""

from __future__ import annotations

import random
import re
import threading
import time
import uuid
from collections import defaultdict, deque
from dataclasses import dataclass, field
from functools import cached_property
from http.client import HTTPConnection, HTTPException
from typing import Final
from urllib.parse import urlencode

from django.conf import settings
from django.db import transaction
from django.test import Client
from django.urls import reverse

from centers.access import acting, system_scope
from centers.models import Membership, User
from centers.roles import Role
from patients.models import FollowUp

PAUSE: Final = (5.0, 15.0)  # seconds of reading or typing between two steps
TIMEOUT: Final = 60.0
LIST, RECORD, WORK, DUE = "record list", "record page", "worklist", "due contacts"
OVERVIEW, SURVIVAL, AMEND = "cohort overview", "survival", "amend"
OPEN, SAVE = "form open", "form save"
KINDS: Final = (LIST, RECORD, OPEN, SAVE, WORK, DUE, OVERVIEW, SURVIVAL)
# Of a hundred steps; one person in INVESTIGATORS is one. Amending is two requests: open and save.
MIX: Final[dict[Role, dict[str, int]]] = {
    Role.COORDINATOR: {LIST: 25, RECORD: 30, AMEND: 25, WORK: 8, DUE: 4, OVERVIEW: 5, SURVIVAL: 3},
    Role.INVESTIGATOR: {OVERVIEW: 60, SURVIVAL: 40},
}
INVESTIGATORS: Final = 10
FORMS_EACH: Final = 20
_TOKEN: Final = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')
_VERSION: Final = re.compile(r'name="version" value="(\d+)"')
_ASKED: Final = re.compile(r'name="(confirm\.[\w.]+)" value=""')
_PROBLEM: Final = re.compile(r'class="error-summary".*?<ul>(.*?)</ul>', re.DOTALL)
_UNPROCESSABLE: Final = 422


@dataclass(frozen=True)
class Answer:
    """What the server said. `status` 0: nothing, and `text` is the class of the error."""

    status: int
    text: str
    seconds: float

    @property
    def cause(self) -> str:
        """Status and the page's own words of what was wrong."""
        found = _PROBLEM.search(self.text)
        said = re.sub(r"<[^>]*>|\s+", " ", found[1]).strip() if found else ""
        return " ".join(filter(None, [str(self.status), said or self.text[:60]]))


@dataclass
class Taken:
    """What all of them met. Only appended to, so that threads share it."""

    seconds: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: list[tuple[str, str]] = field(default_factory=list)  # kind of request, cause
    questions: list[str] = field(default_factory=list)  # soft checks that a save was asked back

    @property
    def requests(self) -> int:
        """Answered as they should be, or not."""
        return sum(map(len, self.seconds.values())) + len(self.errors)

    def note(self, kind: str, answer: Answer, wanted: int) -> bool:
        """Count it; say whether it is the answer wanted."""
        if answer.status == wanted:
            self.seconds[kind].append(answer.seconds)
        else:
            self.errors.append((kind, answer.cause))
        return answer.status == wanted


@dataclass(frozen=True)
class Person:
    """A session, and what this person works on: record pages, and forms with the value to enter next."""

    role: Role
    session: str
    records: list[str]
    forms: deque[tuple[str, str]]
    chance: random.Random

    def work(self, port: int, until: float, taken: Taken) -> None:
        """Step and pause by turns till then (a monotonic clock's seconds); a form begun is saved."""
        time.sleep(self.chance.uniform(0, PAUSE[1]))  # nobody begins with all others
        while time.monotonic() < until:
            (step,) = self.chance.choices(list(self.mix), list(self.mix.values()))
            if step == AMEND:
                self.amend(port, taken)
            else:
                taken.note(step, self.ask(port, self.address(step)), 200)
            self._pause()

    @cached_property
    def mix(self) -> dict[str, int]:
        """Steps and weights: of the role, and what this person has something to do for."""
        mine = {AMEND: self.forms, RECORD: self.records}
        return {step: weight for step, weight in MIX[self.role].items() if mine.get(step, True)}

    def address(self, step: str) -> str:
        """The page of a step."""
        if step == RECORD:
            return self.chance.choice(self.records)
        routes = {LIST: "record_list", WORK: "work_list", DUE: "due_list", OVERVIEW: "cohort_overview"}  # fmt: skip
        if step in routes:
            return reverse(routes[step])
        return f"{reverse('cohort_survival')}?records=treated&by=disease"

    def amend(self, port: int, taken: Taken) -> None:
        """Open a form, type for a while, save it; say why where a soft check asks, as a person does."""
        path, value = self.forms[0]
        self.forms.rotate(-1)
        shown = self.ask(port, path)
        token, version = _TOKEN.search(shown.text), _VERSION.search(shown.text)
        if not taken.note(OPEN, shown, 200) or token is None or version is None:
            return
        self._pause()
        values = {
            "csrfmiddlewaretoken": token[1],
            "version": version[1],
            "submission": str(uuid.uuid4()),
            "reason_preset": "Review of the chart",
            "second_malignancy": value,
        }
        answer = self.ask(port, path, values)
        # Generated records were never asked about what is unlikely in them: the first save is.
        if answer.status == _UNPROCESSABLE and (asked := _ASKED.findall(answer.text)):
            taken.questions.extend(asked)
            self._pause()
            answer = self.ask(port, path, values | dict.fromkeys(asked, "As in the chart"))
        if taken.note(SAVE, answer, 302):
            self.forms[-1] = (path, "no" if value == "yes" else "yes")

    def ask(self, port: int, path: str, values: dict[str, str] | None = None) -> Answer:
        """One request on a connection of its own; with values it is a form sent."""
        token = (values or {}).get("csrfmiddlewaretoken", "")
        headers = {"Cookie": f"{self.session}; {settings.CSRF_COOKIE_NAME}={token}"}
        if values:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            headers["Origin"] = f"http://localhost:{port}"
        connection = HTTPConnection("localhost", port, timeout=TIMEOUT)
        began = time.perf_counter()
        try:
            method = "POST" if values else "GET"
            connection.request(method, path, urlencode(values) if values else None, headers)
            answer = connection.getresponse()
            status, text = answer.status, answer.read().decode()
        except (OSError, HTTPException) as error:
            status, text = 0, type(error).__name__
        finally:
            connection.close()
        return Answer(status, text, time.perf_counter() - began)

    def _pause(self) -> None:
        time.sleep(self.chance.uniform(*PAUSE))


def work_together(people: list[Person], port: int, seconds: float) -> Taken:
    """All of them at once for so long, each in a thread; what they met."""
    taken, until = Taken(), time.monotonic() + seconds
    threads = [threading.Thread(target=p.work, args=(port, until, taken)) for p in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return taken


def sign_in(number: int) -> list[Person]:
    """So many people, new ones, signed in; their forms are of records that nobody else of them amends."""
    with acting(system_scope()), transaction.atomic():
        centers = system_scope().center_ids
        shared = [_work_of(center) for center in centers]
        people = []
        for one in range(number):
            place, turn, turns = one % len(centers), one // len(centers), -(-number // len(centers))
            mine = shared[place][turn::turns][:FORMS_EACH]
            is_investigator = one % INVESTIGATORS == INVESTIGATORS - 1
            role = Role.INVESTIGATOR if is_investigator else Role.COORDINATOR
            session = _session(role, None if is_investigator else centers[place])
            # Other chances for each, the same in each run.
            chance = random.Random(one)  # noqa: S311 - no secret
            forms = deque((path, value) for _, path, value in mine)
            people.append(Person(role, session, [page for page, _, _ in mine], forms, chance))
        return people


def _work_of(center_id: int) -> list[tuple[str, str, str]]:
    """Of each record of a center: its page, a form of it, and a value that the form does not have."""
    rows = (
        FollowUp.objects.select_related("patient")
        .filter(retracted=False, center_id=center_id)
        .order_by("patient_id", "id")
        .distinct("patient_id")
    )
    return [
        (
            reverse("record_detail", args=[row.patient.public_id]),
            reverse("row_amend", args=[row.patient.public_id, "follow_ups", row.public_id]),
            "no" if row.second_malignancy == "yes" else "yes",
        )
        for row in rows
    ]


def _session(role: Role, center_id: int | None) -> str:
    """The cookie of somebody who signed in."""
    name = f"{role.value}-{uuid.uuid4()}"
    user = User.objects.create(username=name, full_name=name, password="!")  # noqa: S106 - no password fits
    Membership.objects.create(user=user, center_id=center_id, role=role.value)
    client = Client(headers={"host": "localhost"})
    client.force_login(user)
    return "; ".join(f"{name}={cookie.value}" for name, cookie in client.cookies.items())
