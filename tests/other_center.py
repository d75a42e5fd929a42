"""What center B does while readers of A look: entry, import, monitoring, people, and any form of its pages."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from centers.access import Scope, acting, scope_of, system_scope
from centers.actions.centers import amend_center
from centers.actions.users import add_membership, create_user, end_membership
from centers.models import Membership
from centers.roles import Role
from patients.actions.records import (
    Conflict,
    RecordChange,
    RecordNotFound,
    Refused,
    RowChange,
    retract_row,
    save_records,
    withdraw_consent,
)
from patients.models import ROW_MODELS, Patient
from patients.partial_dates import PartialDate
from tests.crawl import Control, HtmlForm, addresses, public_ids, read_html
from tests.patients.bundles import record, write_folder
from tests.patients.import_tools import run
from tests.twin import UUID, World, text_of
from tests.universe import (
    PROGRESSED,
    STRANGER,
    SURVIVOR,
    UNTREATED,
    WAITING,
    Forms,
    Universe,
    record_change,
)

A, B = "C01", "C02"
# The same in both centers: what belongs to one must be free in the other.
RECORD_IDS: Final = ("C01-0001", "N-1", "N-2")
MRNS: Final = ("88 1234", "4711", "4712")
TEXTS: Final = (*RECORD_IDS, *MRNS, "C02-0001", "nothing")
PEOPLE_OF_B: Final = ("otto", "pia", "mona")
WATCHERS: Final = (*PEOPLE_OF_B, "ines", "dana", "adam")
HISTORIES: Final = (SURVIVOR, WAITING, PROGRESSED, UNTREATED, STRANGER)
LISTS: Final = ("/records/", "/records/?disease=renal_cell")
WORDS: Final = ("", "2009-05-04", "2011-03", "12", "N-1", "Moved away", "nothing")
# Sent by one of B alone, these would end the story rather than tell more of it.
LEFT_OUT: Final = ("/sign-out/",)
REFUSALS: Final = (
    Refused,
    Conflict,
    RecordNotFound,
    ValidationError,
    PermissionDenied,
    IntegrityError,
)


def add_people(universe: Universe) -> None:
    """A principal investigator of B beside the people of the universe."""
    user = create_user(actor=system_scope(), username="pia", full_name="Pia Example", is_demo=True)
    add_membership(
        actor=system_scope(),
        user_id=user.pk,
        role=Role.PRINCIPAL_INVESTIGATOR,
        center_id=universe.centers[B].pk,
    )
    universe.users["pia"] = user


@contextmanager
def _otto(world: World) -> Iterator[Scope]:
    with acting(scope_of(world.universe.users["otto"])) as scope:
        yield scope


def _enter(world: World, draw: random.Random, *, count: int) -> None:
    center = world.universe.centers[B]
    for _ in range(count):
        forms = draw.choice(HISTORIES)
        record_id = draw.choice(RECORD_IDS) if count == 1 else f"M-{draw.randrange(10**6)}"
        head = {**forms["patients"][0], "record_id": record_id, "mrn": draw.choice(MRNS)}
        changed: Forms = {**forms, "patients": [head]}
        with _otto(world) as otto, _refusable():
            save_records(actor=otto, changes=[record_change(center, changed)])


@contextmanager
def _refusable() -> Iterator[None]:
    """B tries what comes to mind: a refusal is an answer as well."""
    try:
        yield
    except REFUSALS:
        return


def _import(world: World, draw: random.Random) -> None:
    bundle = record(draw.choice(RECORD_IDS))
    for rows in bundle.values():
        for row in rows:
            row["center"] = B
    with tempfile.TemporaryDirectory() as folder:
        run(write_folder(Path(folder) / "bundle", bundle), "--actor", "otto", "--reason", "Import")


def _patients(world: World) -> list[Patient]:
    with _otto(world), transaction.atomic():
        return list(Patient.objects.order_by("id"))


def _add_row(world: World, draw: random.Random) -> None:
    patient = draw.choice(_patients(world))
    day = date(2001, 1, 1) + timedelta(days=draw.randrange(6000))
    values = draw.choice(
        (
            ("assessments", {"response": draw.choice(("CR", "PR", "SD", "PD"))}),
            ("follow_ups", {"vital_status": "alive", "source": "visit"}),
        )
    )
    row = RowChange(values[0], {**values[1], "date": PartialDate.parse(day.isoformat())})
    with _otto(world) as otto, _refusable():
        change = RecordChange(patient.center_id, patient.pk, [row])
        save_records(actor=otto, changes=[change], reason="Review of the chart")


def _whole_record(
    world: World, draw: random.Random, *, act: Callable[[Scope, int, int], object]
) -> None:
    patient = draw.choice(_patients(world))
    with _otto(world) as otto, _refusable():
        act(otto, patient.center_id, patient.pk)


def _withdraw(actor: Scope, center: int, patient: int) -> None:
    withdraw_consent(actor=actor, center_id=center, patient_id=patient, reason="Letter")


def _retire(actor: Scope, center: int, patient: int) -> None:
    retract_row(
        actor=actor,
        center_id=center,
        patient_id=patient,
        form="patients",
        row_id=patient,
        reason="Entered twice",
    )


def _die(actor: Scope, center: int, patient: int) -> None:
    values = {"date_of_death": PartialDate.parse("2016-05"), "cause_of_death": "index_disease"}
    change = RecordChange(center, patient, [RowChange("patients", values)])
    save_records(actor=actor, changes=[change], reason="Letter")


def _retract(world: World, draw: random.Random) -> None:
    form = draw.choice(sorted(ROW_MODELS))
    with _otto(world), transaction.atomic():
        rows = list(ROW_MODELS[form]._default_manager.filter(retracted=False).order_by("id"))
    if rows:
        row = draw.choice(rows)
        with _otto(world) as otto, _refusable():
            retract_row(
                actor=otto,
                center_id=row.center_id,
                patient_id=row.patient_id,
                form=form,
                row_id=row.pk,
                reason="Transcription error",
            )


def _people(world: World, draw: random.Random) -> None:
    """Somebody joins, or somebody's membership ends."""
    center = world.universe.centers[B].pk
    system = system_scope()
    with _refusable():
        if draw.random() < 0.7:
            role = draw.choice((Role.COORDINATOR, Role.MONITOR, Role.PRINCIPAL_INVESTIGATOR))
            name = f"new{draw.randrange(10**6)}"
            user = create_user(actor=system, username=name, full_name=f"{name} Example")
            add_membership(actor=system, user_id=user.pk, role=role, center_id=center)
            return
        with acting(system), transaction.atomic():
            ids = Membership.objects.filter(center_id=center, ends_on=None).order_by("id")
            chosen = draw.choice(list(ids))
        end_membership(actor=system, membership_id=chosen.pk, ends_on=timezone.now().date())


def _rename(world: World, draw: random.Random) -> None:
    values = {"name": f"Hospital {draw.randrange(100)}", "city": draw.choice(("Bern", "Oslo"))}
    with _refusable():
        amend_center(
            actor=system_scope(),
            center_id=world.universe.centers[B].pk,
            values=values,
            reason="New name",
        )


def _addresses(world: World, *, records: bool) -> list[str]:
    """Addresses with B's records; without `records` also those that have none."""
    center = world.universe.centers[B].pk
    objects = public_ids(patient={"center_id": center}, center={"id": center})
    found = addresses({name: ids[-2:] for name, ids in objects.items()})
    return [path for path in found if not records or any(i in path for i in objects["patient"])]


def _look(world: World, draw: random.Random) -> None:
    """Somebody who is not of A reads some of what has one address for all, and two pages of B."""
    username = draw.choice(WATCHERS)
    paths = _addresses(world, records=False)
    shared = [path for path in paths if not UUID.search(path)]
    for path in [*draw.sample(shared, min(8, len(shared))), *draw.sample(paths, 2)]:
        text_of(world.client(username).get(path))


def _list(world: World, _: random.Random) -> None:
    """Everybody who is not of A opens the lists of records that readers of A open too."""
    for username in WATCHERS:
        for path in LISTS:
            text_of(world.client(username).get(path))


def _search(world: World, draw: random.Random) -> None:
    client = world.client(draw.choice(PEOPLE_OF_B))
    text_of(client.post("/records/find/", {"text": draw.choice(TEXTS)}))


def _send_form(
    world: World, draw: random.Random, *, people: Sequence[str], records: bool = False
) -> None:
    """Any form of any page, filled in at random."""
    client = world.client(draw.choice(people))
    for path in draw.sample(_addresses(world, records=records), 4):
        page = client.get(path)
        text = text_of(page)
        if page.status_code != 200 or not page["Content-Type"].startswith("text/html"):
            continue
        forms = [f for f in read_html(path, text).forms if f.method == "post"]
        forms = [f for f in forms if f.action not in LEFT_OUT]
        if forms:
            form = draw.choice(forms)
            text_of(client.post(form.action, filled(form, draw)))


def filled(form: HtmlForm, draw: random.Random) -> dict[str, list[str]]:
    """The form as somebody filled it in who tries this and that."""
    values: dict[str, list[str]] = {}
    for control in form.controls:
        chosen = _choose(control, draw)
        if control.name and chosen is not None:
            values.setdefault(control.name, []).append(chosen)
    return values


def _choose(control: Control, draw: random.Random) -> str | None:
    if control.kind == "hidden":
        return control.value
    if control.kind in ("radio", "checkbox"):
        return control.value if control.checked or draw.random() < 0.4 else None
    if control.kind == "submit":
        return control.value if draw.random() < 0.5 else None
    if draw.random() < 0.5:
        return control.value
    return draw.choice(control.options or [""]) if control.kind == "select" else draw.choice(WORDS)


# What B may do, by name.
STEPS: Final[Mapping[str, Callable[[World, random.Random], None]]] = {
    "enter": partial(_enter, count=1),
    "enter many": partial(_enter, count=6),
    "import": _import,
    "add a row": _add_row,
    "withdraw consent": partial(_whole_record, act=_withdraw),
    "retire a record": partial(_whole_record, act=_retire),
    "take back a row": _retract,
    "a death": partial(_whole_record, act=_die),
    "people": _people,
    "the center": _rename,
    "look around": _look,
    "open the lists": _list,
    "search": _search,
    "send a form": partial(_send_form, people=PEOPLE_OF_B),
    "send a form on a record": partial(_send_form, people=(*PEOPLE_OF_B, "dana"), records=True),
}
# Entry is what a center does most.
OFTEN: Final = ("enter", "enter", "enter", "look around", *STEPS)
