"""The scope of a person is what the table of roles says of their memberships of today, no more."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, timedelta

import psycopg
import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from centers.access import scope_of, system_scope
from centers.actions.centers import create_center
from centers.actions.users import create_user
from centers.models import Center, User
from centers.roles import EVERY_CENTER, PERMISSIONS, REGISTRY_WIDE, Permission, Role

GIVEN = [role for role in Role if role is not Role.SYSTEM]
# Days from today; None: without an end. A membership that ended or has not begun gives nothing.
DAYS = st.integers(-3, 3)


@dataclass(frozen=True)
class Given:
    """A membership: role, place of its center in the list, first and last day from today."""

    role: Role
    place: int
    starts: int
    ends: int | None

    @property
    def is_current(self) -> bool:
        return self.starts <= 0 and (self.ends is None or self.ends >= 0)


MEMBERSHIPS = st.lists(
    st.builds(Given, st.sampled_from(GIVEN), st.integers(0, 2), DAYS, st.none() | DAYS).filter(
        lambda m: m.ends is None or m.ends >= m.starts - 1
    ),
    max_size=6,
    unique_by=lambda m: (m.role, m.role in REGISTRY_WIDE or m.place, m.starts),
)


@pytest.fixture
def centers(database: None) -> list[Center]:
    return [
        create_center(actor=system_scope(), values={"code": f"C0{n}", "name": f"Center {n}"})
        for n in range(3)
    ]


@pytest.fixture
def person(centers: list[Center]) -> User:
    return create_user(actor=system_scope(), username="person", full_name="Person Example")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(memberships=MEMBERSHIPS)
def test_scope_is_the_sum_of_current_memberships_and_nothing_else(
    superuser: psycopg.Connection,
    centers: list[Center],
    person: User,
    memberships: list[Given],
) -> None:
    give(superuser, person, centers, memberships)
    scope = scope_of(person)
    current = [m for m in memberships if m.is_current]
    for permission in Permission:
        expected = expected_centers(permission, current, centers)
        assert scope.permitted.get(permission, frozenset()) == expected
        wide = any(
            permission in PERMISSIONS[m.role] and m.role in REGISTRY_WIDE - EVERY_CENTER
            for m in current
        )
        assert (permission in scope.registry_wide) == wide
        assert scope.may(permission) == (bool(expected) or wide)
    assert set(scope.center_ids) == expected_centers(Permission.VIEW_RECORDS, current, centers)
    assert set(scope.identified) == expected_centers(Permission.VIEW_IDENTIFIERS, current, centers)
    assert set(scope.identified) <= set(scope.center_ids)
    assert scope.role.split(",") == sorted({m.role.value for m in current} or {""})
    assert scope.revealed == ()


def expected_centers(
    permission: Permission, current: list[Given], centers: list[Center]
) -> frozenset[int]:
    """The oracle: center by center, membership by membership."""
    return frozenset(
        center.pk
        for place, center in enumerate(centers)
        if any(
            permission in PERMISSIONS[m.role]
            and (m.role in EVERY_CENTER or (m.role not in REGISTRY_WIDE and m.place == place))
            for m in current
        )
    )


def give(
    superuser: psycopg.Connection, person: User, centers: list[Center], memberships: list[Given]
) -> None:
    """Exactly these memberships, written past the actions: ended and future ones too."""
    today: date = timezone.now().date()
    with superuser.transaction():
        superuser.execute("set local session_replication_role = replica")
        superuser.execute("delete from centers_membership")
        columns = {
            name
            for (name,) in superuser.execute(
                "select column_name from information_schema.columns"
                " where table_name = 'centers_membership'"
            ).fetchall()
        }
        for m in memberships:
            row = {
                "user_id": person.pk,
                "center_id": None if m.role in REGISTRY_WIDE else centers[m.place].pk,
                "role": m.role.value,
                "starts_on": today + timedelta(days=m.starts),
                "ends_on": None if m.ends is None else today + timedelta(days=m.ends),
                "created_at": timezone.now(),
                "public_id": uuid.uuid4(),
            }
            row = {name: value for name, value in row.items() if name in columns}
            superuser.execute(
                f"insert into centers_membership ({', '.join(row)})"
                f" values ({', '.join(['%s'] * len(row))})",
                list(row.values()),
            )


def test_the_systems_role_is_given_to_nobody(
    superuser: psycopg.Connection, centers: list[Center], person: User
) -> None:
    """The table has it with every permission; the database refuses it as a membership."""
    with pytest.raises(psycopg.errors.CheckViolation):
        give(superuser, person, centers, [Given(Role.SYSTEM, 0, 0, None)])
