"""Reading derived rows: stored outcomes of a record, their explanation, and the rows that `derive` prints."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from django.db import connections, transaction

from analytics.derivation import wording
from analytics.derivation.engine import (
    CHUNK_ROWS,
    DEFAULT_VARIANT,
    DERIVATION,
    RULE_SET,
    Derived,
    derivation_parameters,
    derive,
    without_memoize,
)
from analytics.models import Outcome, Stale

# Columns and order of `derive` (docs/derivation.md).
COLUMNS: Final = (
    "center", "record_id", "registry_number", "disease", "t0", "t0_precision", "pfs_days", "pfs_days_min",
    "pfs_days_max", "pfs_event", "pfs_event_type", "pfs_censor_reason", "os_days", "os_event",
    "metastatic_disease", "received_hd_il2", "survival_5y", "no_later_systemic_therapy", "progression_free_5y",
    "eligible", "long_term_pfs", "best_response", "surgical_ned", "courses", "doses", "flags", "rule_set",
)  # fmt: skip

# "C" is the order of code points, whatever the database's collation.
_REGISTRY_ROWS: Final = f"""
select center.code, identity.record_id, record.registry_number, {", ".join(f"derived.{name}" for name in COLUMNS[3:-1])}
from (
{DERIVATION}
) derived
join patients_patient record on record.id = derived.patient_id
join ident.patient_identity identity on identity.patient_id = derived.patient_id
join centers_center center on center.id = derived.center_id
order by center.code collate "C", identity.record_id collate "C"
"""  # noqa: S608  # fixed text: COLUMNS and outcome.sql


@dataclass(frozen=True, slots=True)
class Explanation:
    """One criterion in words. `evidence`: (form of the data dictionary, row id); `resolve` only when unknown."""

    criterion: str
    title: str
    value: str
    reason: str
    evidence: tuple[tuple[str, int], ...]
    resolve: str | None


def stored_outcome(patient_id: int, variant: str = DEFAULT_VARIANT) -> Outcome | None:
    """The stored outcome of a record in the scope; None before the first derivation or when left out."""
    return Outcome.objects.filter(patient_id=patient_id, variant=variant).first()


def is_recomputing(patient_id: int) -> bool:
    """Whether the record's outcomes are older than its rows."""
    return Stale.objects.filter(patient_id=patient_id).exists()


def explain_criteria(
    criteria: Mapping[str, Mapping[str, Any]], say: Callable[[str], str] = str
) -> list[Explanation]:
    """Every criterion in the order of the rules, from the `criteria` of a derived row or outcome.

    `say` translates, for a page.
    """
    return [_explanation(name, criteria[name], say) for name in wording.CRITERIA]


def find_record(key: str, using: str = "default") -> int | None:
    """The id of a record by registry number or public id."""
    column = "public_id" if _is_uuid(key) else "registry_number"
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute(_FIND[column], [key])
        row = cursor.fetchone()
    return int(row[0]) if row else None


def derived_record(
    patient_id: int, cutoff: date, variant: str, using: str = "default"
) -> Derived | None:
    """One record derived now; None when it is left out (consent withdrawn, retracted)."""
    return next(derive([patient_id], cutoff, [variant], using=using), None)


def registry_rows(cutoff: date, variant: str, using: str = "default") -> Iterator[tuple[Any, ...]]:
    """Every record in scope derived now, in the columns of COLUMNS, by center and record id."""
    parameters = derivation_parameters(None, cutoff, [variant], reasons=False)
    with transaction.atomic(using=using), connections[using].chunked_cursor() as cursor:
        without_memoize(using)
        cursor.execute(_REGISTRY_ROWS, parameters)
        while rows := cursor.fetchmany(CHUNK_ROWS):
            for row in rows:
                yield (*row, RULE_SET)


_FIND: Final = {
    "public_id": "select id from patients_patient where public_id = %s",
    "registry_number": "select id from patients_patient where registry_number = %s",
}


def _is_uuid(key: str) -> bool:
    if not re.fullmatch(r"[0-9a-fA-F-]{32,36}", key):
        return False
    try:
        uuid.UUID(key)
    except ValueError:
        return False
    return True


def _explanation(name: str, found: Mapping[str, Any], say: Callable[[str], str]) -> Explanation:
    entry = found["resolve"]
    return Explanation(
        criterion=name,
        title=say(wording.CRITERIA[name]),
        value=found["value"],
        reason=say(wording.reason(found["reason"])),
        evidence=tuple((form, row_id) for form, row_id in found["evidence"]),
        resolve=wording.resolving_entry(name, entry, say) if entry else None,
    )
