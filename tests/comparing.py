"""Compares the SQL derivation with the oracle, on every column, criterion, evidence row and flag."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from django.db import connections

from analytics.derivation.engine import THRESHOLD_YEARS, VARIANTS, Derived, derive
from analytics.queries.known import OUTCOMES, REASONS, outcomes_at
from centers.access import system_scope
from centers.scope import acting
from tests import oracle_outcome
from tests.oracle import Record
from tests.oracle_criteria import Criterion

FORMS = {
    "cycle": "cycles",
    "assessment": "assessments",
    "local_therapy": "local_therapies",
    "systemic_therapy": "systemic_therapies",
    "follow_up": "follow_ups",
    "patient": "patients",
}
PLAIN = tuple(name for name in Derived._fields if name not in REASONS)
OUTSIDE = {"patient_id", "center_id", "variant", "flags", "criteria", "evidence", "cutoff"}


def reference(row: tuple[str, int] | None) -> list[object] | None:
    """A row as the SQL names it."""
    return [FORMS[row[0]], row[1]] if row else None


def criterion(found: Criterion) -> dict[str, Any]:
    """A criterion as the SQL stores it."""
    entry = found.resolve
    return {
        "value": found.value,
        "reason": found.reason,
        "evidence": [reference(row) for row in found.evidence],
        "resolve": entry
        and {"code": entry.code, "day": entry.day and f"{entry.day}", "row": reference(entry.row)},
    }


def expected(outcome: oracle_outcome.Outcome) -> dict[str, Any]:
    """The oracle's outcome in the columns of a derived row."""
    columns: dict[str, Any] = {name: None for name in Derived._fields if name not in OUTSIDE}
    evidence = (
        {"start": reference(outcome.start), "end": reference(outcome.end)} if outcome.start else {}
    )
    return columns | outcome.columns | {
        "flags": sorted(outcome.flags),
        "criteria": {name: criterion(found) for name, found in outcome.criteria.items()},
        "evidence": evidence,
    }  # fmt: skip


def derived_rows(
    cutoff: date, variants: Sequence[str] = VARIANTS, years: int = THRESHOLD_YEARS
) -> Iterable[Derived]:
    """All rows of the database, as the worker sees them."""
    with acting(system_scope()):
        yield from derive(None, cutoff, variants, years, using="worker")


def without_reasons(
    cutoff: date, variants: Sequence[str], years: int
) -> dict[tuple[int, str], tuple[Any, ...]]:
    """The same rows in PLAIN columns, derived as pages do that show no reasons."""
    with (
        acting(system_scope()),
        outcomes_at(cutoff, "worker", years, variants, reasons=False),
        connections["worker"].cursor() as cursor,
    ):
        cursor.execute(f"select patient_id, variant, {', '.join(PLAIN)} from {OUTCOMES}")
        return {(row[0], row[1]): row[2:] for row in cursor.fetchall()}


def differences(
    records: Sequence[Record],
    cutoff: date,
    variants: Sequence[str] = VARIANTS,
    years: int = THRESHOLD_YEARS,
) -> list[str]:
    """Where SQL and oracle differ on records that are loaded: one line each, empty when equal."""
    found: list[str] = []
    rows = {(row.patient_id, row.variant): row for row in derived_rows(cutoff, variants, years)}
    plain = without_reasons(cutoff, variants, years)
    if plain != {key: tuple(getattr(row, name) for name in PLAIN) for key, row in rows.items()}:
        found.append("without reasons other values are derived")
    for record in records:
        for variant in variants:
            row = rows.pop((record.id, variant), None)
            outcome = oracle_outcome.derive(record, cutoff, variant, years)
            if (row is None) != (outcome is None):
                found.append(f"{record.id} {variant}: one of the two leaves the record out")
            elif row is not None and outcome is not None:
                found += _compare(record, variant, row, expected(outcome))
    return found + [f"{key}: the SQL has a row too many" for key in rows]


def _compare(record: Record, variant: str, row: Derived, wanted: dict[str, Any]) -> list[str]:
    got = row._asdict() | {"flags": sorted(row.flags)}
    return [
        f"{record.id} {variant} {name}: SQL {got[name]!r}, oracle {value!r}\n    {record}"
        for name, value in wanted.items()
        if got[name] != value
    ]
