"""Centers are created, amended and closed by actions: permission, reason, validation, events."""

from __future__ import annotations

from datetime import date

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, connections, transaction

from centers.access import Scope, acting, system_scope
from centers.actions.centers import amend_center, close_center, create_center
from centers.models import SYSTEM_USER_ID, Center
from centers.roles import PERMISSIONS, Permission, Role

VALUES = {"code": "C01", "name": "First", "country": "NL", "irb_expiry": date(2030, 1, 1)}


def events() -> list[tuple[str, str | None]]:
    """Operation and reason of the events of centers, as the owner sees them."""
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute(
            "select operation, reason from audit.event where table_name = 'centers_center' order by id"
        )
        return cursor.fetchall()


def test_create_center_saves_and_records(database: None) -> None:
    center = create_center(actor=system_scope(), values=VALUES)
    assert Center.objects.get().name == "First"
    assert center.status == "active"
    assert events() == [("insert", None)]


def test_create_center_needs_the_permission(database: None) -> None:
    coordinator = Scope(
        SYSTEM_USER_ID, "coordinator", (1,), {Permission.EDIT_RECORDS: frozenset((1,))}
    )
    with pytest.raises(PermissionDenied):
        create_center(actor=coordinator, values=VALUES)
    administrator = Scope(
        SYSTEM_USER_ID, "administrator", registry_wide=PERMISSIONS[Role.ADMINISTRATOR]
    )
    assert create_center(actor=administrator, values=VALUES).pk


@pytest.mark.parametrize(
    "wrong",
    [{"code": ""}, {"code": "C 1"}, {"name": ""}, {"status": "open"}, {"country": "NLD"}],
)
def test_create_center_wrong_value_is_refused(database: None, wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        create_center(actor=system_scope(), values={**VALUES, **wrong})
    assert not Center.objects.exists()


def test_create_center_code_is_used_once(database: None) -> None:
    create_center(actor=system_scope(), values=VALUES)
    with pytest.raises(ValidationError):
        create_center(actor=system_scope(), values=VALUES)


def test_create_center_unknown_field_is_an_error(database: None) -> None:
    with pytest.raises(ValueError, match="beds"):
        create_center(actor=system_scope(), values={**VALUES, "beds": "9"})


def test_amend_center_changes_only_what_differs(database: None) -> None:
    center = create_center(actor=system_scope(), values=VALUES)
    same = amend_center(actor=system_scope(), center_id=center.pk, values=VALUES, reason="")
    assert same is False
    with pytest.raises(ValidationError, match="reason"):
        amend_center(actor=system_scope(), center_id=center.pk, values={"city": "A"}, reason=" ")
    changed = amend_center(
        actor=system_scope(),
        center_id=center.pk,
        values={"city": "A", "irb_expiry": None},
        reason="moved",
    )
    assert changed is True
    saved = Center.objects.get()
    assert (saved.city, saved.irb_expiry) == ("A", None)
    assert events() == [("insert", None), ("update", "moved")]


def test_amend_center_needs_the_permission(database: None) -> None:
    center = create_center(actor=system_scope(), values=VALUES)
    with pytest.raises(PermissionDenied):
        amend_center(
            actor=Scope(SYSTEM_USER_ID, "coordinator"),
            center_id=center.pk,
            values={"city": "A"},
            reason="x",
        )


def test_close_center_keeps_it(database: None) -> None:
    center = create_center(actor=system_scope(), values=VALUES)
    assert close_center(actor=system_scope(), center_id=center.pk, reason="trial ended")
    assert Center.objects.get().status == "closed"
    assert not close_center(actor=system_scope(), center_id=center.pk, reason="again")


def test_center_change_without_reason_is_refused_by_the_database(database: None) -> None:
    center = create_center(actor=system_scope(), values=VALUES)
    with (
        pytest.raises(IntegrityError, match="needs a reason"),
        acting(system_scope()),
        transaction.atomic(),
    ):
        Center.objects.filter(pk=center.pk).update(name="Second")
