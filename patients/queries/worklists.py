"""Worklists across records: what is to be verified, signed or locked, and which queries are open."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from patients.models import Lock, Patient, Query, Signature
from patients.queries.signatures import APPROVED, VERIFIED

# Filter value -> its words, and the records that it keeps.
STATES: Final = {
    "unsigned": ("To verify and sign", Q(is_signed=False)),
    "verified": ("Verified, not signed", Q(is_verified=True, is_signed=False)),
    "signed": ("Signed", Q(is_signed=True)),
    "broken": ("Signature broken", Q(is_broken=True)),
    "locked": ("Locked", Q(is_locked=True)),
    "unlocked": ("Not locked", Q(is_locked=False)),
}
# Filter value -> its words, and the least age in days.
AGES: Final = {
    "30": ("Over 30 days", 30),
    "90": ("Over 90 days", 90),
    "365": ("Over one year", 365),
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


@dataclass(frozen=True, slots=True)
class QueryFilters:
    """Filters of the list of open queries, from allow-lists too."""

    center: str = ""
    check: str = ""
    age: str = ""

    @classmethod
    def read(
        cls, query: Mapping[str, Any], centers: Collection[str], checks: Collection[str]
    ) -> QueryFilters:
        """From the page's address. `checks`: ids of the checks that have open queries."""
        center, check = str(query.get("center", "")), str(query.get("check", ""))
        age = str(query.get("age", ""))
        return cls(
            center if center in centers else "",
            check if check in checks else "",
            age if age in AGES else "",
        )


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
        **{state: Count("pk", filter=condition) for state, (_, condition) in STATES.items()}
    )


def open_queries(center_ids: Collection[int]) -> QuerySet[Query]:
    """Open queries about standing records of these centers, the oldest first."""
    found = Query.objects.filter(closed_at=None, center_id__in=center_ids, patient__retracted=False)
    return found.select_related("center", "patient", "opened_by").order_by("opened_at", "id")


def open_queries_of(patient_id: int) -> list[Query]:
    """Open queries about one record, the oldest first."""
    found = Query.objects.filter(patient_id=patient_id, closed_at=None)
    return list(found.order_by("opened_at", "id"))


def open_checks(center_ids: Collection[int]) -> list[str]:
    """Ids of the checks that have open queries."""
    found = open_queries(center_ids).order_by("check_id").values_list("check_id", flat=True)
    return list(found.distinct())


def passing(queries: QuerySet[Query], filters: QueryFilters) -> QuerySet[Query]:
    """The queries that pass the filters."""
    if filters.center:
        queries = queries.filter(center__code=filters.center)
    if filters.check:
        queries = queries.filter(check_id=filters.check)
    if filters.age:
        before: datetime = timezone.now() - timedelta(days=AGES[filters.age][1])
        queries = queries.filter(opened_at__lt=before)
    return queries


def find_query(public_id: uuid.UUID, center_ids: Collection[int]) -> Query | None:
    """A query, open or closed, about a standing record of these centers."""
    found = Query.objects.filter(
        public_id=public_id, center_id__in=center_ids, patient__retracted=False
    )
    return found.select_related(
        "center", "patient", "patient__center", "patient__version_row", "closed_by"
    ).first()
