"""Payloads in every text a person can type; then every page in Chromium: nothing of it ever runs.

The texts go in through the actions and through the forms of all pages, as they are found; the fixture
`visit` fails on any report of the Content-Security-Policy, console error or request to another host.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle
from urllib.parse import quote

import pytest
from django.db import transaction
from django.test import Client
from playwright.sync_api import Page

from analytics.derivation.stale import drain
from centers.access import acting, scope_of, system_scope
from centers.actions.centers import amend_center
from centers.models import User
from patients.actions.records import RecordChange, RowChange, save_records
from patients.rules.dictionary import FORMS, RECORD_FORMS
from tests.crawl import Control, HtmlForm, addresses, links, public_ids, read_html, route_of
from tests.e2e.conftest import Visit, Visitor
from tests.payloads import PAYLOADS, TRACES
from tests.twin import text_of
from tests.universe import Universe, read_values

# A row of each form that holds free text, without that text.
ROWS = {
    "prior_therapies": {"start_date": "1997-01", "therapy_class": "chemotherapy"},
    "systemic_therapies": {"start_date": "2012-06", "therapy_class": "chemotherapy"},
}
TYPED = ("text", "search", "textarea", "email", "tel", "url")
# Each role with the forms it fills in; `-` leaves out what would end the story too early.
WRITERS = ("carla", "petra", "max", "dana", "adam")
ENDING = (
    "retract",
    "retire",
    "erase",
    "consent",
    "deactivate",
    "close",
    "end",
    "sign-out",
    "revoke",
    # These keep people from signing in whose pages are visited next: wrong proofs are counted, a new
    # one-time link takes the password away.
    "confirm",
    "link",
    "sessions",
    "password",
    "second-factor",
)
READERS = ("carla", "petra", "max", "dana", "adam", "ines")
MOST_OF_A_ROUTE = 2


class Texts:
    """Hands out the payloads in turn."""

    def __init__(self) -> None:
        self._next: Iterator[str] = cycle(PAYLOADS)

    def take(self, most: int = 200) -> str:
        """The next payload that fits."""
        return next(text for text in self._next if len(text) <= most)


@pytest.fixture
def texts() -> Texts:
    return Texts()


def enter(universe: Universe) -> None:
    """Every payload in every free-text field of the dictionary, on one record, through the action."""
    center, record = universe.centers["C01"], universe.records["survivor"]
    rows = [RowChange("patients", {"histology": PAYLOADS[0], "mrn": PAYLOADS[6]})]
    for form, given in ROWS.items():
        (field,) = (f for f in FORMS[form].fields if f.kind == "text")
        values = read_values(form, given)
        rows += [RowChange(form, values | {field.name: text}) for text in PAYLOADS]
    cycle_row = universe.row_key("survivor", "cycles")
    rows.append(RowChange("cycles", {"toxicity_criteria": PAYLOADS[7]}, cycle_row))
    with acting(scope_of(universe.users["carla"])) as carla:
        change = RecordChange(center.pk, record.patient_id, rows)
        save_records(actor=carla, changes=[change], reason=PAYLOADS[8])


def name(universe: Universe, texts: Texts) -> None:
    """Names of people and centers, past the checks of the pages: what an import or a command saves."""
    with acting(system_scope()), transaction.atomic():
        for user in User.objects.filter(username__in=universe.users):
            user.full_name = texts.take()
            user.save(update_fields=["full_name"])
    for center in universe.centers.values():
        values = {"name": texts.take(), "city": texts.take(), "irb_number": texts.take(60)}
        amend_center(actor=system_scope(), center_id=center.pk, values=values, reason=texts.take())


def send_forms(universe: Universe, username: str, texts: Texts) -> int:
    """Fill every form of every page with payloads and send it; answers how many were taken."""
    client = Client()
    with acting(system_scope()):
        client.force_login(universe.users[username])
    taken = 0
    for path in some_of_each_route(addresses(objects_of(universe))):
        if any(word in path.split("/") for word in ENDING):
            continue
        page = client.get(path)
        text = text_of(page)
        if page.status_code != 200 or "html" not in page["Content-Type"]:
            continue
        for form in read_html(path, text).forms:
            if form.method == "post" and not any(w in form.action.split("/") for w in ENDING):
                answer = client.post(form.action, fill(form, texts))
                taken += answer.status_code in (200, 302)
                text_of(answer)
    return taken


def objects_of(universe: Universe) -> dict[str, list[str]]:
    """The records of First; of everything else the last ones."""
    ids = public_ids(patient={"center_id": universe.centers["C01"].pk})
    return {model: found[:2] if model == "patient" else found[-2:] for model, found in ids.items()}


def some_of_each_route(paths: Sequence[str], most: int = MOST_OF_A_ROUTE) -> list[str]:
    """A few addresses of each route: the texts differ more than the objects do."""
    found: dict[str, list[str]] = {}
    for path in paths:
        form = path.split("/")[3] if route_of(path).startswith("row_") else ""
        found.setdefault(route_of(path) + form, []).append(path)
    return [path for same in found.values() for path in same[:most]]


def fill(form: HtmlForm, texts: Texts) -> dict[str, list[str]]:
    """Payloads in what is typed, the last choice of each list, as it stands else."""
    values: dict[str, list[str]] = {}
    for control in form.controls:
        values.setdefault(control.name, []).append(_value(control, texts))
    return {key: found for key, found in values.items() if key and found != [""]}


def _value(control: Control, texts: Texts) -> str:
    if control.kind == "select":
        return control.value or (control.options or [""])[-1]
    is_free = (
        control.kind in TYPED and "date" not in control.name and "username" not in control.name
    )
    return texts.take(60) if is_free else control.value


def look(visitor: Visitor, path: str) -> Page:
    """Open a page and look for traces."""
    page = visitor.open(path)
    assert page.evaluate(TRACES) == [], path
    return page


def walk(visitor: Visitor, paths: Sequence[str]) -> set[str]:
    """Visit the pages and what only they link to; answers the payloads that were seen, escaped."""
    seen: set[str] = set()
    queue = list(paths)
    for path in queue:
        answer = visitor.context.request.get(visitor.address + path, max_redirects=0)
        if answer.status != 200 or "html" not in answer.headers.get("content-type", ""):
            continue
        if "attachment" in answer.headers.get("content-disposition", ""):
            continue  # a file, not a page: what is in it is on the report's own page
        body = look(visitor, path).content()
        known = {route_of(one) for one in queue}
        queue += [one for one in links(path, body) if route_of(one) not in known | {""}]
        text = visitor.page.evaluate("document.documentElement.textContent")
        values = visitor.page.evaluate(
            "[...document.querySelectorAll('input, textarea')].map((box) => box.value).join(' ')"
        )
        seen |= {payload for payload in PAYLOADS if payload in text or payload in values}
    return seen


@pytest.mark.requirement("P7")
def test_no_payload_ever_runs(visit: Visit, universe: Universe, texts: Texts) -> None:
    enter(universe)
    name(universe, texts)
    taken = {username: send_forms(universe, username, texts) for username in WRITERS}
    assert taken["carla"] > 5, taken
    drain()
    seen: set[str] = set()
    for username in READERS:
        visitor = visit(username)
        visitor.page.on("dialog", lambda dialog: pytest.fail(f"a dialog: {dialog.message}"))
        seen |= walk(visitor, some_of_each_route(addresses(objects_of(universe))))
    assert seen == set(PAYLOADS)


def test_nothing_that_is_sent_back_runs(visit: Visit, universe: Universe) -> None:
    """What a page repeats at once: search, parameters of the address, refused forms."""
    visitor = visit("carla")
    for start in range(0, len(PAYLOADS), 4):
        several = "".join(PAYLOADS[start : start + 4])
        page = visitor.open("/records/")
        page.locator("#id_text").fill(several)
        page.get_by_role("button", name="Find").click()
        assert page.locator("#id_text").input_value() == several
        assert page.evaluate(TRACES) == []
        look(visitor, f"/records/?order={quote(several)}&disease={quote(several)}&page=<x-planted>")
    for form in RECORD_FORMS[1:]:
        page = visitor.open(universe.url("survivor", f"{form.name}/new/"))
        for place, box in enumerate(page.locator("main input[type=text]:visible").all()):
            box.fill(PAYLOADS[place % len(PAYLOADS)])
        page.get_by_role("button", name="Save", exact=True).click()
        assert page.title().startswith("Error")
        assert page.evaluate(TRACES) == []
