"""Work of the floor in the background."""

from __future__ import annotations

from celery import shared_task

from centers.sealing import seal_events


@shared_task(name="centers.tasks.seal")
def seal() -> int | None:
    """Seal the new audit events; answers the number of the newest seal."""
    return seal_events()
