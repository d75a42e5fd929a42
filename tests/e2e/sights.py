"""Every page of the product with a person who may see it: for the matrix of pages and the pictures.

Addresses come from tests/access_table.py, which has a line for every route, on the synthetic demo with
the objects of that table in it. What a route answers decides whether it is a page.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace

from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from analytics.demo.seeding import seed
from analytics.derivation.stale import drain
from analytics.models import Outcome
from centers.access import acting, system_scope
from centers.models import Center
from patients.actions.changes import SavedRecord
from patients.models import ROW_MODELS, Patient
from registry.routes import Route, routes
from tests.access_table import DRAFTER, FIRST, ROUTES, SECOND, World, address, answer, build_world
from tests.importing import DECIDES, packed, uploaded
from tests.patients.bundles import record
from tests.universe import SURVIVOR, Forms, Universe, add_people, add_record

# Who looks first: nobody, where that is enough, then the person who works with most pages.
LOOKERS = ("", DRAFTER, "dana", "petra", "max", "ines", "adam")
# The demo's records that stand for those of the universe, by their outcome.
DEMO_RECORDS: Mapping[str, Mapping[str, object]] = {
    "survivor": {"patient__center__code": FIRST, "eligible": "yes", "disease": "melanoma"},
    "waiting": {"patient__center__code": FIRST, "eligible": "unknown", "disease": "melanoma"},
    "progressed": {"patient__center__code": FIRST, "survival_5y": "no", "pfs_event": 1},
    "stranger": {"patient__center__code": SECOND, "eligible": "yes"},
}
# A person whom two centers know, and neither has treated.
TWIN: Forms = {"patients": [{**SURVIVOR["patients"][0], "record_id": "C01-9001"}]}
# Other faces of pages: who looks, the route, the record (or none), what is asked.
FACES: Mapping[str, tuple[str, str, str, str]] = {
    "record_detail-unknown": ("carla", "record_detail", "waiting", ""),
    "record_detail-progressed": ("carla", "record_detail", "progressed", ""),
    "record_detail-untreated": ("carla", "record_detail", "untreated", ""),
    "record_detail-monitor": ("max", "record_detail", "survivor", ""),
    "course_grid-new": ("carla", "course_grid", "untreated", ""),
    "record_create-melanoma": ("carla", "record_create", "", "disease=melanoma"),
    "record_create-renal": ("carla", "record_create", "", "disease=renal_cell"),
    "record_list-monitors": ("dana", "record_list", "", ""),
    "record_list-none": ("carla", "record_list", "", "state=retired"),
    "query_list-monitors": ("dana", "query_list", "", ""),
    "user_list-none": ("adam", "user_list", "", "state=closed"),
    "cohort_overview-pooled": ("ines", "cohort_overview", "", ""),
    "cohort_overview-own": ("carla", "cohort_overview", "", ""),
    "cohort_survival-disease": ("dana", "cohort_survival", "", "records=treated&by=disease"),
    "cohort_survival-truncated": ("dana", "cohort_survival", "", "records=truncated"),
}


@dataclass(frozen=True, slots=True)
class Sight:
    """A page, who looks at it ("": nobody has signed in), and where it is."""

    name: str
    who: str
    path: str


def demo_world() -> World:
    """The synthetic demo with the people and objects of the tests; its eligible stay those they are."""
    seed()
    universe = Universe()
    with acting(system_scope()), transaction.atomic():
        universe.centers = {center.code: center for center in Center.objects.all()}
        universe.records = {name: _demo_record(**asked) for name, asked in DEMO_RECORDS.items()}
    add_people(universe)
    universe.records["untreated"] = add_record(universe.centers[FIRST], TWIN)
    world = build_world(universe, spare="C99", twin=TWIN)
    drain()
    return replace(world, imports={**world.imports, FIRST: uploaded(universe, _bundle(universe))})


def _demo_record(**asked: object) -> SavedRecord:
    """The demo's record of this outcome with the most courses."""
    outcomes = Outcome.objects.filter(variant="primary", **asked).select_related("patient")
    patient = outcomes.order_by("-courses", "patient_id")[0].patient
    return SavedRecord(patient.pk, patient.public_id, 1, False, 0)


def _bundle(universe: Universe) -> bytes:
    """An import to look at: a new record, a changed weight, a contact that decides an unknown."""
    forms = record("NEW-1")
    amended = {**TWIN["patients"][0], "center": FIRST, "weight_kg": "73"}
    with acting(system_scope()), transaction.atomic():
        waiting = Patient.objects.get(pk=universe.records["waiting"].patient_id)
        contact = {**DECIDES, "record_id": waiting.identity.record_id}
    patients, contacts = [*forms["patients"], amended], [*forms["follow_ups"], contact]
    return packed({**forms, "patients": patients, "follow_ups": contacts})


def sights(world: World) -> Iterator[Sight]:
    """An address for every route that may answer a GET, and one for every form of a record."""
    for route in shown_routes():
        who = looker(route)
        if who is not None:
            for name, path in _addresses(world, route):
                yield Sight(name, who, path)
    for name, (who, route_name, whose, asked) in FACES.items():
        about = {"record": world.universe.records[whose].public_id} if whose else {}
        yield Sight(name, who, f"{reverse(route_name, kwargs=about)}?{asked}".removesuffix("?"))


def bare_sights(record: uuid.UUID | None) -> Iterator[Sight]:
    """Pages about nothing in particular, where there is nothing; of a record, those of a bare one."""
    for route in shown_routes():
        expected, who = ROUTES[route.name], looker(route)
        if who is not None and expected.kind == ("record" if record else "nothing"):
            arguments = {"record": record} if record else {}
            yield Sight(
                route.name, who, reverse(route.name, kwargs={**arguments, **expected.fixed})
            )


def shown_routes() -> Iterator[Route]:
    """Routes that a browser may ask for."""
    for route in routes():
        if not route.by_token and (not route.methods or "GET" in route.methods):
            yield route


def looker(route: Route) -> str | None:
    """A person to whom the table shows the page of an object of the first center."""
    # Figures of all centers show more than those of one.
    first = ["dana"] if route.name.startswith("cohort_") else []
    return next((who for who in [*first, *LOOKERS] if answer(who, route.name, FIRST) == 200), None)


def _addresses(world: World, route: Route) -> Iterator[tuple[str, str]]:
    if ROUTES[route.name].kind != "form":
        yield route.name, address(world, route.name, FIRST)
        return
    for form in ROW_MODELS:
        about = world.record(FIRST)
        yield f"{route.name}-{form}", reverse(route.name, kwargs={"record": about, "form": form})


def signed_in(universe: Universe, who: str) -> Client:
    """A browser in which the person has just confirmed who they are."""
    client = Client(raise_request_exception=False)
    if who:
        with acting(system_scope()):
            client.force_login(universe.users[who])
        session = client.session
        session["confirmed_for_signing"] = True
        session.save()
    return client


def text_of(universe: Universe, sight: Sight) -> str:
    """The page of the address; empty for a file, a part of a page or the way to another address."""
    response: HttpResponse = signed_in(universe, sight.who).get(sight.path)
    with closing(response):
        shown = response.status_code == 200 and "Content-Disposition" not in response.headers
        html = response.headers.get("Content-Type", "").startswith("text/html")
        whole = shown and html and b"<!doctype html" in response.content
        return response.content.decode() if whole else ""
