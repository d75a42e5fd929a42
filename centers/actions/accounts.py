"""What happens to an account's proofs and sessions: password, second factors, recovery codes.

A person changes their own; administrators end sessions and take away second factors of others.
"""

from __future__ import annotations

import uuid

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from centers.access import Scope, acting, set_reason
from centers.account.factors import FIRST
from centers.audit import EventKind, record_event
from centers.models import Session, User
from centers.roles import Permission


def end_sessions(*, actor: Scope, user_id: int) -> int:
    """Sign a person out everywhere, at once; answers how many sessions that were.

    Raises PermissionDenied, User.DoesNotExist.
    """
    actor.require(Permission.MANAGE_USERS)
    with acting(actor), transaction.atomic():
        user = User.objects.get(pk=user_id)
        ended: int = user.sessions.all().delete()[0]
        record_event(EventKind.SIGN_OUT, {"account": user.pk, "sessions": ended})
    return ended


def reset_second_factor(*, actor: Scope, user_id: int, reason: str) -> int:
    """Take away a person's second factors, recovery codes and links to a hospital's account.

    Their sessions end. For who lost a telephone or has a new account at the hospital; where a role
    asks for a second factor, the next sign-in sets one up. Answers how many factors were taken. Raises ValidationError (no reason, one's own account),
    PermissionDenied, User.DoesNotExist.
    """
    actor.require(Permission.MANAGE_USERS)
    if not reason.strip():
        raise ValidationError({"reason": _("Say why: the audit trail keeps the reason.")})
    if actor.actor_id == user_id:
        raise ValidationError(_("This is your own account. Ask another administrator."), code="own")
    with acting(actor), transaction.atomic():
        set_reason(reason.strip())
        user = User.objects.select_for_update().get(pk=user_id)
        taken: int = Authenticator.objects.filter(user_id=user.pk).delete()[0]
        user.identities.all().delete()
        record_event(EventKind.MFA, {"account": user.pk, "factors_taken": taken})
        user.sessions.all().delete()
    return taken


def change_password(*, actor: Scope, password: str, kept_session: str | None) -> User:
    """A new password of one's own; every other session ends. The caller has checked the old one.

    Answers the account as it is now, whose session keeps on with Django's update_session_auth_hash.
    """
    with acting(actor), transaction.atomic():
        user = User.objects.select_for_update().get(pk=actor.actor_id)
        user.set_password(password)
        user.save(update_fields=["password"])
        user.sessions.exclude(session_key=kept_session).delete()
    return user


def end_own_sessions(
    *, actor: Scope, kept_session: str | None, public_id: uuid.UUID | None = None
) -> int:
    """End one session of one's own, or (None) all but the one in use; answers how many ended."""
    with acting(actor), transaction.atomic():
        found = Session.objects.filter(user_id=actor.actor_id).exclude(session_key=kept_session)
        if public_id is not None:
            found = found.filter(public_id=public_id)
        ended, _ = found.delete()
        if ended:
            record_event(EventKind.SIGN_OUT, {"account": actor.actor_id, "sessions": ended})
    return ended


def remove_factor(*, actor: Scope, factor_id: int) -> bool:
    """Remove an authenticator app or a passkey of one's own; with the last one go the recovery codes.

    False when there is no such factor.
    """
    with acting(actor), transaction.atomic():
        own = Authenticator.objects.select_for_update().filter(user_id=actor.actor_id)
        removed, _ = own.filter(pk=factor_id, type__in=FIRST).delete()
        if removed and not own.filter(type__in=FIRST).exists():
            own.delete()
    return bool(removed)


def new_recovery_codes(*, actor: Scope) -> list[str]:
    """Ten new codes, each good once; the old ones are gone. Raises ValidationError: no second factor."""
    with acting(actor), transaction.atomic():
        user = User.objects.select_for_update().get(pk=actor.actor_id)
        own = Authenticator.objects.filter(user_id=user.pk)
        if not own.filter(type__in=FIRST).exists():
            raise ValidationError(
                _("Recovery codes stand in for a second factor: set one up first.")
            )
        own.filter(type=Authenticator.Type.RECOVERY_CODES).delete()
        codes: list[str] = RecoveryCodes.activate(user).generate_codes()
    return codes
