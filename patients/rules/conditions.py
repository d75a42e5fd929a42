"""When a field is asked: defined here once, for the form, the check of what was sent, and the script.

A field that is not asked is hidden while it is empty. One that holds a value stays on the page and
says so; sent, it is refused until it is emptied or what it depends on is corrected. What was saved
before stays as it is while neither is changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from patients.rules.dictionary import FORMS


@dataclass(frozen=True, slots=True)
class Condition:
    """The field is asked when `trigger` has one of these codes; no codes: when it has any value."""

    trigger: str
    codes: tuple[str, ...] = ()

    def holds(self, cell: str) -> bool:
        """Whether the trigger's cell (its CSV text) asks for the field."""
        given = set(cell.split(";")) if cell else set()
        return bool(given & set(self.codes)) if self.codes else bool(given)


_SURGERY: Final = ("metastasectomy", "nephrectomy", "lymphadenectomy")
_RADIATION: Final = ("external_beam", "stereotactic")
CONDITIONS: Final[Mapping[str, Mapping[str, Condition]]] = {
    "patients": {
        **{
            field.name: Condition("disease", (field.disease,))
            for field in FORMS["patients"].fields
            if field.disease and field.name != "nephrectomy_date"
        },
        "consent_date": Condition("consent", ("signed", "waived", "withdrawn")),
        "nephrectomy_date": Condition("nephrectomy", ("radical", "partial")),
        "cause_of_death": Condition("date_of_death"),
    },
    "cycles": {"toxicity_criteria": Condition("worst_toxicity_grade")},
    "local_therapies": {
        "margin": Condition("modality", _SURGERY),
        "viable_tumor": Condition("modality", _SURGERY),
        "dose_gy": Condition("modality", _RADIATION),
        "fractions": Condition("modality", _RADIATION),
    },
}


def condition_of(form: str, field: str) -> Condition | None:
    """When the field of the form is asked; None: always."""
    return CONDITIONS.get(form, {}).get(field)
