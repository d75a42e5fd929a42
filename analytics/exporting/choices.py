"""What an export may be asked for, and its recipe: the same recipe of the same cut gives the same bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Any, Final

import rfc8785
from django.utils.translation import gettext_noop

from analytics.projects import RESEARCH, SAFE_HARBOR

# Changes whenever the views of a profile, a format's bytes or the manifest change.
RECIPE_VERSION: Final = 1
POPULATIONS: Final = {
    "eligible": gettext_noop("Eligible long-term cohort"),
    "treated": gettext_noop("All treated records"),
}
DISEASES: Final = {
    "": gettext_noop("Both diseases"),
    "melanoma": gettext_noop("Melanoma"),
    "renal_cell": gettext_noop("Renal cell"),
}
SUBJECTS: Final = "subjects"
TIME_TO_EVENT: Final = "time_to_event"
# Rows of forms, with days since the first dose, are for research under an agreement alone.
TABLES: Final = {
    SAFE_HARBOR: (SUBJECTS, TIME_TO_EVENT),
    RESEARCH: (
        SUBJECTS,
        TIME_TO_EVENT,
        "prior_therapies",
        "courses",
        "cycles",
        "assessments",
        "local_therapies",
        "systemic_therapies",
        "follow_ups",
    ),
}
FORMATS: Final = {
    "csv": gettext_noop("CSV with codebook (Frictionless Data Package)"),
    "parquet": "Parquet",
    "adam": gettext_noop("ADaM ADSL and ADTTE (SAS transport and CSV)"),
    "xpt": gettext_noop("SAS transport, version 5"),
    "sav": "SPSS",
    "dta": "Stata",
    "xlsx": gettext_noop("Excel workbook"),
}


def recipe(
    profile: str, population: str, disease: str, tables: Collection[str] = ()
) -> dict[str, Any]:
    """The recipe of an export; no `tables` means all of the profile, order is the profile's."""
    wanted = set(tables) or set(TABLES[profile])
    return {
        "version": RECIPE_VERSION,
        "profile": profile,
        "cohort": {"population": population, "disease": disease},
        "tables": [table for table in TABLES[profile] if table in wanted],
    }


def recipe_hash(made: dict[str, Any]) -> str:
    """SHA-256 (hexadecimal) of the recipe in canonical JSON (RFC 8785)."""
    return hashlib.sha256(rfc8785.dumps(made)).hexdigest()
