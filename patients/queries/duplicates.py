"""Pairs of records of two centers that may be one person: for data managers, and nobody else.

The database compares (`patients_duplicates_across_centers`) and refuses every other role.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Final

from django.db import connection
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from patients.models import Cycle, DuplicateReview, Patient
from patients.partial_dates import PartialDate

OPEN: Final = "open"
STATES: Final = {
    OPEN: gettext_noop("To assess"),
    "same": gettext_noop("Same person"),
    "different": gettext_noop("Different persons"),
}


@dataclass(frozen=True, slots=True)
class Pair:
    """Two records of two centers, what agrees, and what a data manager found of them."""

    first: Patient
    second: Patient
    same_person: bool
    same_treatment: bool
    review: DuplicateReview | None

    @property
    def agreeing(self) -> list[str]:
        """What agrees, in words that identify nobody."""
        found = [_("initials and date of birth")] if self.same_person else []
        if self.same_treatment:
            found.append(_("date of birth, sex and first HD IL-2 day"))
        return found

    @property
    def state(self) -> str:
        """One of STATES."""
        return self.review.verdict if self.review else OPEN


def duplicate_pairs() -> list[Pair]:
    """Every pair of records that stand, by registry number. Three queries."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select first_id, second_id, same_person, same_treatment"
            " from patients_duplicates_across_centers()"
        )
        rows = cursor.fetchall()
    patients = _patients({row[0] for row in rows} | {row[1] for row in rows})
    reviews = {(r.first_id, r.second_id): r for r in _reviews(set(patients))}
    pairs = [
        Pair(patients[one], patients[other], person, treatment, reviews.get((one, other)))
        for one, other, person, treatment in rows
        if one in patients and other in patients
    ]
    return sorted(pairs, key=lambda pair: (pair.first.registry_number, pair.second.registry_number))


def find_pair(first: uuid.UUID, second: uuid.UUID) -> Pair | None:
    """The pair of these two records, in the order of the list; None when they are none."""
    return next(
        (
            p
            for p in duplicate_pairs()
            if (p.first.public_id, p.second.public_id) == (first, second)
        ),
        None,
    )


def first_cycles(*patients: Patient) -> dict[int, PartialDate | None]:
    """The day of the first given HD IL-2 cycle of each record."""
    found: dict[int, PartialDate | None] = {patient.pk: None for patient in patients}
    cycles = Cycle.objects.filter(patient_id__in=list(found), retracted=False).exclude(
        doses_given=0
    )
    for patient_id, start in cycles.values_list("patient_id", "start_date"):
        before = found[patient_id]
        if before is None or start.point < before.point:
            found[patient_id] = start
    return found


def _patients(ids: set[int]) -> dict[int, Patient]:
    return {p.pk: p for p in Patient.objects.filter(id__in=ids).select_related("center")}


def _reviews(ids: set[int]) -> QuerySet[DuplicateReview]:
    return DuplicateReview.objects.filter(first_id__in=ids).select_related("reviewed_by")
