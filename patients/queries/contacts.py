"""Keeping in touch: the day of the next contact, who is overdue, and the attempts to reach a patient.

The rule stands in the view `patients_contact_due` (docs/follow-up.md) and nowhere else.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery

from patients.models import ContactAttempt, ContactDue, Patient, Reminder

# Days ahead that the list of due contacts shows beside what is overdue.
SOON: Final = 30


def due_days(patient_ids: Collection[int]) -> dict[int, date]:
    """The day of the next contact by patient id; none for records that are not under follow-up."""
    found = ContactDue.objects.filter(patient_id__in=list(patient_ids))
    return dict(found.values_list("patient_id", "due_on"))


@dataclass(frozen=True, slots=True)
class DueLine:
    """A record with the day of its next contact and the last attempt to reach the patient."""

    patient: Patient
    due_on: date
    last_contact: date | None
    attempt: ContactAttempt | None
    today: date

    @property
    def days_late(self) -> int:
        """Days since the contact was due; below one when it is not overdue."""
        return (self.today - self.due_on).days


def due_until(day: date, center_ids: Collection[int]) -> QuerySet[ContactDue]:
    """Records of these centers whose next contact is due on or before the day, the latest first."""
    found = ContactDue.objects.filter(center_id__in=center_ids, due_on__lte=day)
    last = ContactAttempt.objects.filter(patient=OuterRef("patient"), retracted=False)
    newest = last.order_by("-attempted_on", "-id").values("id")[:1]
    return (
        found.select_related("patient", "patient__center")
        .annotate(last_attempt=Subquery(newest))
        .order_by("due_on", "patient__registry_number")
    )


def count_due(today: date, center_ids: Collection[int]) -> tuple[int, int]:
    """How many records of these centers are overdue, and how many more are due soon; one query."""
    counts = ContactDue.objects.filter(center_id__in=center_ids).aggregate(
        overdue=Count("pk", filter=Q(due_on__lt=today)),
        soon=Count("pk", filter=Q(due_on__gte=today, due_on__lte=soon(today))),
    )
    return counts["overdue"], counts["soon"]


def due_day(patient_id: int) -> date | None:
    """The day of a record's next contact; None when it is not under follow-up."""
    return due_days([patient_id]).get(patient_id)


def wants_reminder(user_id: int) -> bool:
    """Whether the person gets the weekly mail; who never said gets it."""
    found = Reminder.objects.filter(user_id=user_id).values_list("is_wanted", flat=True).first()
    return found is not False


def due_lines(page: Collection[ContactDue], today: date) -> list[DueLine]:
    """The lines of a page of `due_until`; one query more."""
    ids = [attempt for due in page if (attempt := getattr(due, "last_attempt", None))]
    attempts = ContactAttempt.objects.in_bulk(ids)
    return [
        DueLine(
            due.patient,
            due.due_on,
            due.last_contact,
            attempts.get(getattr(due, "last_attempt", None) or 0),
            today,
        )
        for due in page
    ]


def soon(today: date) -> date:
    """The last day that counts as due soon."""
    return today + timedelta(days=SOON)


def attempts_of(patient_id: int) -> list[ContactAttempt]:
    """Every attempt to reach the patient of a record, the newest first, retracted ones included."""
    found = ContactAttempt.objects.filter(patient_id=patient_id).select_related("made_by")
    return list(found.order_by("-attempted_on", "-id"))
