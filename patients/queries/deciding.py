"""What would decide: the single entry that resolves each unknown criterion, across records.

Who derives the criteria fills the slot; here the entries are grouped and led to their form.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.urls import reverse
from django.utils.translation import gettext_noop as _

from patients import slots
from patients.models import ROW_MODELS, Patient
from patients.rules.dictionary import COURSES, PATIENTS, RECORD_FORMS
from patients.slots import Decision

# What is to be entered -> its words, in the order of the page.
ENTRIES: Final = {
    "attestation": _("A contact that says whether there was systemic therapy"),
    "follow_up": _("A follow-up contact, alive"),
    "attestation_yes": _("A contact that attests systemic therapy, if there was any"),
    "adequate_negative": _("An assessment without progression"),
    "metastatic_date": _("The date of metastatic disease"),
    "given_cycle": _("A given cycle of HD IL-2"),
    "day_of_row": _("The day of a date that is known to the month or year"),
}


@dataclass(frozen=True, slots=True)
class Task:
    """One record and the entry that would decide, with the address of the form that takes it."""

    patient: Patient
    criterion: str
    sentence: str
    href: str


def decisions(center_ids: Collection[int]) -> list[Decision]:
    """Every entry that would decide an unknown of these centers' records."""
    return [
        found
        for find in slots.deciding
        for found in find(list(center_ids), None)
        if found.entry in ENTRIES
    ]


def decisions_of(patient: Patient) -> list[Task]:
    """The entries that would decide an unknown of one record."""
    found = [d for find in slots.deciding for d in find([patient.center_id], patient.pk)]
    return tasks_of([d for d in found if d.entry in ENTRIES], {patient.pk: patient})


def counted(found: Sequence[Decision]) -> dict[str, int]:
    """How many records wait for each kind of entry, in the order of ENTRIES."""
    waiting: dict[str, set[int]] = {entry: set() for entry in ENTRIES}
    for decision in found:
        waiting[decision.entry].add(decision.patient_id)
    return {entry: len(ids) for entry, ids in waiting.items() if ids}


def tasks_of(
    found: Sequence[Decision], patients: Mapping[int, Patient] | None = None
) -> list[Task]:
    """The decisions with their records and links; at most two queries and one a form."""
    if patients is None:
        wanted = {decision.patient_id for decision in found}
        records = Patient.objects.filter(id__in=wanted, retracted=False).select_related("center")
        patients = {record.pk: record for record in records}
    rows = _public_ids(found)
    return [
        Task(
            patients[decision.patient_id],
            decision.criterion,
            decision.sentence,
            _address(patients[decision.patient_id], decision, rows),
        )
        for decision in found
        if decision.patient_id in patients
    ]


def _public_ids(found: Sequence[Decision]) -> dict[tuple[str, int], uuid.UUID]:
    rows: dict[tuple[str, int], uuid.UUID] = {}
    for form in RECORD_FORMS[1:]:
        ids = [d.row_id for d in found if d.form == form.name and d.row_id is not None]
        if ids:
            named = ROW_MODELS[form.name]._default_manager.filter(pk__in=ids)
            rows |= {(form.name, key): pub for key, pub in named.values_list("pk", "public_id")}
    return rows


def _address(
    patient: Patient, decision: Decision, rows: Mapping[tuple[str, int], uuid.UUID]
) -> str:
    record = patient.public_id
    if decision.form == PATIENTS.name:
        return reverse("record_amend", args=[record])
    if decision.row_id is not None:
        row = rows.get((decision.form, decision.row_id))
        if row is None:
            return reverse("record_detail", args=[record])
        return reverse("row_amend", args=[record, decision.form, row])
    if decision.form == COURSES.name:
        return reverse("course_create", args=[record])
    return reverse("row_create", args=[record, decision.form])
