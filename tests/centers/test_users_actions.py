"""Accounts and memberships: what the actions save, refuse and leave in the audit trail."""

from __future__ import annotations

from datetime import date, timedelta

import psycopg
import pytest
from django.contrib.auth.hashers import make_password
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone

from centers.access import Scope, acting, scope_of, system_scope
from centers.actions.centers import create_center
from centers.actions.users import add_membership, create_user, end_membership
from centers.models import SYSTEM_USER_ID, AuditEvent, Center, Membership, User
from centers.roles import PERMISSIONS, Permission, Role

pytestmark = pytest.mark.usefixtures("database")
PASSWORD = "a long enough passphrase"
NOBODY = Scope(SYSTEM_USER_ID, "coordinator")


def new_user(username: str = "ada", **more: object) -> User:
    values = {"username": username, "full_name": "Ada Example", **more}
    return create_user(actor=system_scope(), **values)  # type: ignore[arg-type]


def new_center(code: str = "C01") -> Center:
    return create_center(actor=system_scope(), values={"code": code, "name": code})


def add(user: User, role: Role, center: Center | None = None, **more: date) -> Membership:
    return add_membership(
        actor=system_scope(),
        user_id=user.pk,
        role=role,
        center_id=center.pk if center else None,
        **more,
    )


def events(table: str) -> list[AuditEvent]:
    with acting(system_scope()), transaction.atomic():
        return list(AuditEvent.objects.filter(table_name=table).order_by("id"))


def test_create_user_saves_an_account_that_signs_in() -> None:
    user = User.objects.get(pk=new_user(email="ada@example.org", password=PASSWORD).pk)
    assert user.check_password(PASSWORD)
    assert (user.email, user.is_active, user.is_demo) == ("ada@example.org", True, False)


def test_create_user_without_a_password_cannot_sign_in() -> None:
    assert not new_user().has_usable_password()


def test_create_user_takes_a_hash_for_many_accounts_of_one_password() -> None:
    encoded = make_password(PASSWORD)
    assert new_user("ada", encoded_password=encoded).check_password(PASSWORD)


@pytest.mark.parametrize("username", ["", " ada", "ada b", "_ada", "ada\n", "a" * 151, "äda"])
def test_create_user_refuses_a_bad_name(username: str) -> None:
    with pytest.raises(ValidationError):
        new_user(username)


@pytest.mark.parametrize("username", ["ada", "ADA", "system"])
def test_create_user_refuses_a_name_taken_in_any_case(username: str) -> None:
    new_user("ada")
    with pytest.raises(ValidationError):
        new_user(username)


@pytest.mark.parametrize("password", ["short", "q1w2e3r4t5y6", "ada@example.org"])
def test_create_user_refuses_a_weak_password(password: str) -> None:
    with pytest.raises(ValidationError):
        new_user(email="ada@example.org", password=password)
    assert not User.objects.filter(username="ada").exists()


@pytest.mark.parametrize("values", [{"full_name": " "}, {"email": "no address"}])
def test_create_user_refuses_bad_values(values: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        new_user(**values)


def test_create_user_needs_the_permission() -> None:
    with pytest.raises(PermissionDenied):
        create_user(actor=NOBODY, username="ada", full_name="Ada")


def test_audit_event_of_an_account_has_no_password(superuser: psycopg.Connection) -> None:
    new_user(password=PASSWORD)
    found = superuser.execute(
        "select operation, actor_id, after ->> 'username', after ? 'password' from audit.event"
        " where table_name = 'centers_user'"
    ).fetchall()
    assert found == [("insert", SYSTEM_USER_ID, "ada", False)]


@pytest.mark.parametrize("role", [Role.COORDINATOR, Role.PRINCIPAL_INVESTIGATOR, Role.MONITOR])
def test_membership_at_a_center_gives_the_role_there(role: Role) -> None:
    user, center, other = new_user(), new_center(), new_center("C02")
    add(user, role, center)
    scope = scope_of(user)
    assert scope.center_ids == (center.pk,)
    assert {p for p in Permission if scope.may(p, center.pk)} == PERMISSIONS[role]
    assert not any(scope.may(p, other.pk) for p in Permission)


@pytest.mark.parametrize("role", [Role.INVESTIGATOR, Role.ADMINISTRATOR])
def test_membership_in_the_registry_has_no_center(role: Role) -> None:
    user, center = new_user(), new_center()
    add(user, role)
    assert scope_of(user).registry_wide == PERMISSIONS[role]
    with pytest.raises(ValidationError, match="whole registry"):
        add(user, role, center)


def test_membership_at_no_center_is_refused_for_a_role_of_a_center() -> None:
    with pytest.raises(ValidationError, match="at a center"):
        add(new_user(), Role.COORDINATOR)


def test_membership_of_the_system_role_is_refused() -> None:
    with pytest.raises(ValidationError):
        add(new_user(), Role.SYSTEM)


def test_membership_twice_is_refused() -> None:
    user, center = new_user(), new_center()
    for where in (center, None):
        role = Role.MONITOR if where else Role.INVESTIGATOR
        add(user, role, where)
        with pytest.raises(ValidationError):
            add(user, role, where)


def test_membership_of_nobody_or_nowhere_is_refused() -> None:
    center = new_center()
    with pytest.raises(User.DoesNotExist):
        add_membership(actor=system_scope(), user_id=0, role=Role.MONITOR, center_id=center.pk)
    with pytest.raises(Center.DoesNotExist):
        add_membership(actor=system_scope(), user_id=new_user().pk, role=Role.MONITOR, center_id=0)


def test_membership_needs_the_permission() -> None:
    user, center = new_user(), new_center()
    with pytest.raises(PermissionDenied):
        add_membership(actor=NOBODY, user_id=user.pk, role=Role.MONITOR, center_id=center.pk)
    membership = add(user, Role.MONITOR, center)
    with pytest.raises(PermissionDenied):
        end_membership(actor=NOBODY, membership_id=membership.pk)


def test_administrator_manages_accounts_and_reads_no_record() -> None:
    boss, center = new_user("boss"), new_center()
    add(boss, Role.ADMINISTRATOR)
    scope = scope_of(boss)
    user = create_user(actor=scope, username="ada", full_name="Ada")
    add_membership(actor=scope, user_id=user.pk, role=Role.COORDINATOR, center_id=center.pk)
    assert scope_of(user).center_ids == (center.pk,)
    assert scope.center_ids == ()


def test_membership_of_the_past_or_future_gives_nothing() -> None:
    user, center, today = new_user(), new_center(), timezone.now().date()
    day = timedelta(days=1)
    add(user, Role.MONITOR, center, starts_on=today - 9 * day, ends_on=today - day)
    add(user, Role.COORDINATOR, center, starts_on=today + day)
    assert scope_of(user).center_ids == ()


def test_membership_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ValidationError, match="before it starts"):
        add(
            new_user(), Role.MONITOR, new_center(),
            starts_on=date(2020, 1, 2), ends_on=date(2020, 1, 1),
        )  # fmt: skip


@pytest.mark.parametrize("days_ago", [30, 0, -30])
def test_end_membership_acts_at_once(days_ago: int) -> None:
    user, center, today = new_user(), new_center(), timezone.now().date()
    membership = add(user, Role.COORDINATOR, center, starts_on=today - timedelta(days=days_ago))
    assert bool(scope_of(user).center_ids) == (days_ago >= 0)
    assert end_membership(actor=system_scope(), membership_id=membership.pk)
    assert scope_of(user).center_ids == ()
    assert not end_membership(actor=system_scope(), membership_id=membership.pk)
    operations = [event.operation for event in events("centers_membership")]
    assert operations == ["insert", "update"]


def test_end_membership_takes_a_last_day() -> None:
    user, center, today = new_user(), new_center(), timezone.now().date()
    membership = add(user, Role.COORDINATOR, center)
    assert end_membership(actor=system_scope(), membership_id=membership.pk, ends_on=today)
    assert scope_of(user).center_ids == (center.pk,)
    with pytest.raises(ValidationError, match="before it starts"):
        end_membership(
            actor=system_scope(), membership_id=membership.pk, ends_on=today - timedelta(days=2)
        )


def test_end_membership_of_none_is_refused() -> None:
    with pytest.raises(Membership.DoesNotExist):
        end_membership(actor=system_scope(), membership_id=0)
