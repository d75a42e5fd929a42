"""Codes and values as people read them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Final

from patients.partial_dates import MONTHS, PartialDate
from patients.rules.dictionary import MISSING_REASONS, Field
from patients.rules.values import Missing, Value, format_value

# Only what plain words do not say: abbreviations, numbers, names.
_WORDS: Final = {
    "CR": "CR, complete response",
    "PR": "PR, partial response",
    "SD": "SD, stable disease",
    "PD": "PD, progressive disease",
    "NE": "NE, not evaluable",
    "NED": "NED, no evidence of disease",
    "RECIST10": "RECIST 1.0",
    "RECIST11": "RECIST 1.1",
    "600000": "600,000",
    "720000": "720,000",
    "ct": "CT",
    "mri": "MRI",
    "pet": "PET",
    "xray": "X-ray",
    "lak": "LAK cells",
    "til": "TIL",
    "iu": "IU",
    "cetus_unit": "Cetus unit",
    "roche_unit": "Roche unit",
    "mg": "mg",
    "low_dose_il2": "Low-dose IL-2",
    "il2_toxicity": "IL-2 toxicity",
    "mtor": "mTOR inhibitor",
    "braf_mek": "BRAF or MEK inhibitor",
    "targeted": "Targeted therapy",
    "checkpoint_inhibitor": "Checkpoint inhibitor",
    "iRECIST": "iRECIST",
    "none": "None",
}
# Units beside a number, where the heading's words would be too many.
UNITS: Final = {"value / upper limit of normal": "x upper limit"}
# Labels where space is dear: the boxes of a form.
SHORT_LABELS: Final = {"mrn": "MRN", "ecog": "ECOG status"}
# The same code may read better in one field.
_IN_FIELD: Final = {
    ("nephrectomy", "none"): "Not done",
    ("systemic_therapy_since_il2", "none"): "None",
}


def code_label(field: Field, code: str) -> str:
    """A code of a field in words; codes with capitals or digits stand as they are."""
    text = _IN_FIELD.get((field.name, code)) or _WORDS.get(code)
    if text is not None:
        return text
    words = code.replace("_", " ")
    return words[0].upper() + words[1:] if words.islower() else words


def code_beside(field: Field, value: Value) -> str:
    """The code as exports have it, where a page shows other words in its place; else empty."""
    if isinstance(value, Missing):
        return value.reason
    if value is None or field.kind not in ("code", "codes"):
        return ""
    code = format_value(value)
    return "" if code == display_value(field, value) else code


def display_value(field: Field, value: Value) -> str:
    """A value as tables and summaries show it; empty for none."""
    if value is None:
        return ""
    if isinstance(value, Missing):
        return MISSING_REASONS[value.reason]
    if isinstance(value, PartialDate):
        return value.display
    if isinstance(value, date):
        return f"{value.day:02d}-{MONTHS[value.month - 1]}-{value.year}"
    if isinstance(value, tuple):
        return ", ".join(code_label(field, code) for code in value)
    if field.kind == "code":
        return code_label(field, str(value))
    if isinstance(value, int | Decimal):
        return f"{format_value(value)} {UNITS.get(field.unit, field.unit)}".strip()
    return str(value)
