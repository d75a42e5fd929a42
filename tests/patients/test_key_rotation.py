"""Key rotation: every identifier stays readable at every moment, and nothing audited changes."""

from __future__ import annotations

from io import StringIO
from typing import Any

import psycopg
import pytest
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command
from django.db import transaction
from pytest_django import Settings

from centers.access import Scope, acting, system_scope
from centers.models import Center
from patients import identity
from patients.actions.key_rotation import NoNewKey, rotate_identifier_key
from patients.models import DataKey, IndexKey, Patient
from tests.patients.record_changes import load, new_record, save

NEW = b"n" * 32
RECORDS = 7
UNTOUCHED = (
    "select (select json_agg(e order by id) from audit.event e)::text,"
    " (select json_agg(v order by patient_id) from patients_record_version v)::text,"
    " (select json_agg(s order by patient_id) from analytics_stale s)::text,"
    " (select json_agg(i order by patient_id) from ident.patient_identity i)::text"
)


@pytest.fixture
def saved(center: Center, coordinator: Scope) -> list[Any]:
    """Records with identifiers, among them an MRN."""
    return save(
        coordinator,
        *(new_record(center, f"R{i}", mrn=f"MRN {i}", initials="AB") for i in range(RECORDS)),
    )


@pytest.fixture
def rotating(settings: Settings) -> Settings:
    """Both keys are set, as in every process while keys are rotated."""
    settings.REGISTRY_IDENTIFIER_KEY_NEW = NEW
    return settings


def readable(coordinator: Scope, saved: list[Any]) -> list[str]:
    """The MRN of every record, opened."""
    return [str(load(coordinator, one).patient.value("mrn")) for one in saved]


def index_key() -> bytes:
    with acting(system_scope()), transaction.atomic():
        return identity.load_index_key()


def keys_in_use() -> set[str]:
    with acting(system_scope()), transaction.atomic():
        rows = {*DataKey.objects.values_list("key_id", flat=True)}
        return rows | {*IndexKey.objects.values_list("key_id", flat=True)}


MRNS = [f"MRN {i}" for i in range(RECORDS)]


def test_rotation_wraps_all_keys_and_touches_nothing_else(
    saved: list[Any], coordinator: Scope, rotating: Settings, superuser: psycopg.Connection
) -> None:
    before, index = superuser.execute(UNTOUCHED).fetchone(), index_key()
    out = StringIO()
    call_command("rotate_identifier_key", "--batch", "3", stdout=out, stderr=StringIO())
    assert f"{RECORDS + 1} keys wrapped anew" in out.getvalue()
    assert "set REGISTRY_IDENTIFIER_KEY to the value" in out.getvalue()
    assert superuser.execute(UNTOUCHED).fetchone() == before
    assert keys_in_use() == {identity.key_id(NEW)}
    assert readable(coordinator, saved) == MRNS
    rotating.REGISTRY_IDENTIFIER_KEY, rotating.REGISTRY_IDENTIFIER_KEY_NEW = NEW, None
    assert readable(coordinator, saved) == MRNS
    assert index_key() == index


def test_old_key_alone_opens_nothing_after_the_rotation(
    saved: list[Any], coordinator: Scope, rotating: Settings
) -> None:
    rotate_identifier_key(actor=system_scope())
    rotating.REGISTRY_IDENTIFIER_KEY_NEW = None
    with pytest.raises(identity.SealBroken):
        readable(coordinator, saved)
    with pytest.raises(identity.SealBroken):
        index_key()


@pytest.mark.parametrize("batches", [1, 2, 3])
def test_rotation_that_broke_off_goes_on(
    saved: list[Any], coordinator: Scope, rotating: Settings, center: Center, batches: int
) -> None:
    seen: list[int] = []

    def broken(done: int) -> None:
        seen.append(done)
        if len(seen) == batches:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rotate_identifier_key(actor=system_scope(), batch=2, progress=broken)
    assert seen[-1] == 1 + 2 * batches
    assert keys_in_use() == {
        identity.key_id(NEW),
        identity.key_id(rotating.REGISTRY_IDENTIFIER_KEY),
    }
    assert readable(coordinator, saved) == MRNS
    later = save(coordinator, new_record(center, "later", mrn="MRN later"))
    rotation = rotate_identifier_key(actor=system_scope(), batch=2)
    assert (rotation.rewrapped, rotation.left) == (RECORDS - 2 * batches, 0)
    rotating.REGISTRY_IDENTIFIER_KEY, rotating.REGISTRY_IDENTIFIER_KEY_NEW = NEW, None
    assert readable(coordinator, [*saved, *later]) == [*MRNS, "MRN later"]
    assert rotate_again_is_refused()


def rotate_again_is_refused() -> bool:
    with pytest.raises(NoNewKey):
        rotate_identifier_key(actor=system_scope())
    return True


def test_batch_that_fails_leaves_its_keys_as_they_were(
    saved: list[Any], coordinator: Scope, rotating: Settings, superuser: psycopg.Connection
) -> None:
    superuser.execute(
        "alter table ident.data_key add constraint refused check (key_id <> %s)".replace(
            "%s", f"'{identity.key_id(NEW)}'"
        )
        + " not valid"
    )
    try:
        with pytest.raises(Exception, match="refused"):
            rotate_identifier_key(actor=system_scope(), batch=2)
    finally:
        superuser.execute("alter table ident.data_key drop constraint refused")
    assert readable(coordinator, saved) == MRNS
    assert rotate_identifier_key(actor=system_scope()).is_complete


def test_keys_that_nothing_opens_are_named_and_left(
    saved: list[Any], coordinator: Scope, rotating: Settings, superuser: psycopg.Connection
) -> None:
    lost = saved[2].patient_id
    superuser.execute(
        "update ident.data_key set wrapped = '\\x00' || wrapped where patient_id = %s", [lost]
    )
    out = StringIO()
    with pytest.raises(CommandError, match="another key: 1") as refused:
        call_command("rotate_identifier_key", stdout=out, stderr=StringIO())
    assert refused.value.returncode == 1
    assert f"records with id {lost}." in out.getvalue()
    others = [one for one in saved if one.patient_id != lost]
    assert readable(coordinator, others) == [mrn for mrn in MRNS if mrn != "MRN 2"]


def test_wrong_current_key_changes_nothing(
    saved: list[Any], coordinator: Scope, rotating: Settings, superuser: psycopg.Connection
) -> None:
    right = rotating.REGISTRY_IDENTIFIER_KEY
    rotating.REGISTRY_IDENTIFIER_KEY = b"w" * 32
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("rotate_identifier_key", stdout=out, stderr=StringIO())
    assert "0 keys wrapped anew" in out.getvalue()
    assert "blind index" in out.getvalue()
    rotating.REGISTRY_IDENTIFIER_KEY = right
    assert readable(coordinator, saved) == MRNS


def test_rotation_needs_a_new_key_and_the_command_line(
    saved: list[Any], coordinator: Scope, settings: Settings
) -> None:
    for key in (None, settings.REGISTRY_IDENTIFIER_KEY):
        settings.REGISTRY_IDENTIFIER_KEY_NEW = key
        with pytest.raises(CommandError, match="REGISTRY_IDENTIFIER_KEY_NEW") as refused:
            call_command("rotate_identifier_key", stdout=StringIO(), stderr=StringIO())
        assert refused.value.returncode == 2
    settings.REGISTRY_IDENTIFIER_KEY_NEW = NEW
    with pytest.raises(PermissionDenied):
        rotate_identifier_key(actor=coordinator)


def test_records_without_keys_rotate_to_nothing(database: None, rotating: Settings) -> None:
    rotation = rotate_identifier_key(actor=system_scope())
    assert (rotation.rewrapped, rotation.is_complete) == (0, True)
    with acting(system_scope()), transaction.atomic():
        assert not Patient.objects.exists()
