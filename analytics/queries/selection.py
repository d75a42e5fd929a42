"""Whose outcomes a dashboard counts: SQL that every figure begins with.

Aliases are `outcome` and `record`. Bound: variant, cutoff, `Filters.parameters`. Rows in scope only;
not retracted ones, nor those whose consent is withdrawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from django.db import connection

from analytics.derivation.engine import DEFAULT_VARIANT
from analytics.queries.filters import FILTERED, Filters

# Where nothing of the record is asked for the planner leaves the join out, and one index answers alone.
OUTCOMES: Final = """
    from analytics_outcome outcome
    left join patients_patient record on record.id = outcome.patient_id
"""
STANDING: Final = """
    where outcome.variant = %(variant)s and outcome.cutoff = %(cutoff)s
        and not exists (
            select from patients_patient gone
            where gone.id = outcome.patient_id and (gone.consent = 'withdrawn' or gone.retracted)
        )
"""
REGISTERED: Final = OUTCOMES + STANDING + FILTERED
# Treated records of the two index diseases: the denominator of every rate.
INDEX_TREATED: Final = (
    "and outcome.t0 is not null and outcome.disease in ('melanoma', 'renal_cell')"
)
TREATED: Final = f"{REGISTERED} {INDEX_TREATED}"
# Single rows and per-center figures: of these centers alone. NULL: all in scope are the reader's own.
OWN: Final = " and (%(own)s::bigint[] is null or outcome.center_id = any(%(own)s::bigint[]))"


def fetch(sql: str, cutoff: date, filters: Filters, **more: Any) -> list[tuple[Any, ...]]:
    """Rows of a query that begins with one of these; `more` are its own parameters."""
    parameters: Mapping[str, Any] = {
        "variant": DEFAULT_VARIANT,
        "cutoff": cutoff,
        **filters.parameters,
        **more,
    }
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def own_only(own_centers: bool, own_ids: Sequence[int]) -> dict[str, list[int] | None]:
    """What OWN binds, for a reader of pooled figures or of their own centers."""
    return {"own": None if own_centers else list(own_ids)}
