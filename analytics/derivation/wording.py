"""Reasons and resolving entries in words: the one place that turns codes of the derivation into sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

CRITERIA: Final = {
    "metastatic_disease": "Metastatic melanoma or renal cell carcinoma",
    "received_hd_il2": "Received high-dose IL-2",
    "survival_5y": "Alive at the fifth anniversary",
    "no_later_systemic_therapy": "No later systemic therapy",
    "progression_free_5y": "Progression-free at the fifth anniversary (reported, not required)",
}

_REASONS: Final = {
    "metastatic_date": "metastatic disease is dated on or before the cutoff",
    "other_disease": "the disease is neither melanoma nor renal cell carcinoma",
    "date_missing": "the date of metastatic disease is missing",
    "date_after_cutoff": "the date of metastatic disease lies after the cutoff",
    "given_cycle": "a cycle of HD IL-2 was given on or before the cutoff",
    "no_given_cycle": "no cycle of HD IL-2 was given on or before the cutoff",
    "not_treated": "no cycle of HD IL-2 was given on or before the cutoff",
    "alive_at_anniversary": "known alive on or after the anniversary",
    "died_after_anniversary": "died on or after the anniversary",
    "died_before_anniversary": "died before the anniversary",
    "too_early": "the cutoff lies before the anniversary",
    "follow_up_needed": "not known to be alive at the anniversary",
    "date_precision": "a date is not exact enough to decide",
    "later_therapy": "a disqualifying systemic therapy started after HD IL-2",
    "attested_yes": "a contact attests later systemic therapy",
    "attested_none": "a contact on or after the anniversary attests no later systemic therapy",
    "therapy_straddles_start": "a systemic therapy may have started before or after HD IL-2",
    "attestation_needed": "no contact on or after the anniversary attests that there was none",
    "event_after_anniversary": "progression-free to the anniversary; the event came on or after it",
    "progression_free": "progression-free to the anniversary",
    "event_before_anniversary": "the event came before the anniversary",
    "assessment_needed": "no assessment shows that the disease had not progressed at the anniversary",
    "cut_by_therapy": "systemic therapy before the anniversary ended the observation of PFS",
}

_ROWS: Final = {
    "cycles": "the cycle that started HD IL-2",
    "assessments": "the assessment",
    "local_therapies": "the local therapy",
    "systemic_therapies": "the start of the systemic therapy",
    "follow_ups": "the follow-up contact",
}
_ENTRIES: Final = {
    "metastatic_date": "the date of metastatic disease",
    "given_cycle": "a given cycle of HD IL-2, if there was one (without it the record is not eligible)",
    "follow_up": "a follow-up contact, alive, on or after {day}",
    "attestation": "a follow-up contact on or after {day} that answers whether there was systemic therapy since HD IL-2",
    "attestation_yes": "a follow-up contact on or after {day} that attests systemic therapy since HD IL-2, if there was any",
    "adequate_negative": "an assessment without progression on or after {day}",
}
NO_ENTRY: Final = "no entry can"

# Where each of those entries is made: form and field of the data dictionary.
_PLACES: Final = {
    "metastatic_date": ("patients", "metastatic_diagnosis_date"),
    "given_cycle": ("cycles", "start_date"),
    "follow_up": ("follow_ups", "date"),
    "attestation": ("follow_ups", "systemic_therapy_since_il2"),
    "attestation_yes": ("follow_ups", "systemic_therapy_since_il2"),
    "adequate_negative": ("assessments", "date"),
}
_DATES: Final = {
    "cycles": "start_date",
    "assessments": "date",
    "local_therapies": "date",
    "systemic_therapies": "start_date",
    "follow_ups": "date",
}
# Flags that open a query: form, field, and what the site is asked.
_FLAGS: Final = {
    "progression_straddles_start": (
        "assessments",
        "date",
        "A progression may lie before HD IL-2: enter its day or that of the first cycle, or say why neither is known",
    ),
    "progression_implied_by_local_therapy": (
        "assessments",
        "response",
        "A local therapy implies a progression that no assessment says: enter the assessment, or confirm the indication",
    ),
}
RESOLVED: Final = "Closed by itself: what is entered now resolves it"
RETURNED: Final = "Opened again by itself: it is unresolved once more"


def reason(code: str) -> str:
    """Why a criterion has its value."""
    return _REASONS[code]


def resolving_entry(criterion: str, entry: Mapping[str, Any]) -> str:
    """The single entry that would resolve an unknown, or that none can.

    `entry` is {code, day, row}: see `resolving_entry` in functions.sql.
    """
    code, day = entry["code"], entry["day"]
    if code == "none":
        return f"{NO_ENTRY} at this cutoff; a cutoff on or after {day} may" if day else NO_ENTRY
    if code == "day_of_row":
        return f"the day of {_row(criterion, entry['row'][0])}"
    return _ENTRIES[code].format(day=day)


def _row(criterion: str, form: str) -> str:
    if form == "patients":
        return "metastatic disease" if criterion == "metastatic_disease" else "the death"
    return _ROWS[form]


def words_of_queries() -> dict[str, Any]:
    """What queries.sql says of codes: titles, entries, rows, places, fields and flags."""
    deaths = {c: {"patients": f"the day of {_row(c, 'patients')}"} for c in CRITERIA}
    died = {c: {"patients": "date_of_death"} for c in CRITERIA}
    died["metastatic_disease"]["patients"] = "metastatic_diagnosis_date"
    return {
        "titles": CRITERIA,
        "entries": _ENTRIES,
        "rows": {form: f"the day of {words}" for form, words in _ROWS.items()} | deaths,
        "places": _PLACES,
        "fields": _DATES | died,
        "flags": _FLAGS,
    }
