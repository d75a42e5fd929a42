"""Freezing a data cut: its rows as known at its seal, de-dated, in the schema `frozen`, once."""

from __future__ import annotations

from typing import Any, Final

from django.db import IntegrityError, connections, transaction
from psycopg.errors import UniqueViolation

from analytics.exporting.frozen import fill_statement, frozen_tables
from analytics.models import DataCut
from analytics.queries.data_cuts import content_hash, cut_rows, seal_of
from analytics.queries.known import known_at, outcomes_at
from centers.access import one_snapshot

WORKER: Final = "worker"


class CutDiffers(Exception):
    """The rows of the cut do not come out as they were cut: nothing is released of it."""


def freeze(cut: DataCut) -> None:
    """Fill the frozen tables of the cut; does nothing when they are filled. The caller acts as the system.

    Raises CutDiffers when the rows derived again have another hash than the cut.
    """
    with (
        one_snapshot(),
        transaction.atomic(using=WORKER),
        connections[WORKER].cursor() as cursor,
    ):
        if not _is_first(cursor, cut):
            return
        seal = seal_of(cut)
        if content_hash(cut_rows(seal, cut.cutoff, WORKER)) != cut.content_hash:
            raise CutDiffers
        parameters: dict[str, Any] = {"cut": cut.pk, "cutoff": cut.cutoff}
        with known_at(seal, WORKER), outcomes_at(cut.cutoff, WORKER):
            for table in frozen_tables():
                cursor.execute(fill_statement(table), parameters)


def _is_first(cursor: Any, cut: DataCut) -> bool:
    """Take the cut's place; waits for another build that has it, and answers whether it kept it."""
    try:
        with transaction.atomic(using=WORKER):
            cursor.execute("insert into frozen.cut (cut_id) values (%s)", [cut.pk])
    except IntegrityError as error:
        if not isinstance(error.__cause__, UniqueViolation):
            raise
        return False
    return True
