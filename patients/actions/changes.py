"""What the actions take, give back and raise."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.core.exceptions import ObjectDoesNotExist

from patients.rules.record import Finding
from patients.rules.values import Value


@dataclass(frozen=True, slots=True)
class RowChange:
    """One row to create (`row_id` None), amend or retract. `restore` takes back a retraction.

    `values` holds only the fields to set; None empties one. The patient's own row is a change of
    form "patients" (`row_id` not needed) whose values may hold `record_id` and `same_person_as`;
    a new cycle names its course by `course_number`. `source` is handed back on the row of findings.
    """

    form: str
    values: Mapping[str, Value] = field(default_factory=dict)
    row_id: int | None = None
    retract: bool = False
    source: object = None
    restore: bool = False


@dataclass(frozen=True, slots=True)
class RecordChange:
    """All changes of one record. `patient_id` None creates it in the center.

    `expected_version`: the version the person saw; another one in the database is a Conflict.
    """

    center_id: int
    patient_id: int | None
    rows: Sequence[RowChange]
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class SavedRecord:
    """One record after saving: its version, how many rows were written, what is unlikely in it."""

    patient_id: int
    public_id: uuid.UUID
    version: int
    created: bool
    changed: int
    soft: tuple[Finding, ...] = ()


class RecordNotFound(ObjectDoesNotExist):
    """No such record, or one the actor may not see: the two look the same."""


class Refused(Exception):
    """Nothing was saved: hard findings, or soft ones that nobody confirmed."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(f"refused by {', '.join(sorted({f.check for f in findings}))}")
        self.findings = list(findings)


class Conflict(Exception):
    """Nothing was saved: somebody else saved the record after it was read."""

    def __init__(self, patient_id: int, expected: int, actual: int) -> None:
        super().__init__("the record has changed since it was read")
        self.patient_id = patient_id
        self.expected = expected
        self.actual = actual
