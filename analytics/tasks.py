"""Recomputing outcomes in the worker: messages are hints, the stale marks are the truth."""

from __future__ import annotations

import logging
import time
from typing import Final

from celery import shared_task
from django.core.cache import cache
from redis.exceptions import RedisError

from analytics.derivation.stale import drain, forget_batches, mark_moved
from analytics.exporting.engine import build_waiting, expire
from analytics.exporting.hints import TASK
from analytics.queries.operations import HEARTBEAT

logger = logging.getLogger(__name__)

# After a hint that could not be sent, none is tried for so long: saving never waits for a broker twice.
QUIET_SECONDS: Final = 5.0
# A hint older than this says nothing that the sweep has not found.
HINT_EXPIRES_SECONDS: Final = 60
HEARTBEAT_KEPT_SECONDS: Final = 86_400


class _Broker:
    """When the broker may be asked again (monotonic seconds of this process)."""

    quiet_until = 0.0


@shared_task(name="analytics.tasks.recompute")
def recompute() -> int:
    """Derive all records that are marked stale; answers how many marks were claimed."""
    return drain()


@shared_task(name="analytics.tasks.sweep")
def sweep() -> int:
    """What lost hints left behind, and records whose outcomes stand at another cutoff or rule set."""
    _say_alive()
    mark_moved()
    return drain()


def _say_alive() -> None:
    """Beat asked and a worker answered: readiness looks at when that was last."""
    try:
        cache.set(HEARTBEAT, time.time(), HEARTBEAT_KEPT_SECONDS)
    except RedisError as error:
        logger.warning("The cache takes no heartbeat (%s).", type(error).__name__)


@shared_task(name="analytics.tasks.forget_batches")
def forget_old_batches() -> int:
    """Remove what is known of batches of more than a week ago."""
    return forget_batches()


@shared_task(name=TASK)
def build_exports() -> int:
    """Build the exports that wait; the message names none."""
    return build_waiting()


@shared_task(name="analytics.tasks.expire_exports")
def expire_exports() -> int:
    """Remove files of exports whose time is over."""
    return expire()


def hint_stale(_patient_ids: list[int]) -> None:
    """Tell the worker that there are marks. Never raises; a lost hint costs a sweep's delay."""
    if time.monotonic() < _Broker.quiet_until:
        return
    try:
        recompute.apply_async(retry=False, expires=HINT_EXPIRES_SECONDS)
    except Exception as error:  # whatever the broker's library raises
        _Broker.quiet_until = time.monotonic() + QUIET_SECONDS
        logger.warning(
            "The broker takes no hint (%s); the sweep will find it.", type(error).__name__
        )
