"""Entry pages under attack: extra keys, other centers' ids in every box, boxes sent twice."""

from __future__ import annotations

import json
import uuid
from typing import Any

import psycopg
import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction

from centers.access import acting, scope_of, set_reason, system_scope
from patients.actions.changes import Conflict, RecordNotFound, Refused
from patients.actions.pending import RowNotFound
from patients.actions.records import RecordChange, RowChange, save_records
from patients.models import ROW_MODELS, Patient, PatientIdentity
from patients.rules.dictionary import FORMS
from tests.patients.pages import Page, Visitor
from tests.snapshot import start_from
from tests.universe import Universe, build_universe

REASON = {"reason_preset": "Transcription error"}
PLANTED = uuid.UUID("11111111-1111-4111-8111-111111111111")
TABLES = ["patients_patient", "ident.patient_identity", "ident.data_key"] + [
    model._meta.db_table for model in ROW_MODELS.values()
]
Rows = dict[tuple[str, int], dict[str, Any]]

# One amendment of each form: record, form ("" is the baseline), what is typed.
AMENDED: dict[str, tuple[str, dict[str, str]]] = {
    "patients": ("survivor", {"weight_kg": "72.5"}),
    "prior_therapies": ("survivor", {"start_date": "1996-11"}),
    "courses": ("survivor", {"dose_unit_as_written": "mg"}),
    "cycles": ("survivor", {"doses_given": "11"}),
    "assessments": ("survivor", {"date": "1999-07-13"}),
    "local_therapies": ("progressed", {"date": "2002-05-21"}),
    "systemic_therapies": ("progressed", {"start_date": "2002-07"}),
    "follow_ups": ("survivor", {"date": "2001-05-15"}),
}
# A new row of each form.
ADDED: dict[str, tuple[str, dict[str, str]]] = {
    "prior_therapies": ("survivor", {"start_date": "1997", "therapy_class": "surgery"}),
    "assessments": ("survivor", {"date": "2006-03-14", "response": "CR"}),
    "local_therapies": ("progressed", {"date": "2002-06-21", "modality": "stereotactic"}),
    "systemic_therapies": (
        "progressed",
        {"start_date": "2002-09", "therapy_class": "chemotherapy"},
    ),
    "follow_ups": ("survivor", {"date": "2006-03-14", "vital_status": "alive"}),
}


@pytest.fixture
def universe(database: None, superuser: psycopg.Connection) -> Universe:
    """The named states of tests/universe.py, with outcomes."""
    return start_from("universe", build_universe, superuser)


def stored(superuser: psycopg.Connection) -> Rows:
    """Every clinical and identity row of the database."""
    found: Rows = {}
    for table in TABLES:
        key = "patient_id" if table.startswith("ident.") else "id"
        rows = superuser.execute(f"select {key}, to_jsonb(stored) from {table} stored").fetchall()
        found |= {(table, row_id): row for row_id, row in rows}
    return found


def changed(before: Rows, after: Rows) -> dict[tuple[str, int], set[str]]:
    """Columns that differ, by row; a new row with all of its columns."""
    assert not before.keys() - after.keys()
    return {
        at: {name for name, value in row.items() if before.get(at, {}).get(name) != value}
        for at, row in after.items()
        if row != before.get(at)
    }


def extra_keys(universe: Universe, form: str, page: Page) -> dict[str, str]:
    """Every column of every model behind the page that is no box of it, with a hostile value."""
    models = [Patient, PatientIdentity, *([ROW_MODELS[form]] if form in ROW_MODELS else [])]
    names = {"id", "pk", "action", "actor", "actor_id", "confirmed", "expected_version"}
    for model in models:
        for field in model._meta.get_fields():
            if field.concrete:
                names |= {field.name, field.attname}
    hostile = {
        "center": str(universe.centers["C02"].pk),
        "center_id": str(universe.centers["C02"].pk),
        "patient": str(universe.records["stranger"].patient_id),
        "patient_id": str(universe.records["stranger"].patient_id),
        "public_id": str(PLANTED),
        "registry_number": "IL2-00000000-0",
        "missing": json.dumps({"ecog": "UNK"}),
        "created_at": "2001-01-01",
        "retracted": "on",
    }
    shown = set(page.form) | set(FORMS[form].by_name)
    return {name: hostile.get(name, "1") for name in names - shown}


def generated(columns: set[str]) -> set[str]:
    return {name for name in columns if name.endswith(("_lo", "_hi", "_point"))}


def amend_path(universe: Universe, form: str, record: str) -> str:
    if form == "patients":
        return universe.url(record, "baseline/")
    return universe.url(record, f"{form}/{universe.row_id(record, form)}/")


def test_extra_keys_of_an_amendment_change_nothing_else(
    universe: Universe, superuser: psycopg.Connection
) -> None:
    for form in AMENDED:
        amend_with_extra_keys(universe, superuser, form)


def amend_with_extra_keys(universe: Universe, superuser: psycopg.Connection, form: str) -> None:
    record, typed = AMENDED[form]
    visitor = Visitor(universe, "carla")
    path = amend_path(universe, form, record)
    page = visitor.get(path)
    extra = extra_keys(universe, form, page)
    assert len(extra) > 10
    before = stored(superuser)
    confirmed = {"confirm.follow_up.gap": "as the source says"}
    sent = visitor.post(path, {**extra, **page.form, **typed, **REASON, **confirmed})
    assert sent.status == 302, sent.text
    differs = changed(before, stored(superuser))
    ((_, columns),) = differs.items()
    assert columns - generated(columns) <= set(typed)
    assert columns


def test_extra_keys_of_a_new_row_leave_it_in_its_record(
    universe: Universe, superuser: psycopg.Connection
) -> None:
    for form in ADDED:
        add_with_extra_keys(universe, superuser, form)


def add_with_extra_keys(universe: Universe, superuser: psycopg.Connection, form: str) -> None:
    record, typed = ADDED[form]
    visitor = Visitor(universe, "carla")
    path = universe.url(record, f"{form}/new/")
    page = visitor.get(path)
    before = stored(superuser)
    sent = visitor.post(path, {**extra_keys(universe, form, page), **page.form, **typed})
    assert sent.status == 302, sent.text
    after = stored(superuser)
    ((table, row_id),) = changed(before, after)
    row = after[table, row_id]
    assert table == ROW_MODELS[form]._meta.db_table
    assert row["patient_id"] == universe.records[record].patient_id
    assert row["center_id"] == universe.centers["C01"].pk
    assert (row["public_id"] == str(PLANTED), row["retracted"]) == (False, False)
    assert not row["created_at"].startswith("2001")


def test_extra_keys_of_a_new_record_leave_it_in_its_center(
    universe: Universe, superuser: psycopg.Connection
) -> None:
    visitor = Visitor(universe, "carla")
    path = "/records/new/?disease=melanoma"
    page = visitor.get(path)
    typed = {"record_id": "C01-0099", "sex": "female", "cohort": "prospective"}
    before = stored(superuser)
    sent = visitor.post(path, {**extra_keys(universe, "patients", page), **page.form, **typed})
    assert sent.status == 302
    after = stored(superuser)
    new = {table: after[table, key] for table, key in changed(before, after)}
    assert set(new) == {"patients_patient", "ident.patient_identity", "ident.data_key"}
    patient = new["patients_patient"]
    assert patient["center_id"] == universe.centers["C01"].pk
    assert (patient["retracted"], patient["public_id"] == str(PLANTED)) == (False, False)
    assert patient["registry_number"] != "IL2-00000000-0"
    assert patient["disease"] == "melanoma"
    assert {row["center_id"] for row in new.values()} == {universe.centers["C01"].pk}


# Ids of others.


def test_record_is_not_linked_to_a_person_of_another_center(
    universe: Universe, superuser: psycopg.Connection
) -> None:
    """By the text that the other center uses, and the answer is that for a text nobody uses."""
    visitor = Visitor(universe, "carla")
    path = universe.url("survivor", "baseline/")
    answers = []
    before = stored(superuser)
    for named in ("C02-0001", "C02-9999"):
        page = visitor.fill(path, same_person_as=named, **REASON)
        answers.append((page.status, page.text.count("error-summary"), named in page.text))
    assert answers[0] == answers[1]
    assert answers[0][0] == 422
    assert changed(before, stored(superuser)) == {}


def test_rows_of_other_records_are_absent_below_an_own_record(
    universe: Universe, superuser: psycopg.Connection
) -> None:
    """Ids of other forms, other own records, and the other center's record, for every act."""
    visitor = Visitor(universe, "carla")
    for form in ROW_MODELS:
        ask_for_rows_of_others(universe, superuser, visitor, form)


def ask_for_rows_of_others(
    universe: Universe, superuser: psycopg.Connection, visitor: Visitor, form: str
) -> None:
    ids = {
        row["public_id"]
        for (table, _), row in stored(superuser).items()
        if table.startswith("patients_")
        and (
            table != ROW_MODELS[form]._meta.db_table
            or row["patient_id"] != universe.records["survivor"].patient_id
        )
    }
    assert len(ids) > 20
    before = stored(superuser)
    for row in sorted(ids)[::6]:
        for rest in ("", "retract/"):
            path = universe.url("survivor", f"{form}/{row}/{rest}")
            assert visitor.get(path).status == 404
            assert visitor.post(path, {**REASON, "version": "1"}).status == 404
    assert changed(before, stored(superuser)) == {}


def test_center_of_a_new_record_is_chosen_among_own_ones(
    universe: Universe, superuser: psycopg.Connection
) -> None:
    """Bea enters data at First and only monitors Second."""
    before = stored(superuser)
    typed = {"record_id": "X-1", "sex": "female", "cohort": "prospective"}
    page = Visitor(universe, "bea").get("/records/new/?disease=melanoma&center=C01")
    for username in ("bea", "carla"):
        for code in ("C02", "C99", "' or 1=1", str(universe.centers["C02"].pk)):
            path = f"/records/new/?disease=melanoma&center={code}"
            sent = Visitor(universe, username).post(path, {**page.form, **typed})
            assert sent.status == 200
    assert changed(before, stored(superuser)) == {}


def test_submission_id_of_another_center_leads_nowhere(universe: Universe) -> None:
    """A known id of another's form neither shows that record nor takes its place."""
    otto, carla = Visitor(universe, "otto"), Visitor(universe, "carla")
    theirs = otto.get(universe.url("stranger", "follow_ups/new/")).form
    typed = {"date": "2010-03-14", "vital_status": "alive", "confirm.follow_up.gap": "x"}
    assert otto.post(universe.url("stranger", "follow_ups/new/"), {**theirs, **typed}).status == 302
    path = universe.url("survivor", "follow_ups/new/")
    mine = carla.get(path).form
    page = carla.post(path, {**mine, **typed, "submission": theirs["submission"]})
    assert str(universe.records["stranger"].public_id) not in page.url + page.text


def test_hidden_version_is_no_way_around_the_conflict(
    universe: Universe, superuser: psycopg.Connection
) -> None:
    visitor = Visitor(universe, "carla")
    path = universe.url("survivor", "baseline/")
    page = visitor.get(path)
    before = stored(superuser)
    for value in ("-1", "0", "999999", "x", "", "1e3", "9" * 40, "1 or 1=1"):
        sent = {**page.form, "weight_kg": "99", "version": value, **REASON}
        assert visitor.post(path, sent).status == 409, value
    del sent["version"]
    assert visitor.post(path, sent).status == 409
    assert changed(before, stored(superuser)) == {}


def test_hidden_base_in_any_shape_is_no_error_of_the_server(universe: Universe) -> None:
    for base in ("", "[]", "{", "null", '{"weight_kg": {"a": 1}}', "1" * 5000):
        page = Visitor(universe, "carla").fill(
            universe.url("survivor", "baseline/"), weight_kg="72", base=base, **REASON
        )
        assert page.status in (302, 400, 409, 422), base


def test_box_sent_twice_is_refused_and_never_chosen_from(
    universe: Universe, superuser: psycopg.Connection
) -> None:
    """Whoever checks one of two values and saves the other can be led past the check."""
    visitor = Visitor(universe, "carla")
    path = universe.url("survivor", "baseline/")
    page = visitor.get(path)
    before = stored(superuser)
    for values in (["72.5", "abc"], ["abc", "72.5"], ["72.5", "73.5"]):
        assert visitor.post(path, {**page.form, **REASON, "weight_kg": values}).status == 422
    assert changed(before, stored(superuser)) == {}


# The same at the action and in SQL, past the pages.


def test_action_refuses_a_center_that_is_not_the_records(
    universe: Universe, superuser: psycopg.Connection
) -> None:
    actor = scope_of(universe.users["carla"])
    first, second = (universe.centers[code].pk for code in ("C01", "C02"))
    own, foreign = (universe.records[name].patient_id for name in ("survivor", "stranger"))
    row = universe.row_key("stranger", "follow_ups")
    before = stored(superuser)
    for center, patient, changes in (
        (second, foreign, [RowChange("patients", {"weight_kg": 1})]),
        (first, foreign, [RowChange("patients", {"weight_kg": 1})]),
        (second, own, [RowChange("patients", {"weight_kg": 1})]),
        (first, own, [RowChange("follow_ups", {"date": "2001"}, row_id=row)]),
        (second, None, [RowChange("patients", {"record_id": "X", "disease": "melanoma"})]),
    ):
        with pytest.raises(REFUSALS):
            save_records(
                actor=actor, changes=[RecordChange(center, patient, changes)], reason="attack"
            )
    assert changed(before, stored(superuser)) == {}


REFUSALS = (PermissionDenied, Refused, Conflict, RecordNotFound, RowNotFound)


def test_sql_of_the_app_hangs_no_row_on_another_centers_record(
    universe: Universe, superuser: psycopg.Connection
) -> None:
    """A row of an own record moved to the foreign record, or to the foreign center."""
    for model in ROW_MODELS.values():
        move_to_the_other_center(universe, superuser, model._meta.db_table)


def move_to_the_other_center(universe: Universe, superuser: psycopg.Connection, table: str) -> None:
    foreign = universe.records["stranger"].patient_id
    second = universe.centers["C02"].pk
    before = stored(superuser)
    for values in (f"patient_id = {foreign}", f"center_id = {second}"):
        with (
            acting(scope_of(universe.users["carla"])),
            pytest.raises(Exception, match=r"foreign key|row-level security|violates"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            set_reason("attack")
            cursor.execute(f"update {table} set {values}")
    assert changed(before, stored(superuser)) == {}


def test_person_link_across_centers_is_refused_in_sql(
    universe: Universe, superuser: psycopg.Connection
) -> None:
    before = stored(superuser)
    foreign = universe.records["stranger"].patient_id
    for other in (foreign, 10**12):
        with (
            acting(scope_of(universe.users["carla"])),
            pytest.raises(Exception, match="same_person_id_center_fk"),
            transaction.atomic(),
        ):
            set_reason("attack")
            own = universe.records["survivor"].patient_id
            Patient.objects.filter(pk=own).update(same_person_id=other)
    assert changed(before, stored(superuser)) == {}


def test_role_taken_away_acts_on_the_next_request(universe: Universe) -> None:
    """Also on a form that was open before."""
    visitor = Visitor(universe, "carla")
    path = universe.url("survivor", "baseline/")
    page = visitor.get(path)
    assert page.status == 200
    with acting(system_scope()), transaction.atomic(), connection.cursor() as cursor:
        set_reason("left")
        cursor.execute(
            "update centers_membership set ends_on = starts_on - 1 where user_id = %s",
            [universe.users["carla"].pk],
        )
    assert visitor.get(path).status == 403
    assert visitor.post(path, {**page.form, "weight_kg": "72", **REASON}).status == 403
    assert visitor.get("/records/").status == 403
