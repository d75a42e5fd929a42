"""Sealing audit events into the chain, and its head. docs/audit.md describes a seal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, connections, transaction


@dataclass(frozen=True, slots=True)
class Head:
    """The newest seal: its number and hash (hexadecimal), and all events sealed up to it."""

    number: int
    hash: str
    events: int
    sealed_at: datetime


class SealedMeanwhile(Exception):
    """Another seal was made since the snapshot of this transaction: a new transaction sees it."""


def sealing_alias() -> str:
    """The worker's connection where there is one; the application's may seal as well."""
    return "worker" if "worker" in connections else "default"


def seal_events(using: str | None = None) -> int | None:
    """Seal what is new, and answer the number of the newest seal; None while there is no event.

    All committed events are sealed, those of open transactions (the caller's own too) are not.
    Waits for a sealer already at work. Raises SealedMeanwhile in a transaction of one snapshot.
    """
    using = using or sealing_alias()
    try:
        with transaction.atomic(using=using), connections[using].cursor() as cursor:
            cursor.execute("select audit.seal_events()")
            number: int | None = cursor.fetchone()[0]
    except IntegrityError:
        raise SealedMeanwhile from None
    return number


def head(using: str | None = None) -> Head | None:
    """The newest seal, or None."""
    using = using or sealing_alias()
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute(
            "select number, encode(hash, 'hex'), (select sum(events)::bigint from audit.seal),"
            " sealed_at from audit.seal order by number desc limit 1"
        )
        row = cursor.fetchone()
    return Head(*row) if row else None
