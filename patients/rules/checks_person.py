"""Checks between records: two records of one person, and a record entered twice (soft)."""

from __future__ import annotations

from collections.abc import Iterator

from patients.rules.checks_catalog import finding
from patients.rules.record import Finding, Row


def check_linked(patient: Row, *, other_is_dead: bool) -> Iterator[Finding]:
    """person.vital_status: one of the two linked records has a date of death, the other none."""
    if not patient.retracted and (patient.value("date_of_death") is not None) != other_is_dead:
        yield finding("person.vital_status", patient, "date_of_death")


def check_duplicate(patient: Row, *, twins: int) -> Iterator[Finding]:
    """duplicate.person: `twins` other records of the center have this birth date and sex.

    Only birth dates known to the day are compared: a year is shared by too many to mean anything.
    """
    if not patient.retracted and twins and comparable_birth(patient) is not None:
        yield finding("duplicate.person", patient, "birth_date")


def comparable_birth(patient: Row) -> str | None:
    """The birth date as text when it is known to the day, else None."""
    birth = patient.partial("birth_date")
    return birth.text if birth is not None and birth.precision == "day" else None
