"""Work of the clinical record in the background."""

from __future__ import annotations

import logging
import time
import uuid
from typing import Final

from celery import shared_task
from django.utils import timezone

from centers.access import acting, system_scope
from patients.actions.contacts import send_reminders
from patients.actions.drafts import purge_drafts
from patients.actions.import_jobs import purge_imports
from patients.importing.worker import waiting, work

logger = logging.getLogger(__name__)

# After a hint that could not be sent, none is tried for so long (seconds).
QUIET_SECONDS: Final = 5.0


class _Broker:
    """When the broker may be asked again (monotonic seconds of this process)."""

    quiet_until = 0.0


@shared_task(name="patients.tasks.purge_drafts")
def purge() -> int:
    """Delete drafts that are too old; answers how many."""
    return purge_drafts()


@shared_task(name="patients.tasks.run_import")
def run_import(public_id: str) -> bool:
    """Do the step that somebody asked for; the argument names the import and nobody."""
    return work(uuid.UUID(public_id))


@shared_task(name="patients.tasks.sweep_imports")
def sweep_imports() -> int:
    """What lost hints and killed workers left behind; answers how many steps were done."""
    return sum(work(public_id) for public_id in waiting())


@shared_task(name="patients.tasks.purge_imports")
def purge_uploads() -> int:
    """Delete uploads and previews that have expired; answers of how many imports."""
    with acting(system_scope()):
        return purge_imports()


def hint_import(public_id: uuid.UUID) -> None:
    """Tell the worker that a step is asked for. Never raises; a lost hint costs a sweep's delay."""
    if time.monotonic() < _Broker.quiet_until:
        return
    try:
        run_import.apply_async(args=(str(public_id),), retry=False)
    except Exception as error:  # whatever the broker's library raises
        _Broker.quiet_until = time.monotonic() + QUIET_SECONDS
        logger.warning(
            "The broker takes no hint (%s); the sweep will find it.", type(error).__name__
        )


@shared_task(name="patients.tasks.send_reminders")
def remind() -> int:
    """Mail coordinators what is due, once a week each; answers how many mails went out."""
    return send_reminders(timezone.now().date())
