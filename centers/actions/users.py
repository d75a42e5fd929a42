"""Accounts and memberships are made and ended here and nowhere else.

Every action needs the permission to manage users, which administrators and the built-in system
account hold. Accounts are never deleted or reused; what a person may do lies in memberships, and
those end. The database writes the audit event of every change, without the password, with the
reason that the action was given.

Nobody changes an account of their own here, and one administrator always remains; only the system
account, which is the command line, is free of both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Final, TypedDict

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from centers.access import Scope, acting, set_reason
from centers.invitations import invitation_path
from centers.models import SYSTEM_USER_ID, Center, Membership, User, in_force
from centers.roles import REGISTRY_WIDE, Permission, Role

ONE_DAY: Final = timedelta(days=1)
_USERNAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]*")
# A person may hold any of these at several centers, one membership for each.
_NEEDS_CENTER: Final = frozenset(Role) - REGISTRY_WIDE - {Role.SYSTEM}
# What the reason of a link's event begins with: the change itself, a password, is not in the event.
LINK_REASON: Final = "New one-time link: "


def create_user(
    *,
    actor: Scope,
    username: str,
    full_name: str,
    email: str = "",
    password: str | None = None,
    encoded_password: str = "",
    is_demo: bool = False,
    reason: str = "",
) -> User:
    """Save a new account; without a password nobody can sign in until one is set by a link.

    `encoded_password`: a hash of make_password instead, for many accounts of one password.
    Raises ValidationError (a value is wrong, the user name is taken in any case of letters, the
    password is weak) and PermissionDenied.
    """
    actor.require(Permission.MANAGE_USERS)
    _check_username(username)
    user = User(username=username, full_name=full_name.strip(), email=email, is_demo=is_demo)
    if password is not None:
        validate_password(password, user)
        user.set_password(password)
    elif encoded_password:
        user.password = encoded_password
    else:
        user.set_unusable_password()
    with _managing(actor, reason):
        user.full_clean()
        user.save(force_insert=True)
    return user


class FirstMembership(TypedDict):
    """What a new account is to be: the arguments of add_membership."""

    role: Role
    center_id: int | None
    starts_on: date | None
    ends_on: date | None


def invite_user(
    *,
    actor: Scope,
    username: str,
    full_name: str,
    email: str,
    membership: FirstMembership,
    reason: str,
) -> tuple[User, str]:
    """A new account with its first membership, and the path of the link to set a password.

    Raises as create_user and add_membership do; then nothing is saved.
    """
    with _managing(actor, _needed(reason)):
        user = create_user(
            actor=actor, username=username, full_name=full_name, email=email, reason=reason
        )
        add_membership(actor=actor, user_id=user.pk, reason=reason, **membership)
        return user, invitation_path(user)


def amend_user(*, actor: Scope, user_id: int, full_name: str, email: str, reason: str) -> bool:
    """Change how a person is named and written to; False when it was so already.

    Raises ValidationError (a value is wrong, no reason, one's own account), PermissionDenied,
    User.DoesNotExist.
    """
    with _managing_account(actor, user_id, reason) as user:
        if (user.full_name, user.email) == (full_name.strip(), email):
            return False
        user.full_name, user.email = full_name.strip(), email
        user.full_clean()
        user.save(update_fields=["full_name", "email"])
    return True


def deactivate_user(*, actor: Scope, user_id: int, reason: str) -> bool:
    """Close an account: nobody signs in with it, its sessions, links and API tokens are refused.

    Password, second factors and links to a hospital's account go too, so that nothing of before works
    again once the account is reactivated.
    False when it was closed already. Raises ValidationError (no reason, one's own account, the last
    administrator), PermissionDenied, User.DoesNotExist.
    """
    with _managing_account(actor, user_id, reason) as user:
        if not user.is_active:
            return False
        _keep_an_administrator(actor, user_id, _today())
        user.is_active = False
        user.set_unusable_password()
        user.save(update_fields=["is_active", "password"])
        Authenticator.objects.filter(user_id=user.pk).delete()
        user.identities.all().delete()
        user.sessions.all().delete()
    return True


def reactivate_user(*, actor: Scope, user_id: int, reason: str) -> bool:
    """Open a closed account again; its person needs a new link. False when it is open.

    Raises ValidationError (no reason, one's own account), PermissionDenied, User.DoesNotExist.
    """
    with _managing_account(actor, user_id, reason) as user:
        if user.is_active:
            return False
        user.is_active = True
        user.save(update_fields=["is_active"])
    return True


def renew_link(*, actor: Scope, user_id: int, reason: str) -> str:
    """The path of a new one-time link; the old password, older links and sessions end at once.

    So whoever makes a link to enter another's account is noticed, and the event tells who it was.
    Raises ValidationError (no reason, one's own account, a closed one), PermissionDenied,
    User.DoesNotExist.
    """
    with _managing_account(actor, user_id, f"{LINK_REASON}{_needed(reason)}") as user:
        if not user.is_active:
            raise ValidationError(_("The account is closed: reactivate it first."))
        user.set_unusable_password()
        user.save(update_fields=["password"])
        user.sessions.all().delete()
        return invitation_path(user)


def add_membership(
    *,
    actor: Scope,
    user_id: int,
    role: Role,
    center_id: int | None = None,
    starts_on: date | None = None,
    ends_on: date | None = None,
    reason: str = "",
) -> Membership:
    """Give a person a role, at a center or (REGISTRY_WIDE) in the whole registry.

    `starts_on` is the UTC day of today by default, both days are included. Raises ValidationError (the
    role needs a center or has none, the end is before the start, the same membership exists, it would
    be one's own), PermissionDenied, User.DoesNotExist, Center.DoesNotExist.
    """
    actor.require(Permission.MANAGE_USERS)
    _refuse_own(actor, user_id)
    if role in _NEEDS_CENTER and center_id is None:
        raise ValidationError(
            _("The role %(label)s is held at a center: name one.") % {"label": _(role.label)}
        )
    if role in REGISTRY_WIDE and center_id is not None:
        raise ValidationError(
            _("The role %(label)s is held in the whole registry, at no center.")
            % {"label": _(role.label)}
        )
    membership = Membership(role=role, starts_on=starts_on or _today(), ends_on=ends_on)
    if ends_on is not None and ends_on < membership.starts_on:
        raise ValidationError(_("A membership cannot end before it starts."))
    with _managing(actor, reason):
        membership.user = User.objects.get(pk=user_id)
        if center_id is not None:
            membership.center = Center.objects.get(pk=center_id)
        _refuse_twice(membership)
        membership.clean_fields(exclude=() if center_id is not None else ("center",))
        membership.validate_constraints()
        membership.save(force_insert=True)
    return membership


def end_membership(
    *, actor: Scope, membership_id: int, ends_on: date | None = None, reason: str = ""
) -> bool:
    """Let a membership end; `ends_on` is its last day, by default yesterday, so that it ends at once.

    False when it ends so already. A membership that starts today or later then never was: its last
    day is the one before its start. Raises ValidationError (an end before that, one's own membership,
    the last administrator's), PermissionDenied, Membership.DoesNotExist.
    """
    with _managing(actor, reason):
        membership = Membership.objects.select_for_update().get(pk=membership_id)
        _refuse_own(actor, membership.user_id)
        never = membership.starts_on - ONE_DAY
        last = ends_on or max(_today() - ONE_DAY, never)
        if membership.ends_on == last:
            return False
        if last < never:
            raise ValidationError(_("A membership cannot end before it starts."))
        if membership.role == Role.ADMINISTRATOR:
            _lock_administrators()
            _keep_an_administrator(actor, membership.user_id, last + ONE_DAY)
        membership.ends_on = last
        membership.save(update_fields=["ends_on"])
    return True


@contextmanager
def _managing(actor: Scope, reason: str) -> Iterator[None]:
    actor.require(Permission.MANAGE_USERS)
    with acting(actor), transaction.atomic():
        set_reason(reason.strip())
        yield


@contextmanager
def _managing_account(actor: Scope, user_id: int, reason: str) -> Iterator[User]:
    """A saved account, locked, for a change that needs a reason; never the system account."""
    with _managing(actor, _needed(reason)):
        _refuse_own(actor, user_id)
        _lock_administrators()
        yield User.objects.exclude(pk=SYSTEM_USER_ID).select_for_update().get(pk=user_id)


def _needed(reason: str) -> str:
    if not reason.strip():
        raise ValidationError({"reason": _("Say why: the audit trail keeps the reason.")})
    return reason


def _refuse_own(actor: Scope, user_id: int) -> None:
    """Segregation of duties: what one may do is decided by somebody else."""
    if actor.actor_id == user_id != SYSTEM_USER_ID:
        raise ValidationError(
            _("This is your own account. Ask another administrator to change it."), code="own"
        )


def _check_username(username: str) -> None:
    if not _USERNAME.fullmatch(username):
        problem = _("A user name has letters, digits and . _ @ + - only, a letter or digit first.")
    elif User.objects.filter(username__iexact=username).exists():
        problem = _("This user name is taken, perhaps by a closed account. Choose another.")
    else:
        return
    raise ValidationError({"username": problem})


def _refuse_twice(membership: Membership) -> None:
    same = Membership.objects.filter(
        user=membership.user,
        center=membership.center,
        role=membership.role,
        starts_on=membership.starts_on,
    )
    if same.exists():
        problem = _(
            "A membership of this role with this first day exists. Choose another first day."
        )
        raise ValidationError({"starts_on": problem})


def _lock_administrators() -> None:
    """Locks their accounts, always in one order, so that two cannot end each other at once."""
    held = Membership.objects.filter(role=Role.ADMINISTRATOR)
    ids = list(held.values_list("user_id", flat=True))
    list(User.objects.select_for_update().filter(pk__in=ids).order_by("pk"))


def _keep_an_administrator(actor: Scope, user_id: int, day: date) -> None:
    """Refuses to leave the registry, on `day`, without another administrator of an open account."""
    if actor.actor_id == SYSTEM_USER_ID:
        return
    held = Membership.objects.filter(in_force(_today()), role=Role.ADMINISTRATOR)
    if not held.filter(user_id=user_id).exists():
        return
    others = held.filter(in_force(day), user__is_active=True).exclude(user_id=user_id)
    if not settings.DEMO:
        others = others.filter(user__is_demo=False)
    if not others.exists():
        raise ValidationError(
            _("This is the last administrator. Make somebody else an administrator first."),
            code="last",
        )


def _today() -> date:
    return timezone.now().date()
