"""One whole record as the edit checks see it: the patient row and the rows of every form.

No framework: the same classes carry a form's input, an import's cells and the saved rows.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from patients.partial_dates import PartialDate
from patients.rules.dictionary import ACTIVE_CLASSES
from patients.rules.values import Missing, Value

Severity = Literal["hard", "soft"]


@dataclass(slots=True, eq=False)
class Row:
    """One row of a form. `id` is None until it is saved; `values` by the dictionary's names.

    `source` says where the row came from (file and line of an import); findings carry the row.
    `public_id` names a saved row of a form in addresses.
    """

    form: str
    id: int | None
    values: Mapping[str, Value]
    retracted: bool = False
    source: object = None
    public_id: uuid.UUID | None = None

    def value(self, name: str) -> Value:
        """The field's value; None when empty or when a coded reason stands in its place."""
        value = self.values.get(name)
        return None if isinstance(value, Missing) else value

    def partial(self, name: str) -> PartialDate | None:
        """The field as a partial date, or None."""
        value = self.values.get(name)
        return value if isinstance(value, PartialDate) else None

    def whole(self, name: str) -> int | None:
        """The field as a whole number, or None."""
        value = self.values.get(name)
        return value if isinstance(value, int) else None


@dataclass(slots=True, eq=False)
class RecordState:
    """The whole record after the change: all rows that will stand, the retracted ones included.

    `erased`: its identifiers were destroyed on request of the person, and none may come again.
    """

    patient: Row
    rows: Mapping[str, list[Row]]
    public_id: uuid.UUID | None = None
    erased: bool = False

    def live(self, form: str) -> list[Row]:
        """The form's rows that are not retracted, in order of saving."""
        return [row for row in self.rows.get(form, ()) if not row.retracted]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found, where, and how to mend it. The message never repeats a value."""

    check: str
    severity: Severity
    form: str
    row: Row
    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Dated:
    """One date of one live row."""

    row: Row
    field: str
    date: PartialDate


@dataclass(slots=True)
class History:
    """A record prepared for the checks: live rows with their dates, and T0 without a cutoff.

    T0 combines the given cycles field by field (rules, section 2): the least lo and the least hi.
    """

    record: RecordState
    birth: PartialDate | None
    death: PartialDate | None
    dates: list[Dated] = field(default_factory=list)
    courses: list[Row] = field(default_factory=list)
    cycles: list[Row] = field(default_factory=list)
    assessments: list[Dated] = field(default_factory=list)
    local: list[Dated] = field(default_factory=list)
    systemic: list[Dated] = field(default_factory=list)
    prior: list[Dated] = field(default_factory=list)
    contacts: list[Dated] = field(default_factory=list)
    given: list[Dated] = field(default_factory=list)
    t0_lo: date | None = None
    t0_hi: date | None = None

    @classmethod
    def of(cls, record: RecordState) -> History:
        """Gather the live rows of a record once, for all checks."""
        patient = record.patient
        history = cls(record, patient.partial("birth_date"), patient.partial("date_of_death"))
        history.courses = record.live("courses")
        history.cycles = record.live("cycles")
        history._gather(patient, PATIENT_DATES)
        cycles = [d for row in history.cycles for d in history._gather(row, ("start_date",))]
        history.given = [d for d in cycles if d.row.values.get("doses_given") != 0]
        if history.given:
            history.t0_lo = min(d.date.lo for d in history.given)
            history.t0_hi = min(d.date.hi for d in history.given)
        for form, target, fields in (
            ("assessments", history.assessments, ("date",)),
            ("local_therapies", history.local, ("date",)),
            ("systemic_therapies", history.systemic, THERAPY_DATES),
            ("prior_therapies", history.prior, THERAPY_DATES),
            ("follow_ups", history.contacts, ("date",)),
        ):
            for row in record.rows.get(form, ()):
                if not row.retracted:
                    found = history._gather(row, fields)
                    # The row stands by its first date: of a therapy that is the start.
                    target += [d for d in found if d.field == fields[0]]
        return history

    def _gather(self, row: Row, fields: Iterable[str]) -> list[Dated]:
        found = []
        for name in fields:
            value = row.values.get(name)
            if isinstance(value, PartialDate):
                found.append(Dated(row, name, value))
        self.dates += found
        return found


PATIENT_DATES = (
    "consent_date",
    "primary_diagnosis_date",
    "metastatic_diagnosis_date",
    "nephrectomy_date",
    "date_of_death",
)
THERAPY_DATES = ("start_date", "end_date")


def disqualifies(therapy: Row) -> bool:
    """Whether a systemic therapy ends eligibility (rules, section 3, later systemic therapy)."""
    therapy_class = therapy.values.get("therapy_class")
    if therapy_class == "supportive":
        return False
    other_malignancy = therapy.values.get("indication") == "other_malignancy"
    return not other_malignancy or therapy_class in ACTIVE_CLASSES
