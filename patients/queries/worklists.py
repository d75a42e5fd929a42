"""The list of locks: which records are to be verified, signed or locked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext_noop as _

from patients.models import Lock, Patient, Signature
from patients.queries.signatures import APPROVED, VERIFIED

# Filter value -> its words, and the records that it keeps.
STATES: Final = {
    "unsigned": (_("To verify and sign"), Q(is_signed=False)),
    "verified": (_("Verified, not signed"), Q(is_verified=True, is_signed=False)),
    "signed": (_("Signed"), Q(is_signed=True)),
    "broken": (_("Signature broken"), Q(is_broken=True)),
    "locked": (_("Locked"), Q(is_locked=True)),
    "unlocked": (_("Not locked"), Q(is_locked=False)),
}


@dataclass(frozen=True, slots=True)
class LockFilters:
    """Filters of the list of locks; what is not on the allow-lists counts as not given."""

    state: str = ""
    center: str = ""

    @classmethod
    def read(cls, query: Mapping[str, Any], centers: Collection[str]) -> LockFilters:
        """From the page's address. `centers`: codes the reader may choose."""
        state, center = str(query.get("state", "")), str(query.get("center", ""))
        return cls(state if state in STATES else "", center if center in centers else "")


def records_by_state(center_ids: Collection[int]) -> QuerySet[Patient]:
    """Standing records of these centers, annotated is_verified, is_signed, is_broken, is_locked."""
    of_record = Signature.objects.filter(patient=OuterRef("pk"))
    standing = of_record.filter(broken_at=None)
    broken = of_record.exclude(broken_at=None)
    locks = Lock.objects.filter(patient=OuterRef("pk"), unlocked_at=None)
    return (
        Patient.objects.filter(retracted=False, center_id__in=center_ids)
        .annotate(
            is_verified=Exists(standing.filter(meaning=VERIFIED)),
            is_signed=Exists(standing.filter(meaning=APPROVED)),
            is_locked=Exists(locks),
            was_verified=Exists(broken.filter(meaning=VERIFIED)),
            was_signed=Exists(broken.filter(meaning=APPROVED)),
        )
        .annotate(
            is_broken=Q(was_verified=True, is_verified=False) | Q(was_signed=True, is_signed=False)
        )
    )


def narrowed(records: QuerySet[Patient], filters: LockFilters) -> QuerySet[Patient]:
    """The records that pass, by registry number, with what a line of the list shows."""
    if filters.center:
        records = records.filter(center__code=filters.center)
    if filters.state:
        records = records.filter(STATES[filters.state][1])
    return records.select_related("center").order_by("registry_number")


def count_states(records: QuerySet[Patient], center: str) -> dict[str, int]:
    """How many records each state's filter would keep, in one query."""
    chosen = records.filter(center__code=center) if center else records
    return chosen.aggregate(
        **{state: Count("pk", filter=condition) for state, (__, condition) in STATES.items()}
    )
