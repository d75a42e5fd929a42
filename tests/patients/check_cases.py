"""Cases of the edit checks, run against Python and against the database: what a case is made of.

A case is a small record in the words of the import bundle: the default record (below) with some
forms replaced. `fires` tells whether the case's check must find something; a case that does not
fire must be free of every hard finding, so that a pass is a pass of the whole record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from patients.rules.dictionary import FORMS, RECORD_FORMS
from patients.rules.record import RecordState, Row
from patients.rules.values import parse_value

TODAY = datetime.now(UTC).date()
Texts = Mapping[str, str]

PATIENT: Texts = {
    "birth_date": "1950-04-01",
    "sex": "female",
    "disease": "melanoma",
    "cohort": "retrospective",
    "consent": "signed",
}
COURSE: Texts = {"course_number": "1"}
CYCLE: Texts = {"course_number": "1", "cycle_number": "1", "start_date": "2001-03-10"}
SURGERY: Texts = {"modality": "metastasectomy", "indication": "residual_disease"}
CONTACT: Texts = {"vital_status": "alive"}
SYSTEMIC: Texts = {"therapy_class": "chemotherapy", "indication": "progression"}


@dataclass(frozen=True)
class Case:
    """One record and whether one check fires on it. Rows with `retracted` in them are retracted."""

    check: str
    name: str
    fires: bool
    forms: Mapping[str, Sequence[Texts]] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.check}: {self.name}"

    def texts(self) -> dict[str, list[Texts]]:
        """All forms with the defaults filled in."""
        rows: dict[str, list[Texts]] = {form.name: [] for form in RECORD_FORMS}
        rows |= {"patients": [{}], "courses": [COURSE], "cycles": [CYCLE]}
        rows |= {form: list(given) for form, given in self.forms.items()}
        rows["patients"] = [{**PATIENT, **row} for row in rows["patients"]]
        return rows

    def record(self) -> RecordState:
        """The case as the checks see it."""
        texts = self.texts()
        rows = {
            form: [_row(form, number, row) for number, row in enumerate(given, start=1)]
            for form, given in texts.items()
        }
        return RecordState(rows.pop("patients")[0], rows)


def _row(form: str, number: int, texts: Texts) -> Row:
    fields = FORMS[form].by_name
    values = {n: parse_value(fields[n], text) for n, text in texts.items() if n in fields}
    return Row(form, number, values, "retracted" in texts)


def patient(**values: str) -> dict[str, list[Texts]]:
    """The patients form with some values replaced."""
    return {"patients": [values]}


def cycles(*starts: tuple[int, int, str], **more: str) -> dict[str, list[Texts]]:
    """Courses and cycles from (course, cycle, start) triples; `more` goes into every cycle."""
    numbers = sorted({course for course, _, _ in starts})
    return {
        "courses": [{"course_number": str(n)} for n in numbers],
        "cycles": [
            {"course_number": str(c), "cycle_number": str(k), "start_date": s} | more
            for c, k, s in starts
        ],
    }


def contact(date: str, **values: str) -> dict[str, list[Texts]]:
    """One follow-up contact."""
    return {"follow_ups": [{**CONTACT, "date": date, **values}]}


def assessments(*rows: tuple[str, str]) -> dict[str, list[Texts]]:
    """Assessments from (date, response) pairs."""
    return {"assessments": [{"date": d, "response": r} for d, r in rows]}


def local(date: str, **values: str) -> dict[str, list[Texts]]:
    """One local therapy."""
    return {"local_therapies": [{**SURGERY, "date": date, **values}]}


def systemic(date: str, **values: str) -> dict[str, list[Texts]]:
    """One systemic therapy."""
    return {"systemic_therapies": [{**SYSTEMIC, "start_date": date, **values}]}


def prior(date: str, **values: str) -> dict[str, list[Texts]]:
    """One prior therapy."""
    return {"prior_therapies": [{"therapy_class": "surgery", "start_date": date, **values}]}


def cases_of(check: str, *rows: tuple[str, bool, Mapping[str, Sequence[Texts]]]) -> list[Case]:
    """The cases of one check: name, whether it fires, forms."""
    return [Case(check, name, fires, forms) for name, fires, forms in rows]
