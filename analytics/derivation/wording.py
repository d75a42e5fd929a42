"""Reasons and resolving entries in words: the one place that turns codes of the derivation into sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from django.utils.translation import gettext_noop

CRITERIA: Final = {
    "metastatic_disease": gettext_noop("Metastatic melanoma or renal cell carcinoma"),
    "received_hd_il2": gettext_noop("Received high-dose IL-2"),
    "survival_5y": gettext_noop("Alive at the fifth anniversary"),
    "no_later_systemic_therapy": gettext_noop("No later systemic therapy"),
    "progression_free_5y": gettext_noop(
        "Progression-free at the fifth anniversary (reported, not required)"
    ),
}

_REASONS: Final = {
    "metastatic_date": gettext_noop("metastatic disease is dated on or before the cutoff"),
    "other_disease": gettext_noop("the disease is neither melanoma nor renal cell carcinoma"),
    "date_missing": gettext_noop("the date of metastatic disease is missing"),
    "date_after_cutoff": gettext_noop("the date of metastatic disease lies after the cutoff"),
    "given_cycle": gettext_noop("a cycle of HD IL-2 was given on or before the cutoff"),
    "no_given_cycle": gettext_noop("no cycle of HD IL-2 was given on or before the cutoff"),
    "not_treated": gettext_noop("no cycle of HD IL-2 was given on or before the cutoff"),
    "alive_at_anniversary": gettext_noop("known alive on or after the anniversary"),
    "died_after_anniversary": gettext_noop("died on or after the anniversary"),
    "died_before_anniversary": gettext_noop("died before the anniversary"),
    "too_early": gettext_noop("the cutoff lies before the anniversary"),
    "follow_up_needed": gettext_noop("not known to be alive at the anniversary"),
    "date_precision": gettext_noop("a date is not exact enough to decide"),
    "later_therapy": gettext_noop("a disqualifying systemic therapy started after HD IL-2"),
    "attested_yes": gettext_noop("a contact attests later systemic therapy"),
    "attested_none": gettext_noop(
        "a contact on or after the anniversary attests no later systemic therapy"
    ),
    "therapy_straddles_start": gettext_noop(
        "a systemic therapy may have started before or after HD IL-2"
    ),
    "attestation_needed": gettext_noop(
        "no contact on or after the anniversary attests that there was none"
    ),
    "event_after_anniversary": gettext_noop(
        "progression-free to the anniversary; the event came on or after it"
    ),
    "progression_free": gettext_noop("progression-free to the anniversary"),
    "event_before_anniversary": gettext_noop("the event came before the anniversary"),
    "assessment_needed": gettext_noop(
        "no assessment shows that the disease had not progressed at the anniversary"
    ),
    "cut_by_therapy": gettext_noop(
        "systemic therapy before the anniversary ended the observation of PFS"
    ),
}

_ROWS: Final = {
    "cycles": gettext_noop("the day of the cycle that started HD IL-2"),
    "assessments": gettext_noop("the day of the assessment"),
    "local_therapies": gettext_noop("the day of the local therapy"),
    "systemic_therapies": gettext_noop("the day of the start of the systemic therapy"),
    "follow_ups": gettext_noop("the day of the follow-up contact"),
}
_METASTATIC: Final = gettext_noop("the day of metastatic disease")
_DEATH: Final = gettext_noop("the day of the death")
_ENTRIES: Final = {
    "metastatic_date": gettext_noop("the date of metastatic disease"),
    "given_cycle": gettext_noop(
        "a given cycle of HD IL-2, if there was one (without it the record is not eligible)"
    ),
    "follow_up": gettext_noop("a follow-up contact, alive, on or after {day}"),
    "attestation": gettext_noop(
        "a follow-up contact on or after {day} that answers whether there was systemic therapy since HD IL-2"
    ),
    "attestation_yes": gettext_noop(
        "a follow-up contact on or after {day} that attests systemic therapy since HD IL-2, if there was any"
    ),
    "adequate_negative": gettext_noop("an assessment without progression on or after {day}"),
}
NO_ENTRY: Final = gettext_noop("no entry can")
_LATER: Final = gettext_noop("no entry can at this cutoff; a cutoff on or after {day} may")

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
    """Why a criterion has its value, in English: a page translates it."""
    return _REASONS[code]


def resolving_entry(
    criterion: str, entry: Mapping[str, Any], say: Callable[[str], str] = str
) -> str:
    """The single entry that would resolve an unknown, or that none can.

    `entry` is {code, day, row}: see `resolving_entry` in functions.sql. `say` translates, for a page.
    """
    code, day = entry["code"], entry["day"]
    if code == "none":
        return say(_LATER).format(day=day) if day else say(NO_ENTRY)
    if code == "day_of_row":
        return say(_row(criterion, entry["row"][0]))
    return say(_ENTRIES[code]).format(day=day)


def _row(criterion: str, form: str) -> str:
    if form == "patients":
        return _METASTATIC if criterion == "metastatic_disease" else _DEATH
    return _ROWS[form]


def words_of_queries() -> dict[str, Any]:
    """What queries.sql says of codes: titles, entries, rows, places, fields and flags."""
    deaths = {c: {"patients": _row(c, "patients")} for c in CRITERIA}
    died = {c: {"patients": "date_of_death"} for c in CRITERIA}
    died["metastatic_disease"]["patients"] = "metastatic_diagnosis_date"
    return {
        "titles": CRITERIA,
        "entries": _ENTRIES,
        "rows": {**_ROWS, **deaths},
        "places": _PLACES,
        "fields": _DATES | died,
        "flags": _FLAGS,
    }
