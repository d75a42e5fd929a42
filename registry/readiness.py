"""Whether this process may get traffic, and what else an operator should know.

A check that fails must not get traffic (503): no database, a role that is not the app's, tables of
another version. One that is degraded still answers: saves go on without a broker.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache as remembered
from pathlib import Path
from typing import Final

import redis
from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader

from analytics.queries.operations import HEARTBEAT, Work, waiting_work
from centers.database import APP
from registry import env

OK, DEGRADED, FAILED = "ok", "degraded", "failed"
# From here on work waits longer than it ever should, in seconds.
STALE_SECONDS: Final = 120
UNSEALED_SECONDS: Final = 60
HEARTBEAT_SECONDS: Final = 60
CLOCK_SECONDS: Final = 5
DISK_FREE_BYTES: Final = 1 << 30
BROKER_SECONDS: Final = 1

_ROLE: Final = """
    select current_user = %s and session_user = %s
        and not exists (select from pg_roles where rolname = session_user and (rolsuper or rolbypassrls))
"""


@dataclass(frozen=True, slots=True)
class Check:
    """One line: what, how it stands (OK, DEGRADED, FAILED), and in words."""

    name: str
    state: str
    said: str


def vital_checks() -> list[Check]:
    """What decides about traffic, and the broker; tells nothing of the data, so anybody may ask."""
    try:
        found = [_role(), _migrations()]
    except DatabaseError:
        found = [Check("database", FAILED, "does not answer")]
    return [*found, _broker()]


def all_checks() -> list[Check]:
    """These, and how old waiting work is: for operators."""
    found = vital_checks()
    if not any(check.state == FAILED for check in found):
        work = waiting_work()
        found += [_stale(work), _dead(work), _sealed(work), _clock()]
    return [*found, _heartbeat(), *_disks()]


def state_of(checks: list[Check]) -> str:
    """The worst of them."""
    states = {check.state for check in checks}
    return next((state for state in (FAILED, DEGRADED) if state in states), OK)


def _role() -> Check:
    with connection.cursor() as cursor:
        cursor.execute(_ROLE, [APP, APP])
        is_right = cursor.fetchone()[0]
    if not is_right:
        return Check("database", FAILED, "signed in with another role than the app's")
    return Check("database", OK, f"answers to {APP}")


@remembered
def _known_migrations() -> frozenset[tuple[str, str]]:
    """What this version of the program expects."""
    loader = MigrationLoader(None)
    replaced = {key for one in loader.replacements.values() for key in one.replaces}
    return frozenset(set(loader.graph.nodes) - replaced)


def _migrations() -> Check:
    with connection.cursor() as cursor:
        cursor.execute("select app, name from django_migrations")
        applied = set(cursor.fetchall())
    missing = _known_migrations() - applied
    if missing:
        return Check("migrations", FAILED, f"{len(missing)} not applied")
    return Check("migrations", OK, "applied")


def broker_client() -> redis.Redis:
    """A connection of its own that waits no longer than a second."""
    return redis.Redis.from_url(
        env.cache_url(settings.REDIS_URL),
        socket_timeout=BROKER_SECONDS,
        socket_connect_timeout=BROKER_SECONDS,
    )


def _broker() -> Check:
    try:
        with broker_client() as client:
            client.ping()
    except redis.RedisError:
        return Check("broker", DEGRADED, "does not answer; saves go on, outcomes follow later")
    return Check("broker", OK, "answers")


def _aged(name: str, seconds: float | None, limit: int, what: str) -> Check:
    if seconds is None:
        return Check(name, OK, "none waits")
    state = DEGRADED if seconds > limit else OK
    return Check(name, state, f"the oldest {what} waits for {seconds:.0f} s")


def _stale(work: Work) -> Check:
    return _aged("derivation", work.stale_seconds, STALE_SECONDS, "record")


def _dead(work: Work) -> Check:
    if work.dead:
        return Check("dead letters", DEGRADED, f"{work.dead} records cannot be derived")
    return Check("dead letters", OK, "none")


def _sealed(work: Work) -> Check:
    return _aged("audit seal", work.unsealed_seconds, UNSEALED_SECONDS, "event without seal")


def _clock() -> Check:
    with connection.cursor() as cursor:
        cursor.execute("select extract(epoch from clock_timestamp())")
        apart = abs(float(cursor.fetchone()[0]) - time.time())
    state = DEGRADED if apart > CLOCK_SECONDS else OK
    return Check("clock", state, f"{apart:.1f} s apart from the database's")


def _heartbeat() -> Check:
    try:
        last = cache.get(HEARTBEAT)
    except redis.RedisError:
        return Check("worker", DEGRADED, "unknown without the broker")
    if last is None:
        return Check("worker", DEGRADED, "has not answered beat yet")
    ago = max(0.0, time.time() - last)
    return Check("worker", DEGRADED if ago > HEARTBEAT_SECONDS else OK, f"answered {ago:.0f} s ago")


def _disks() -> Iterator[Check]:
    """Folders that the processes write into; the database's own disk is its server's to watch."""
    places = {"disk of exports": settings.REGISTRY_EXPORT_DIR}
    if settings.REGISTRY_BACKUP_DIR:
        places["disk of backups"] = Path(settings.REGISTRY_BACKUP_DIR)
    for name, place in places.items():
        folder = next(one for one in (place.absolute(), *place.absolute().parents) if one.is_dir())
        free = shutil.disk_usage(folder).free
        state = DEGRADED if free < DISK_FREE_BYTES else OK
        yield Check(name, state, f"{free / (1 << 30):.1f} GiB free")
