"""The edit checks of the data dictionary over one whole record, hard and soft.

One entry, `check_record`, for forms, actions, import and the demo. Hard: cannot be true, refused.
Soft: unlikely. The database refuses the hard ones itself as well (migration 0002 of patients).
"""

from __future__ import annotations

from datetime import date

from patients.rules import checks_evidence, checks_order, checks_unlikely, checks_values
from patients.rules.checks_catalog import CATALOG, Check, documentation_table, finding
from patients.rules.checks_person import check_duplicate, check_linked
from patients.rules.record import Finding, History, RecordState

__all__ = (
    "CATALOG",
    "Check",
    "Finding",
    "check_duplicate",
    "check_linked",
    "check_record",
    "documentation_table",
    "finding",
)


def check_record(record: RecordState, *, today: date) -> list[Finding]:
    """All findings of one record as it will stand; retracted rows and records raise none.

    `today` bounds what is in the future (UTC day). What needs other records (duplicate, linked
    person) is in `checks_person`.
    """
    if record.patient.retracted:
        return []
    history = History.of(record)
    return [
        *checks_values.check_rows(record),
        *checks_values.check_disease(history),
        *checks_values.check_diagnosis(history),
        *checks_values.check_doses(history),
        *checks_order.check_birth(history),
        *checks_order.check_future(history, today),
        *checks_order.check_death(history),
        *checks_order.check_courses(history),
        *checks_evidence.check_around_t0(history),
        *checks_evidence.check_attestation(history),
        *checks_evidence.check_progression(history),
        *checks_unlikely.check_baseline(history),
        *checks_unlikely.check_treatment(history),
        *checks_unlikely.check_response(history),
        *checks_unlikely.check_contact(history, today),
    ]
