"""Data managers find one person in two centers; nobody else can tell."""

from __future__ import annotations

from io import StringIO

import psycopg
import pytest
from django.core.exceptions import PermissionDenied
from django.core.management import call_command
from django.db import connection, transaction
from django.db.utils import ProgrammingError
from pytest_django import Settings

from centers.access import Scope, acting, scope_of, system_scope
from centers.models import AuditEvent
from patients.actions.changes import RowChange
from patients.actions.duplicates import review_duplicate
from patients.actions.key_rotation import rotate_identifier_key
from patients.actions.person_indexing import index_persons
from patients.identity import person_index
from patients.models import DuplicateReview, Patient
from patients.queries.duplicates import Pair, duplicate_pairs
from tests.patients.pages import Visitor, shown, without_token
from tests.universe import RECORDS, Universe, add_record, amend_record, read_values

PERSON = {"birth_date": "1951-07-14", "initials": "ab"}


def amend(universe: Universe, record: str, **texts: str) -> None:
    amend_record(universe, record, [RowChange("patients", read_values("patients", texts))])


def scope(universe: Universe, username: str) -> Scope:
    with acting(system_scope()):
        return scope_of(universe.users[username])


def pairs(actor: Scope) -> list[Pair]:
    with acting(actor), transaction.atomic():
        return duplicate_pairs()


def ids(found: list[Pair]) -> list[set[int]]:
    return [{pair.first.pk, pair.second.pk} for pair in found]


def both(universe: Universe) -> set[int]:
    return {universe.records[name].patient_id for name in ("survivor", "stranger")}


def test_person_index_needs_initials_and_the_whole_birth_date() -> None:
    key = b"k" * 32
    index = person_index(key, "AB", "1951-07-14")
    assert index is not None
    assert len(index) == 16
    assert index == person_index(key, " a.b ", "1951-07-14")
    assert index == person_index(key, "\u00e0\u0301B", "1951-07-14")
    for initials, birth in (
        ("AB", "1951-07"),
        ("AB", ""),
        ("", "1951-07-14"),
        ("..", "1951-07-14"),
    ):
        assert person_index(key, initials, birth) is None
    assert index not in (
        person_index(key, "AC", "1951-07-14"),
        person_index(key, "AB", "1951-07-15"),
        person_index(b"x" * 32, "AB", "1951-07-14"),
    )


def test_equal_person_of_two_centers_is_one_pair_until_it_differs(universe: Universe) -> None:
    actor = scope(universe, "dana")
    assert pairs(actor) == []
    amend(universe, "stranger", **PERSON)
    found = pairs(actor)
    assert ids(found) == [both(universe)]
    assert (found[0].same_person, found[0].same_treatment) == (True, False)
    amend(universe, "stranger", initials="AC")
    assert pairs(actor) == []


def test_equal_birth_sex_and_first_treatment_is_a_pair_too(universe: Universe) -> None:
    twin = {form: list(rows) for form, rows in RECORDS["survivor"][1].items()}
    first = {k: v for k, v in twin["patients"][0].items() if k not in ("initials", "mrn")}
    saved = add_record(universe.centers["C02"], {**twin, "patients": [first]})
    found = pairs(scope(universe, "dana"))
    assert ids(found) == [{universe.records["survivor"].patient_id, saved.patient_id}]
    assert (found[0].same_person, found[0].same_treatment) == (False, True)


def test_records_of_one_center_and_retired_ones_are_no_pair(universe: Universe) -> None:
    actor = scope(universe, "dana")
    amend(universe, "waiting", **PERSON)
    assert pairs(actor) == []
    amend(universe, "stranger", **PERSON)
    assert len(pairs(actor)) == 2
    amend_record(universe, "stranger", [RowChange("patients", retract=True)])
    assert pairs(actor) == []


def test_index_and_function_are_closed_to_everybody_else(universe: Universe) -> None:
    for username in ("carla", "petra", "max", "ines", "adam", "bea"):
        assert Visitor(universe, username).get("/monitoring/duplicates/").status == 403
        with (
            acting(scope(universe, username)),
            pytest.raises(ProgrammingError, match="data managers"),
        ):
            duplicate_pairs()
    for actor in (scope(universe, "dana"), system_scope()):
        for what in ("select * from ident.person_index", "delete from ident.person_index"):
            with (
                acting(actor),
                pytest.raises(ProgrammingError, match="permission denied"),
                transaction.atomic(),
                connection.cursor() as cursor,
            ):
                cursor.execute(what)


def test_pages_of_a_center_are_the_same_with_a_duplicate_elsewhere(universe: Universe) -> None:
    paths = [
        "/records/",
        "/records/new/",
        universe.url("survivor"),
        universe.url("survivor", "baseline/"),
    ]
    visitors = [Visitor(universe, name) for name in ("carla", "petra", "max")]

    def seen() -> list[tuple[int, str]]:
        pages = [visitor.get(path) for visitor in visitors for path in paths]
        return [(page.status, _stable(page.text)) for page in pages]

    def events() -> int:
        actor = scope(universe, "petra")
        with acting(actor), transaction.atomic():
            return AuditEvent.objects.exclude(operation="read").count()

    before, counted = seen(), events()
    amend(universe, "stranger", **PERSON)
    first, second = (patient(universe, name) for name in ("survivor", "stranger"))
    review_duplicate(
        actor=scope(universe, "dana"), first=first, second=second, verdict="same", note="letters"
    )
    assert (seen(), events()) == (before, counted)
    with acting(scope(universe, "petra")), transaction.atomic():
        assert DuplicateReview.objects.count() == 0


def _stable(text: str) -> str:
    """Without tokens and the id of the submission, which are random."""
    head, _, rest = without_token(text).partition('name="submission" value="')
    return head + rest[36:]


def patient(universe: Universe, record: str) -> Patient:
    with acting(system_scope()), transaction.atomic():
        return Patient.objects.get(pk=universe.records[record].patient_id)


def test_data_manager_assesses_a_pair(universe: Universe) -> None:
    amend(universe, "stranger", **PERSON)
    visitor = Visitor(universe, "dana")
    listed = visitor.get("/monitoring/duplicates/")
    first, second = (patient(universe, name) for name in ("survivor", "stranger"))
    path = f"/monitoring/duplicates/{first.public_id}/{second.public_id}/"
    assert path in listed.text
    assert shown(listed.text, ("1951", "C01-0001", ">AB<")) == []
    page = visitor.post(path, {"verdict": "maybe", "note": " "})
    assert page.status == 422
    assert "Choose what you found" in page.text
    assert "Say how you know" in page.text
    for verdict, note in (("same", "both sites asked"), ("different", "twins")):
        page = visitor.post(path, {"verdict": verdict, "note": note})
        assert page.url == "/monitoring/duplicates/"
        assert path not in visitor.get("/monitoring/duplicates/").text
        assert note in visitor.get(f"/monitoring/duplicates/?state={verdict}").text
    absent = "00000000-0000-4000-8000-000000000000"
    assert visitor.get(path.replace(str(first.public_id), absent)).status == 404
    with pytest.raises(PermissionDenied):
        review_duplicate(
            actor=scope(universe, "max"), first=first, second=second, verdict="same", note="x"
        )
    with pytest.raises(ValueError, match="two centers"):
        review_duplicate(actor=system_scope(), first=first, second=first, verdict="same", note="x")


def test_verdicts_are_in_the_trail_of_no_center(
    universe: Universe, superuser: psycopg.Connection
) -> None:
    amend(universe, "stranger", **PERSON)
    first, second = (patient(universe, name) for name in ("survivor", "stranger"))
    for verdict in ("same", "different"):
        review_duplicate(
            actor=scope(universe, "dana"), first=first, second=second, verdict=verdict, note="x"
        )
    rows = superuser.execute(
        "select operation, center_id, patient_id, actor_id from audit.event"
        " where table_name = 'patients_duplicate_review' order by id"
    ).fetchall()
    dana = universe.users["dana"].pk
    assert rows == [("insert", None, None, dana), ("update", None, None, dana)]


def test_persons_are_indexed_afterwards_and_indexes_outlive_a_rotation(
    universe: Universe, superuser: psycopg.Connection, settings: Settings
) -> None:
    amend(universe, "stranger", **PERSON)
    superuser.execute("delete from ident.person_index")
    assert pairs(scope(universe, "dana")) == []
    out = StringIO()
    call_command("index_persons", "--batch", "2", stdout=out, stderr=StringIO())
    assert out.getvalue() == "5 records indexed.\n"
    assert ids(pairs(scope(universe, "dana"))) == [both(universe)]
    settings.REGISTRY_IDENTIFIER_KEY_NEW = b"n" * 32
    assert rotate_identifier_key(actor=system_scope()).is_complete
    settings.REGISTRY_IDENTIFIER_KEY = b"n" * 32
    settings.REGISTRY_IDENTIFIER_KEY_NEW = None
    before = superuser.execute("select * from ident.person_index order by 1").fetchall()
    assert list(index_persons(actor=system_scope()))[-1] == 5
    assert superuser.execute("select * from ident.person_index order by 1").fetchall() == before
    found = Visitor(universe, "carla").post("/records/find/", {"text": "88 1234"})
    assert found.url == universe.url("survivor")
    with pytest.raises(PermissionDenied):
        list(index_persons(actor=scope(universe, "dana")))
