"""Outcomes of records as they stand in an open transaction: the effect of an import before its commit."""

from __future__ import annotations

from collections.abc import Sequence

from analytics.derivation.engine import DEFAULT_VARIANT, Derived, current_cutoff, derive
from analytics.queries.outcomes import explain_criteria
from analytics.queries.panel import completed_years, end_words
from patients.slots import Outlook

# Reported with the others, not required for eligibility.
_REPORTED = "progression_free_5y"


def outlooks_of(patient_ids: Sequence[int]) -> dict[int, Outlook]:
    """By the same statement as the stored outcomes, at the registry's cutoff, variant primary."""
    derived = derive(patient_ids, current_cutoff(), [DEFAULT_VARIANT])
    return {row.patient_id: _outlook(row) for row in derived}


def _outlook(row: Derived) -> Outlook:
    is_event = bool(row.pfs_event)
    code = row.pfs_event_type or row.pfs_censor_reason or ""
    words = end_words(code)
    return Outlook(
        row.eligible,
        _why(row),
        completed_years(row.t0, row.pfs_end, is_event=is_event),
        row.pfs_days,
        words if is_event or not words else f"censored, {words}",
    )


def _why(row: Derived) -> str:
    """The first criterion that stands in the way."""
    if row.eligible == "yes":
        return ""
    for found in explain_criteria(row.criteria):
        if found.value == row.eligible and found.criterion != _REPORTED:
            return found.reason[:1].upper() + found.reason[1:]
    return ""
