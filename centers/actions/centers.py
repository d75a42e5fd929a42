"""Centers are created, amended and closed here and nowhere else.

Every action needs the permission to manage centers, which administrators and the built-in system
account hold. Values are those of centers.csv in the data dictionary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Final, cast

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from centers.access import Scope, acting, set_reason
from centers.models import Center
from centers.roles import Permission

CenterValue = str | date | None
FIELDS: Final = (
    "code",
    "name",
    "city",
    "country",
    "irb_number",
    "irb_expiry",
    "activation_date",
    "status",
)
_DATES: Final = frozenset(("irb_expiry", "activation_date"))


def create_center(*, actor: Scope, values: Mapping[str, CenterValue], reason: str = "") -> Center:
    """Save a new center. `values` by the names of FIELDS; code and name are required.

    Raises ValidationError (a value is wrong, the code is taken) and PermissionDenied. The actor's
    own scope does not hold the new center: see Scope.with_center.
    """
    with _managing(actor, reason):
        center = Center()
        _set(center, values)
        center.full_clean()
        center.save(force_insert=True)
    return center


def amend_center(
    *, actor: Scope, center_id: int, values: Mapping[str, CenterValue], reason: str
) -> bool:
    """Change values of a saved center; False when they were so already (nothing is written).

    Raises ValidationError (also without a reason), PermissionDenied, Center.DoesNotExist.
    """
    with _managing(actor, reason):
        center = Center.objects.select_for_update().get(pk=center_id)
        changed = _set(center, values)
        if not changed:
            return False
        if not reason.strip():
            raise ValidationError(_("A change of a saved center needs a reason."), code="reason")
        center.full_clean()
        center.save(update_fields=changed)
    return True


def close_center(*, actor: Scope, center_id: int, reason: str) -> bool:
    """Set the center's status to closed; its records stay as they are. Errors as amend_center."""
    return amend_center(
        actor=actor, center_id=center_id, values={"status": "closed"}, reason=reason
    )


def reopen_center(*, actor: Scope, center_id: int, reason: str) -> bool:
    """Set the status of a closed center to active again. Errors as amend_center."""
    return amend_center(
        actor=actor, center_id=center_id, values={"status": "active"}, reason=reason
    )


@contextmanager
def _managing(actor: Scope, reason: str) -> Iterator[None]:
    actor.require(Permission.MANAGE_CENTERS)
    with acting(actor), transaction.atomic():
        set_reason(reason.strip())
        yield


def _set(center: Center, values: Mapping[str, CenterValue]) -> list[str]:
    """Put the values into the center; the names of those that differ from what it had."""
    unknown = set(values) - set(FIELDS)
    if unknown:
        raise ValueError(f"no fields of a center: {sorted(unknown)}")
    changed = []
    for name, given in values.items():
        # Texts are never NULL in this table: an empty cell is ''.
        value = given if name in _DATES else cast("str | None", given) or ""
        if getattr(center, name) != value:
            setattr(center, name, value)
            changed.append(name)
    return changed
