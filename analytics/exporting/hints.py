"""Telling the worker that exports wait: a hint with no word in it; the rows are the truth."""

from __future__ import annotations

import logging
from functools import partial
from typing import Final

from celery import current_app
from django.db import transaction

logger = logging.getLogger(__name__)

TASK: Final = "analytics.tasks.build_exports"
EXPIRES_SECONDS: Final = 60


def hint_exports(using: str = "default") -> None:
    """After the commit, ask the worker to look for waiting exports. A lost hint costs a sweep's delay."""
    transaction.on_commit(partial(_send, TASK), using=using)


def _send(task: str) -> None:
    try:
        current_app.send_task(task, retry=False, expires=EXPIRES_SECONDS)
    except Exception as error:  # whatever the broker's library raises
        logger.warning(
            "The broker takes no hint (%s); the sweep will find it.", type(error).__name__
        )
