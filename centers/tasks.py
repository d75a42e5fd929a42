"""Work of the floor in the background."""

from __future__ import annotations

from celery import shared_task
from django.db import connections

from centers.account.reset_mail import send_reset_mails
from centers.account.sessions import kept
from centers.models import Session
from centers.sealing import seal_events


@shared_task(name="centers.tasks.seal")
def seal() -> int | None:
    """Seal the new audit events; answers the number of the newest seal."""
    return seal_events()


@shared_task(name="centers.tasks.send_reset_links")
def send_reset_links(user_ids: list[int]) -> int:
    """Mail links to these accounts, if any; answers how many mails went out."""
    return send_reset_mails(user_ids)


@shared_task(name="centers.tasks.clear_sessions")
def clear_sessions() -> int:
    """Delete the rows of sessions that have ended; answers how many."""
    using = "worker" if "worker" in connections else "default"
    ended, _ = Session.objects.using(using).exclude(kept()).delete()
    return ended
