"""Freezing a data cut: its rows as known at its seal, de-dated, in the schema `frozen`, once."""

from __future__ import annotations

from typing import Any, Final

from django.db import connections, transaction

from analytics.exporting.frozen import fill_statement, frozen_tables
from analytics.models import DataCut
from analytics.queries.data_cuts import content_hash, cut_rows, seal_of
from analytics.queries.known import known_at, outcomes_at

WORKER: Final = "worker"
# Two builds of one cut freeze it once.
_LOCK: Final = 0x48444933


class CutDiffers(Exception):
    """The rows of the cut do not come out as they were cut: nothing is released of it."""


def freeze(cut: DataCut) -> None:
    """Fill the frozen tables of the cut; does nothing when they are filled. The caller acts as the system.

    Raises CutDiffers when the rows derived again have another hash than the cut.
    """
    with transaction.atomic(using=WORKER), connections[WORKER].cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s, %s)", [_LOCK, cut.pk])
        cursor.execute("select 1 from frozen.cut where cut_id = %s", [cut.pk])
        if cursor.fetchone():
            return
        seal = seal_of(cut)
        if content_hash(cut_rows(seal, cut.cutoff, WORKER)) != cut.content_hash:
            raise CutDiffers
        parameters: dict[str, Any] = {"cut": cut.pk, "cutoff": cut.cutoff}
        with known_at(seal, WORKER), outcomes_at(cut.cutoff, WORKER):
            for table in frozen_tables():
                cursor.execute(fill_statement(table), parameters)
        cursor.execute("insert into frozen.cut (cut_id) values (%s)", [cut.pk])
