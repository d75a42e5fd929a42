"""Making data cuts, and showing that one still comes out as it was."""

from __future__ import annotations

from datetime import date

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction

from analytics.derivation.engine import RULE_SET
from analytics.models import DataCut
from analytics.queries.data_cuts import content_hash, cut_rows, seal_of
from analytics.queries.known import Seal, seal_before
from centers.access import Scope, acting
from centers.roles import Permission
from centers.sealing import head, seal_events

WORKER = "worker"


def make_cut(*, actor: Scope, name: str, cutoff: date) -> DataCut:
    """Seal what is committed, derive every record as known then, and keep the hash of the rows.

    Raises ValidationError (name empty, too long or taken; nothing to seal) and PermissionDenied.
    """
    actor.require(Permission.VIEW_COHORT)
    name = name.strip()
    if not 1 <= len(name) <= 100:
        raise ValidationError("A data cut needs a name of 1 to 100 characters.")
    number = seal_events(WORKER)
    if number is None:
        raise ValidationError("The registry is empty: there is nothing to cut.")
    with acting(actor):
        seal = seal_before(number, WORKER)
        rows = cut_rows(seal, cutoff, WORKER)
        with transaction.atomic(using=WORKER):
            if DataCut.objects.using(WORKER).filter(name=name).exists():
                raise ValidationError("There is a data cut of that name: choose another.")
            return DataCut.objects.using(WORKER).create(
                name=name,
                cutoff=cutoff,
                seal=seal.number,
                seal_hash=seal.hash,
                rule_set=RULE_SET,
                records=len({row[0] for row in rows}),
                content_hash=content_hash(rows),
                code_version=settings.VERSION,
                made_by_id=actor.actor_id,
            )


def reproduce(cut: DataCut) -> list[str]:
    """What is wrong with a cut when it is derived again: nothing, or sentences saying what differs."""
    wrong = []
    newest = head(WORKER)
    if newest is None or newest.number < cut.seal:
        return [f"Seal {cut.seal} is gone: the audit trail was cut. Run verify_audit."]
    seal: Seal = seal_before(cut.seal, WORKER)
    if seal.hash != cut.seal_hash:
        wrong.append(f"Seal {cut.seal} is another one than at the time. Run verify_audit.")
    if cut.rule_set != RULE_SET:
        wrong.append(f"The cut was made with rule set {cut.rule_set}; this is rule set {RULE_SET}.")
    if content_hash(cut_rows(seal_of(cut), cut.cutoff, WORKER)) != cut.content_hash:
        wrong.append("The rows differ from those that were cut.")
    return wrong
