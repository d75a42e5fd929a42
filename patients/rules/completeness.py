"""Whether a row holds all that completeness asks for (data dictionary, C)."""

from __future__ import annotations

from patients.rules.dictionary import FORMS, PATIENTS
from patients.rules.record import RecordState, Row


def gaps_of(row: Row, disease: object) -> list[str]:
    """Labels of the fields of need "complete" that hold neither a value nor a coded reason."""
    return [
        field.label
        for field in FORMS[row.form].fields
        if field.need == "complete"
        and field.disease in ("", disease)
        and row.values.get(field.name) is None
    ]


def gaps_by_form(state: RecordState) -> dict[str, set[str]]:
    """Labels of the fields that are missing in any row that stands, by form; complete forms are left out."""
    disease = state.patient.value("disease")
    found = {PATIENTS.name: set(gaps_of(state.patient, disease))}
    for form in state.rows:
        found[form] = {label for row in state.live(form) for label in gaps_of(row, disease)}
    return {form: labels for form, labels in found.items() if labels}
