"""Keeping which records a person opened last."""

from __future__ import annotations

from django.utils import timezone

from centers.access import Scope
from patients.models import Patient, Visit


def note_visit(*, actor: Scope, patient: Patient) -> None:
    """The record is now the one that the actor opened last. Runs in the page's transaction."""
    visit = Visit(
        center_id=patient.center_id,
        user_id=actor.actor_id,
        patient_id=patient.pk,
        visited_at=timezone.now(),
    )
    Visit.objects.bulk_create(
        [visit],
        update_conflicts=True,
        unique_fields=["user", "patient"],
        update_fields=["visited_at"],
    )
