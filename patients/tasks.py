"""Work of the clinical record in the background."""

from __future__ import annotations

from celery import shared_task

from patients.actions.drafts import purge_drafts


@shared_task(name="patients.tasks.purge_drafts")
def purge() -> int:
    """Delete drafts that are too old; answers how many."""
    return purge_drafts()
