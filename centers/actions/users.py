"""Accounts and memberships are made and ended here and nowhere else.

Every action needs the permission to manage users, which administrators and the built-in system
account hold. Accounts are never deleted or reused; what a person may do lies in memberships, and
those end. The database writes the audit event of every change, without the password.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Final

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from centers.access import Scope, acting
from centers.models import Center, Membership, User
from centers.roles import REGISTRY_WIDE, Permission, Role

ONE_DAY: Final = timedelta(days=1)
_USERNAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]*")
# A person may hold any of these at several centers, one membership for each.
_NEEDS_CENTER: Final = frozenset(Role) - REGISTRY_WIDE - {Role.SYSTEM}


def create_user(
    *,
    actor: Scope,
    username: str,
    full_name: str,
    email: str = "",
    password: str | None = None,
    encoded_password: str = "",
    is_demo: bool = False,
) -> User:
    """Save a new account; without a password nobody can sign in until one is set by a link.

    `encoded_password`: a hash of make_password instead, for many accounts of one password.
    Raises ValidationError (a value is wrong, the user name is taken in any case of letters, the
    password is weak) and PermissionDenied.
    """
    actor.require(Permission.MANAGE_USERS)
    if not _USERNAME.fullmatch(username):
        raise ValidationError(
            {
                "username": "A user name has letters, digits and . _ @ + - only, a letter or digit first."
            }
        )
    user = User(username=username, full_name=full_name.strip(), email=email, is_demo=is_demo)
    if password is not None:
        validate_password(password, user)
        user.set_password(password)
    elif encoded_password:
        user.password = encoded_password
    else:
        user.set_unusable_password()
    with acting(actor), transaction.atomic():
        user.full_clean()
        user.save(force_insert=True)
    return user


def add_membership(
    *,
    actor: Scope,
    user_id: int,
    role: Role,
    center_id: int | None = None,
    starts_on: date | None = None,
    ends_on: date | None = None,
) -> Membership:
    """Give a person a role, at a center or (investigator, administrator) in the whole registry.

    `starts_on` is the UTC day of today by default, both days are included. Raises ValidationError (the
    role needs a center or has none, the end is before the start, the same membership exists),
    PermissionDenied, User.DoesNotExist, Center.DoesNotExist.
    """
    actor.require(Permission.MANAGE_USERS)
    if role in _NEEDS_CENTER and center_id is None:
        raise ValidationError(f"The role {role.label} is held at a center: name one.")
    if role in REGISTRY_WIDE and center_id is not None:
        raise ValidationError(f"The role {role.label} is held in the whole registry, at no center.")
    membership = Membership(role=role, starts_on=starts_on or _today(), ends_on=ends_on)
    if ends_on is not None and ends_on < membership.starts_on:
        raise ValidationError("A membership cannot end before it starts.")
    with acting(actor), transaction.atomic():
        membership.user = User.objects.get(pk=user_id)
        if center_id is not None:
            membership.center = Center.objects.get(pk=center_id)
        membership.clean_fields(exclude=() if center_id is not None else ("center",))
        membership.validate_constraints()
        membership.save(force_insert=True)
    return membership


def end_membership(*, actor: Scope, membership_id: int, ends_on: date | None = None) -> bool:
    """Let a membership end; `ends_on` is its last day, by default yesterday, so that it ends at once.

    False when it ends so already. A membership that starts today or later then never was: its last
    day is the one before its start. Raises ValidationError (an end before that), PermissionDenied,
    Membership.DoesNotExist.
    """
    actor.require(Permission.MANAGE_USERS)
    with acting(actor), transaction.atomic():
        membership = Membership.objects.select_for_update().get(pk=membership_id)
        never = membership.starts_on - ONE_DAY
        last = ends_on or max(_today() - ONE_DAY, never)
        if membership.ends_on == last:
            return False
        if last < never:
            raise ValidationError("A membership cannot end before it starts.")
        membership.ends_on = last
        membership.save(update_fields=["ends_on"])
    return True


def _today() -> date:
    return timezone.now().date()
