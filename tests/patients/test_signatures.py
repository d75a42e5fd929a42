"""Signatures: who signs what, under which hash, and what breaks them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module

import psycopg
import pytest
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, ProgrammingError, connection, transaction

from centers.access import acting, system_scope
from centers.models import AuditEvent
from centers.roles import PERMISSIONS, Permission, Role
from patients.actions.records import RowChange, retract_row
from patients.actions.signatures import AlreadySigned, Meaning, NotVerified, RecordChanged
from patients.actions.writing import constraint_of
from patients.models import Signature
from patients.queries.records import COLUMNS
from patients.queries.signatures import SIGNATURE_COLUMNS, meaning_text, signature_lines
from tests.patients.signing import (
    center_of,
    lock,
    scope,
    shown_hash,
    sign,
    signing,
    standing,
    unlock,
)
from tests.universe import Universe, amend_record, read_values

BOTH = {"verified", "approved"}
CANON = import_module("patients.migrations.0012_signatures")
# The canonical record of `golden` below, version 1; written once, compared for ever.
GOLDEN = "cb4880f3bcb822a503d8b1296e75cce08334aba1d21a23020f5726f1716c0e0d"


def record_key(universe: Universe, record: str = "survivor") -> int:
    return universe.records[record].patient_id


@contextmanager
def as_owner(universe: Universe) -> Iterator[psycopg.Connection]:
    """A transaction of the owner, triggers on, with an actor and a reason."""
    with psycopg.connect(os.environ["TEST_SUPERUSER_DSN"]) as owner:
        owner.execute("set role registry_owner")
        owner.execute(
            "select set_config('registry.actor', '1', true), set_config('registry.role', 'system',"
            " true), set_config('registry.reason', 'Mended by hand', true)"
        )
        yield owner


# What a signature says.


@pytest.mark.requirement("S1")
def test_signature_holds_name_role_meaning_time_version_and_hash(universe: Universe) -> None:
    seen = shown_hash(universe, "survivor")
    sign(universe, "survivor")
    approved, verified = signing(universe, "survivor").signatures
    assert (verified.meaning, approved.meaning) == ("verified", "approved")
    assert approved.meaning_text == "I approve this record as complete and accurate"
    assert verified.meaning_text == "I verified these data against the source"
    assert approved.signer_name == "Petra Example"
    assert approved.signer_role == "principal_investigator"
    assert approved.signer_id == universe.users["petra"].pk
    assert approved.record_version == universe.records["survivor"].version
    assert (approved.dictionary_version, approved.hash_text) == (1, seen)
    assert verified.signed_at < approved.signed_at
    assert approved.broken_at is None


def test_signature_names_the_newest_seal(universe: Universe) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select audit.seal_events()")
        number = cursor.fetchone()[0]
    sign(universe, "survivor", Meaning.VERIFIED)
    assert signing(universe, "survivor").signatures[0].seal_number == number


def test_signing_is_an_audit_event_of_the_signer(universe: Universe) -> None:
    sign(universe, "survivor", Meaning.VERIFIED)
    with acting(system_scope()), transaction.atomic():
        event = AuditEvent.objects.get(table_name="patients_signature")
    assert (event.operation, event.actor_id) == ("insert", universe.users["petra"].pk)
    assert event.patient_id == record_key(universe)


def test_words_of_a_meaning_are_those_of_the_database(database: None) -> None:
    with transaction.atomic():
        assert {meaning_text(m.value) for m in Meaning} == {
            "I verified these data against the source",
            "I approve this record as complete and accurate",
        }


def test_record_is_approved_only_while_its_verification_stands(universe: Universe) -> None:
    with pytest.raises(NotVerified):
        sign(universe, "survivor", Meaning.APPROVED)
    sign(universe, "survivor", Meaning.VERIFIED)
    _amend(universe)
    with pytest.raises(NotVerified):
        sign(universe, "survivor", Meaning.APPROVED)
    assert standing(universe, "survivor") == set()


def test_one_signature_of_a_meaning_stands(universe: Universe) -> None:
    sign(universe, "survivor", Meaning.VERIFIED)
    with pytest.raises(AlreadySigned):
        sign(universe, "survivor", Meaning.VERIFIED)


def test_another_hash_than_that_of_the_record_signs_nothing(universe: Universe) -> None:
    for seen in ("00" * 32, " ", "not a hash"):
        with pytest.raises(RecordChanged):
            sign(universe, "survivor", Meaning.VERIFIED, seen=seen)
    assert signing(universe, "survivor").signatures == []


def test_record_changed_after_it_was_shown_signs_nothing(universe: Universe) -> None:
    seen = shown_hash(universe, "survivor")
    _amend(universe)
    with pytest.raises(RecordChanged):
        sign(universe, "survivor", Meaning.VERIFIED, seen=seen)


def test_only_principal_investigators_of_the_center_sign(universe: Universe) -> None:
    for username in ("carla", "max", "bea", "dana", "otto", "ines", "adam"):
        with pytest.raises(PermissionDenied):
            sign(universe, "survivor", Meaning.VERIFIED, by=username, seen="00")
    with pytest.raises(PermissionDenied):
        sign(universe, "stranger", Meaning.VERIFIED, by="petra", seen="00")


def test_roles_that_sign_are_those_that_the_database_lets_sign() -> None:
    for permission in (Permission.VERIFY_RECORDS, Permission.SIGN_RECORDS):
        roles = {role for role, held in PERMISSIONS.items() if permission in held}
        assert roles - {Role.SYSTEM} == {Role.PRINCIPAL_INVESTIGATOR}


# Forging, as the app's role and as the owner.

FORGED = (
    "insert into patients_signature"
    " (public_id, center_id, patient_id, meaning, signer_id, record_hash)"
    " values (gen_random_uuid(), %s, %s, 'verified', %s, decode(%s, 'hex'))"
)


def _forge(universe: Universe, actor: str, signer: str, record: str = "survivor") -> None:
    center, patient = center_of(universe, record), record_key(universe, record)
    seen = shown_hash(universe, "survivor")
    with acting(scope(universe, actor)), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(FORGED, [center, patient, universe.users[signer].pk, seen])


@pytest.mark.requirement("S2")
def test_forged_signature_is_refused(universe: Universe) -> None:
    for signer in ("petra", "carla"):
        with pytest.raises(ProgrammingError):
            _forge(universe, "carla", signer)
    assert signing(universe, "survivor").signatures == []
    with pytest.raises(IntegrityError) as refused:
        _forge(universe, "petra", "petra", "waiting")
    assert constraint_of(refused.value) == "signature.hash"


def test_time_and_name_of_a_signature_are_the_database_s(universe: Universe) -> None:
    center, seen = center_of(universe, "survivor"), shown_hash(universe, "survivor")
    with acting(scope(universe, "petra")), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "insert into patients_signature (public_id, center_id, patient_id, meaning,"
            " meaning_text, signer_id, signer_name, signed_at, record_hash) values"
            " (gen_random_uuid(), %s, %s, 'verified', 'I guess', %s, 'Dr. Who', '1999-01-01',"
            " decode(%s, 'hex'))",
            [center, record_key(universe), universe.users["petra"].pk, seen],
        )
    signature = signing(universe, "survivor").signatures[0]
    assert signature.signer_name == "Petra Example"
    assert signature.signed_at.year > 2000
    assert signature.meaning_text == "I verified these data against the source"


def test_app_changes_and_deletes_no_signature(universe: Universe) -> None:
    sign(universe, "survivor")
    for statement in (
        "update patients_signature set broken_at = null",
        "update patients_signature set signer_name = 'Another'",
        "delete from patients_signature",
    ):
        with (
            pytest.raises(ProgrammingError),
            acting(scope(universe, "petra")),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)


def test_owner_mends_no_broken_signature(universe: Universe) -> None:
    sign(universe, "survivor")
    _amend(universe)
    for change in ("broken_at = null", "signer_name = 'Another'"):
        with pytest.raises(psycopg.errors.CheckViolation), as_owner(universe) as owner:
            owner.execute(f"update patients_signature set {change}")
    assert standing(universe, "survivor") == set()


@pytest.mark.requirement("S2")
def test_signature_copied_to_another_record_is_refused_by_the_database(
    universe: Universe,
) -> None:
    sign(universe, "survivor", Meaning.VERIFIED)
    with pytest.raises(psycopg.Error), as_owner(universe) as owner:
        owner.execute(
            "insert into patients_signature (public_id, center_id, patient_id, meaning,"
            " signer_id, record_hash) select gen_random_uuid(), center_id, %s, meaning,"
            " signer_id, record_hash from patients_signature",
            [record_key(universe, "waiting")],
        )


# What breaks a signature, and what does not.


def _amend(universe: Universe) -> None:
    row = universe.row_key("survivor", "follow_ups")
    values = read_values("follow_ups", {"source": "phone"})
    amend_record(universe, "survivor", [RowChange("follow_ups", values, row_id=row)])


def _add(universe: Universe) -> None:
    values = read_values("follow_ups", {"date": "2013-05", "vital_status": "alive"})
    amend_record(universe, "survivor", [RowChange("follow_ups", values)])


def _retract(universe: Universe) -> None:
    retract_row(
        actor=system_scope(),
        center_id=center_of(universe, "survivor"),
        patient_id=record_key(universe),
        form="follow_ups",
        row_id=universe.row_key("survivor", "follow_ups"),
        reason="Made by a test",
    )


def _identify(universe: Universe) -> None:
    values = read_values("patients", {"mrn": "77-1"})
    amend_record(universe, "survivor", [RowChange("patients", values)])


def _withdraw(universe: Universe) -> None:
    values = read_values("patients", {"consent": "withdrawn"})
    amend_record(universe, "survivor", [RowChange("patients", values)])


def _by_sql(statement: str) -> Callable[[Universe], None]:
    def write(universe: Universe) -> None:
        with as_owner(universe) as owner:
            owner.execute(statement, [record_key(universe)])

    return write


CHANGES: dict[str, Callable[[Universe], None]] = {
    "amend": _amend,
    "add": _add,
    "retract": _retract,
    "identifiers": _identify,
    "consent": _withdraw,
    "sql_row": _by_sql("update patients_course set intent = null where patient_id = %s"),
    "sql_patient": _by_sql("update patients_patient set race = 'asian' where id = %s"),
    "sql_birth": _by_sql(
        "update ident.patient_identity set birth_date = '1950' where patient_id = %s"
    ),
    "sql_delete": _by_sql("delete from patients_assessment where patient_id = %s"),
}


BY_TEST = "Made by a test"
REASONS = {name: BY_TEST for name in CHANGES if not name.startswith("sql_")}
TABLES = {
    "amend": "patients_follow_up",
    "add": "patients_follow_up",
    "retract": "patients_follow_up",
    "identifiers": "patient_identity",
    "consent": "patients_patient",
    "sql_row": "patients_course",
    "sql_patient": "patients_patient",
    "sql_birth": "patient_identity",
    "sql_delete": "patients_assessment",
}


@pytest.mark.requirement("S1")
def test_every_change_of_the_record_breaks_both_signatures_and_says_why(
    universe: Universe,
) -> None:
    sign(universe, "waiting")
    for name, change in CHANGES.items():
        sign(universe, "survivor")
        change(universe)
        for signature in signing(universe, "survivor").signatures[:2]:
            assert signature.broken_at is not None, name
            assert signature.broken_by_name == "System"
            assert signature.broken_reason == REASONS.get(name, "Mended by hand"), name
            with acting(system_scope()), transaction.atomic():
                event = AuditEvent.objects.get(pk=signature.broken_by_event)
            assert event.patient_id == record_key(universe)
            assert event.table_name == TABLES[name]
            assert event.reason == (signature.broken_reason or None)
    assert standing(universe, "waiting") == BOTH


NO_CHANGES: dict[str, Callable[[Universe], None]] = {
    "sql_same": _by_sql("update patients_course set intent = intent where patient_id = %s"),
    "sql_bookkeeping": _by_sql(
        "update patients_cycle set created_at = now() where patient_id = %s"
    ),
    "locks": lambda universe: (lock(universe, "survivor"), unlock(universe, "survivor"))[1],
    "keys": _by_sql("update ident.data_key set key_id = 'other' where patient_id = %s"),
}


def test_touch_that_changes_no_content_breaks_nothing(universe: Universe) -> None:
    sign(universe, "survivor")
    for name, change in NO_CHANGES.items():
        change(universe)
        assert standing(universe, "survivor") == BOTH, name


def test_saving_what_is_saved_and_a_change_undone_break_nothing(universe: Universe) -> None:
    sign(universe, "survivor")
    values = read_values("patients", {"disease": "melanoma"})
    amend_record(universe, "survivor", [RowChange("patients", values)])
    with pytest.raises(RuntimeError), acting(system_scope()), transaction.atomic():
        _amend(universe)
        raise RuntimeError
    assert standing(universe, "survivor") == BOTH


def test_broken_record_is_signed_again_and_keeps_the_broken_signatures(universe: Universe) -> None:
    sign(universe, "survivor")
    _amend(universe)
    sign(universe, "survivor")
    assert standing(universe, "survivor") == BOTH
    assert len(signing(universe, "survivor").signatures) == 4


# The canonical record.


def test_canonical_record_holds_every_field_of_the_dictionary() -> None:
    """A field more or less in the dictionary needs a new version of the canonical record."""
    assert COLUMNS["patients"] == CANON.PATIENT
    assert {name: columns for name, (_, columns) in CANON.ROWS.items()} == {
        name: columns for name, columns in COLUMNS.items() if name != "patients"
    }


def test_hash_of_the_canonical_record_is_that_of_its_text(universe: Universe) -> None:
    with acting(system_scope()), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "select patients_canonical(%s)::text, patients_canonical(%s, 1)::text,"
            " patients_canonical(%s, 2)",
            [record_key(universe)] * 3,
        )
        text, first, unknown = cursor.fetchone()
    assert (first, unknown) == (text, None)
    assert hashlib.sha256(text.encode()).hexdigest() == shown_hash(universe, "survivor")
    canonical = json.loads(text)
    assert canonical["dictionary"] == 1
    assert set(canonical["forms"]) == set(CANON.ROWS)
    assert len(canonical["forms"]["cycles"]) == 2
    assert "C01-0001" not in text


def test_golden_record_has_the_golden_hash(universe: Universe) -> None:
    """Version 1 is computed today as it was computed first."""
    with as_owner(universe) as owner:
        _make_golden(owner, center_of(universe, "survivor"))
        found = owner.execute(
            "select encode(patients_record_hash(id, 1), 'hex') from patients_patient"
            " where registry_number = 'GOLDEN'"
        ).fetchone()
        owner.rollback()
    assert found == (GOLDEN,)


def _make_golden(owner: psycopg.Connection, center: int) -> None:
    patient = owner.execute(
        "insert into patients_patient (public_id, registry_number, center_id, sex, disease, cohort,"
        " consent, histology, m_stage, ecog, weight_kg, metastatic_sites, missing,"
        " metastatic_diagnosis_date, created_at) values"
        " ('00000000-0000-4000-8000-00000000000a', 'GOLDEN', %s, 'female', 'melanoma',"
        " 'retrospective', 'signed', '8720/3', 'M1b', '0', 70.5, '{lung,skin}',"
        " '{\"primary_diagnosis_date\": \"UNK\"}', '1999-02', now()) returning id",
        [center],
    ).fetchone()
    assert patient is not None
    owner.execute(
        "insert into ident.patient_identity (patient_id, center_id, record_id, birth_date, sealed)"
        " values (%s, %s, 'GOLDEN', '1950-01-02', '\\x01020304')",
        [patient[0], center],
    )
    owner.execute(
        "insert into patients_follow_up (public_id, patient_id, center_id, date, vital_status,"
        " retracted, created_at) values ('00000000-0000-4000-8000-00000000000b', %s, %s,"
        " '2010-03-04', 'alive', true, now())",
        [patient[0], center],
    )


# What downloads read.


def test_lines_for_a_download_tell_signatures_and_locks(universe: Universe) -> None:
    sign(universe, "survivor")
    lock(universe, "survivor", reason="Data cut 2026")
    unlock(universe, "survivor", reason="Late answer")
    _amend(universe)
    with acting(scope(universe, "carla")), transaction.atomic():
        lines = list(signature_lines([record_key(universe), record_key(universe, "waiting")]))
        foreign = list(signature_lines([record_key(universe, "stranger")]))
    assert foreign == []
    assert [tuple(line) for line in lines] == [SIGNATURE_COLUMNS] * 3
    assert [(line["kind"], line["state"]) for line in lines] == [
        ("signature", "broken"),
        ("signature", "broken"),
        ("lock", "unlocked"),
    ]
    assert lines[0]["meaning"] == "I verified these data against the source"
    assert (lines[2]["reason"], lines[2]["end_reason"]) == ("Data cut 2026", "Late answer")
    assert lines[0]["at"].endswith("+00:00")


def test_every_signature_of_another_center_is_hidden(universe: Universe) -> None:
    sign(universe, "survivor")
    with acting(scope(universe, "otto")), transaction.atomic():
        assert Signature.objects.count() == 0
