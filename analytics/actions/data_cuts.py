"""Making, naming and locking data cuts, and showing that one still comes out as it was."""

from __future__ import annotations

from datetime import date
from typing import Final

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from analytics.derivation.engine import DEFAULT_VARIANT, RULE_SET
from analytics.models import DataCut
from analytics.queries.data_cuts import CUT_COLUMNS, Row, content_hash, cut_rows, seal_of
from analytics.queries.known import Seal, seal_before
from centers.access import Scope, acting, one_snapshot, pooled, set_reason
from centers.roles import Permission
from centers.sealing import SealedMeanwhile, head, seal_events

WORKER = "worker"
LOCKED: Final = gettext_noop("The cut is locked: its name stays.")
TAKEN: Final = gettext_noop("There is a data cut of that name: choose another.")


def make_cut(*, actor: Scope, name: str, cutoff: date, using: str = WORKER) -> DataCut:
    """Seal what is committed, derive every record as known then, and keep the hash of the rows.

    Raises ValidationError (name empty, too long or taken; nothing to seal) and PermissionDenied.
    """
    actor.require(Permission.CUT_DATA)
    name = _name(name)
    number = _sealed(using)
    if number is None:
        raise ValidationError(_("The registry is empty: there is nothing to cut."))
    with acting(pooled(actor)), one_snapshot(), transaction.atomic(using=using):
        _refuse_taken(name, using)
        seal = seal_before(number, using)
        rows = cut_rows(seal, cutoff, using)
        return DataCut.objects.using(using).create(
            name=name,
            cutoff=cutoff,
            seal=seal.number,
            seal_hash=seal.hash,
            rule_set=RULE_SET,
            records=len({row[0] for row in rows}),
            content_hash=content_hash(rows),
            code_version=settings.VERSION,
            made_by_id=actor.actor_id,
            sizes=_sizes(rows),
        )


def _sealed(using: str) -> int | None:
    """The number of a seal of what is committed. Raises ValidationError."""
    try:
        return seal_events(using)
    except SealedMeanwhile:
        raise ValidationError(
            _("The audit trail was sealed at this very moment. Make the cut again.")
        ) from None


def rename_cut(*, actor: Scope, cut: DataCut, name: str, reason: str) -> None:
    """Another name, until the cut is locked. Raises ValidationError and PermissionDenied."""
    actor.require(Permission.CUT_DATA)
    name = _name(name)
    with acting(actor), transaction.atomic():
        _refuse_locked(cut)
        if name != cut.name:
            _refuse_taken(name, "default")
        set_reason(reason)
        DataCut.objects.filter(pk=cut.pk).update(name=name)


def lock_cut(*, actor: Scope, cut: DataCut, reason: str) -> None:
    """From now on nothing of the cut changes, its name included. Raises ValidationError."""
    actor.require(Permission.CUT_DATA)
    with acting(actor), transaction.atomic():
        _refuse_locked(cut)
        set_reason(reason)
        DataCut.objects.filter(pk=cut.pk).update(
            locked_at=timezone.now(), locked_by_id=actor.actor_id
        )


def reproduce(cut: DataCut, using: str = WORKER) -> list[str]:
    """What is wrong with a cut when it is derived again: nothing, or sentences saying what differs.

    In the scope of whoever sees all records.
    """
    wrong = []
    newest = head(using)
    if newest is None or newest.number < cut.seal:
        return [
            _("Seal %(seal)s is gone: the audit trail was cut. Run verify_audit.")
            % {"seal": cut.seal}
        ]
    seal: Seal = seal_before(cut.seal, using)
    if seal.hash != cut.seal_hash:
        wrong.append(
            _("Seal %(seal)s is another one than at the time. Run verify_audit.")
            % {"seal": cut.seal}
        )
    if cut.rule_set != RULE_SET:
        wrong.append(
            _("The cut was made with rule set %(rule_set)s; this is rule set %(now)s.")
            % {"rule_set": cut.rule_set, "now": RULE_SET}
        )
    if content_hash(cut_rows(seal_of(cut), cut.cutoff, using)) != cut.content_hash:
        wrong.append(_("The rows differ from those that were cut."))
    return wrong


def _name(text: str) -> str:
    name = text.strip()
    if not 1 <= len(name) <= 100:
        raise ValidationError(_("A data cut needs a name of 1 to 100 characters."))
    return name


def _refuse_taken(name: str, using: str) -> None:
    if DataCut.objects.using(using).filter(name=name).exists():
        raise ValidationError(TAKEN)


def _refuse_locked(cut: DataCut) -> None:
    if DataCut.objects.select_for_update().get(pk=cut.pk).locked_at is not None:
        raise ValidationError(LOCKED)


def _sizes(rows: list[Row]) -> dict[str, dict[str, int]]:
    """Treated and eligible records of each index disease."""
    sizes: dict[str, dict[str, int]] = {}
    for row in rows:
        named = dict(zip(CUT_COLUMNS, row, strict=True))
        if named["variant"] != DEFAULT_VARIANT or named["t0"] is None:
            continue
        for name, counts in (("treated", True), ("eligible", named["eligible"] == "yes")):
            cell = sizes.setdefault(name, {"melanoma": 0, "renal_cell": 0})
            if named["disease"] in cell:
                cell[named["disease"]] += int(counts)
    return sizes
