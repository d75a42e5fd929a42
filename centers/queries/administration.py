"""What the pages of administration show of centers, people and their memberships; no record of any."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final

from django.db.models import Count, Exists, OuterRef, Prefetch, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from centers.models import SYSTEM_USER_ID, Center, Membership, User, in_force
from centers.roles import Role

# Roles that a person may hold; `system` is command-line work.
ROLES: Final = tuple(role for role in Role if role != Role.SYSTEM)
STATES: Final = {
    "active": gettext_noop("Open"),
    "closed": gettext_noop("Closed"),
    "none": gettext_noop("Open, without a role today"),
}


class Standing(StrEnum):
    """Where a membership is in time."""

    IN_FORCE = "in force"
    TO_COME = "to come"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class MembershipLine:
    """A membership on a page. `key` names it in addresses."""

    membership: Membership
    key: uuid.UUID
    standing: Standing
    # A membership whose last day is the one before its first was taken back and never was.
    never: bool

    @property
    def may_end(self) -> bool:
        """Whether there is anything left to end."""
        return self.standing != Standing.ENDED

    @property
    def role(self) -> str:
        """For people: "Principal investigator"."""
        return _(Role(self.membership.role).label).capitalize()


@dataclass(frozen=True, slots=True)
class PeopleFilters:
    """Filters of the list of people; what is not on the allow-lists counts as not given."""

    name: str = ""
    role: str = ""
    center: str = ""
    state: str = ""

    @classmethod
    def read(cls, query: Mapping[str, Any], centers: Iterable[Center]) -> PeopleFilters:
        """From the page's address. `name` is part of a name or user name."""

        def known(name: str, allowed: Iterable[str]) -> str:
            value = str(query.get(name, ""))
            return value if value in allowed else ""

        return cls(
            str(query.get("name", "")).replace("\x00", "").strip()[:200],
            known("role", [role.value for role in ROLES]),
            known("center", [center.code for center in centers]),
            known("state", STATES),
        )

    @property
    def is_narrowed(self) -> bool:
        """Whether any filter is set."""
        return bool(self.name or self.role or self.center or self.state)


def listed_centers() -> QuerySet[Center]:
    """All centers with `members`, the number of people of open accounts who hold a role there today."""
    held = Q(in_force(_today(), "memberships__"), memberships__user__is_active=True)
    return Center.objects.annotate(
        members=Count("memberships__user", filter=held, distinct=True)
    ).order_by("code")


def find_center(public_id: uuid.UUID) -> Center | None:
    """The center of this public id, or None."""
    return Center.objects.filter(public_id=public_id).first()


def members_of(center: Center) -> list[MembershipLine]:
    """Everybody's memberships of the center: those that stand or come first, then the ended ones."""
    held = Membership.objects.filter(center=center).select_related("user", "center")
    return _lines(held.order_by("user__full_name", "starts_on", "id"))


def listed_people(filters: PeopleFilters) -> QuerySet[User]:
    """The accounts of people that pass, by name, each with `standing`: its memberships of today."""
    today = Membership.objects.filter(in_force(_today())).select_related("center")
    people = _people().prefetch_related(
        Prefetch("memberships", today.order_by("center__code", "role"), to_attr="standing")
    )
    if filters.name:
        people = people.filter(
            Q(full_name__icontains=filters.name) | Q(username__icontains=filters.name)
        )
    if filters.role or filters.center:
        people = people.filter(Exists(_held(filters)))
    if filters.state:
        people = people.filter(is_active=filters.state != "closed")
    if filters.state == "none":
        people = people.exclude(Exists(_held(PeopleFilters())))
    return people.order_by("full_name", "username")


def _held(filters: PeopleFilters) -> QuerySet[Membership]:
    """One membership of today with the role and at the center that are asked for."""
    held = Membership.objects.filter(in_force(_today()), user=OuterRef("pk"))
    if filters.role:
        held = held.filter(role=filters.role)
    if filters.center:
        held = held.filter(center__code=filters.center)
    return held


def find_person(public_id: uuid.UUID) -> User | None:
    """The account of this public id, or None; the system account belongs to nobody."""
    return _people().filter(public_id=public_id).first()


def memberships_of(user: User) -> list[MembershipLine]:
    """All memberships a person has or had: those that stand or come first, then the ended ones."""
    held = Membership.objects.filter(user=user).select_related("user", "center")
    return _lines(held.order_by("starts_on", "id"))


def find_membership(user: User, key: uuid.UUID) -> MembershipLine | None:
    """The person's membership of this key, or None."""
    return next((line for line in memberships_of(user) if line.key == key), None)


def _people() -> QuerySet[User]:
    return User.objects.exclude(pk=SYSTEM_USER_ID)


def _lines(held: QuerySet[Membership]) -> list[MembershipLine]:
    lines = [_line(membership) for membership in held]
    return sorted(lines, key=lambda line: line.standing == Standing.ENDED)


def _line(membership: Membership) -> MembershipLine:
    ends, today = membership.ends_on, _today()
    if ends is not None and (ends < today or ends < membership.starts_on):
        standing = Standing.ENDED
    elif membership.starts_on > today:
        standing = Standing.TO_COME
    else:
        standing = Standing.IN_FORCE
    never = ends is not None and ends < membership.starts_on
    return MembershipLine(membership, _key(membership), standing, never)


def _key(membership: Membership) -> uuid.UUID:
    """Made of what is unique about a person's membership and never changes: role, center, first day."""
    center = membership.center.public_id if membership.center else ""
    name = f"{membership.role} {center} {membership.starts_on.isoformat()}"
    return uuid.uuid5(membership.user.public_id, name)


def _today() -> date:
    return timezone.now().date()
