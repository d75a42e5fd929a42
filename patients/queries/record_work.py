"""What waits in one record: entries that would decide, forms to complete, the next contact."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext

from patients.models import Patient
from patients.queries.contacts import due_day
from patients.queries.deciding import Task, decisions_of
from patients.queries.record_page import RecordView
from patients.rules.completeness import gaps_by_form
from patients.rules.dictionary import FORMS, Form


@dataclass(frozen=True, slots=True)
class RecordWork:
    """The worklist of a record. `gaps`: a form and the labels of the fields that it lacks."""

    tasks: list[Task]
    gaps: list[tuple[Form, list[str]]]
    due: date | None


def record_work(patient: Patient, view: RecordView) -> RecordWork:
    """Two queries beside the record itself."""
    found = gaps_by_form(view.state)
    gaps = [(FORMS[form], sorted(map(gettext, labels))) for form, labels in found.items()]
    return RecordWork(decisions_of(patient), gaps, due_day(patient.pk))
