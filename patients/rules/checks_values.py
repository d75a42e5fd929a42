"""Checks of single rows: required fields, coded reasons, disease-specific fields, doses, diagnosis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from patients.rules.checks_catalog import finding
from patients.rules.dictionary import PATIENTS, RECORD_FORMS
from patients.rules.record import Finding, History, RecordState, Row
from patients.rules.values import Missing

DOSES_PLANNED_IF_EMPTY: Final = 14
_REQUIRED: Final = {
    form.name: tuple(f.name for f in form.fields if f.need == "required") for form in RECORD_FORMS
}
_REASON_TAKEN: Final = {
    form.name: frozenset(f.name for f in form.fields if f.takes_missing_reason)
    for form in RECORD_FORMS
}
# For each disease the fields that belong to another one.
FOREIGN_FIELDS: Final = {
    disease: tuple(f.name for f in PATIENTS.fields if f.disease and f.disease != disease)
    for disease in PATIENTS.by_name["disease"].codes
}


def check_rows(record: RecordState) -> Iterator[Finding]:
    """value.required and value.missing_reason for every live row."""
    yield from _check_needs(record.patient)
    for rows in record.rows.values():
        for row in rows:
            if not row.retracted:
                yield from _check_needs(row)


def _check_needs(row: Row) -> Iterator[Finding]:
    values = row.values
    for name in _REQUIRED[row.form]:
        if values.get(name) is None:
            yield finding("value.required", row, name)
    taken = _REASON_TAKEN[row.form]
    for name, value in values.items():
        if type(value) is Missing and name not in taken:
            yield finding("value.missing_reason", row, name)


def check_disease(history: History) -> Iterator[Finding]:
    """disease.field: NA (not applicable) is true of another disease's field, nothing else is."""
    patient = history.record.patient
    values = patient.values
    disease = values.get("disease")
    for name in FOREIGN_FIELDS.get(disease, ()) if isinstance(disease, str) else ():
        value = values.get(name)
        if value is not None and not (isinstance(value, Missing) and value.reason == "NA"):
            yield finding("disease.field", patient, name)


def check_diagnosis(history: History) -> Iterator[Finding]:
    """order.diagnosis: the metastatic diagnosis certainly before the primary one."""
    patient = history.record.patient
    primary = patient.partial("primary_diagnosis_date")
    metastatic = patient.partial("metastatic_diagnosis_date")
    if primary and metastatic and metastatic.hi < primary.lo:
        yield finding("order.diagnosis", patient, "metastatic_diagnosis_date")


def check_doses(history: History) -> Iterator[Finding]:
    """dose.planned: more doses given than planned; a cycle has 14 when nothing was written."""
    for row in history.cycles:
        given, planned = row.whole("doses_given"), row.whole("doses_planned")
        if given is not None:
            limit = DOSES_PLANNED_IF_EMPTY if planned is None else planned
            if given > min(limit, DOSES_PLANNED_IF_EMPTY):
                yield finding("dose.planned", row, "doses_given")
