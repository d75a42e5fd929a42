"""Forgotten passwords: a one-time link by mail, sent by the worker.

The page answers before anything depends on whether the address is known: it looks it up and hands
the worker a list of account numbers, which may be empty.
"""

from __future__ import annotations

import logging

from django.db import transaction
from kombu.exceptions import OperationalError

from centers.models import User
from centers.tasks import send_reset_links

logger = logging.getLogger(__name__)


def ask_for_links(email: str) -> None:
    """Links for the accounts with this address. A broker that is down costs the mail, not the page."""
    found = User.objects.filter(email__iexact=email, is_active=True).order_by("pk")
    ids = list(found.values_list("pk", flat=True))
    transaction.on_commit(lambda: _hand_over(ids))


def _hand_over(ids: list[int]) -> None:
    try:
        send_reset_links.delay(ids)
    except OperationalError:
        logger.warning("no broker: links for forgotten passwords were not sent")
