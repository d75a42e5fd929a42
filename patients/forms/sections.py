"""How the fields of a form are laid out: sections of the baseline form, one section elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from django.utils.translation import gettext_noop as _

from patients.rules.dictionary import PATIENTS, Field, Form

RECORD_ID: Final = Field(
    "record_id",
    _("Record ID"),
    "text",
    "required",
    "I",
    max_length=60,
    help=_("Your site's own number"),
)
# The baseline form with the record ID, which is a key column of the bundle and no field of it.
BASELINE: Final = replace(PATIENTS, fields=(RECORD_ID, *PATIENTS.fields))
# What a page masks for those who may not see who the person is.
IDENTIFYING: Final = frozenset(f.name for f in BASELINE.fields if f.field_class == "I")

_BASELINE_SECTIONS: Final = (
    (_("Identity"), "record_id birth_date sex race ethnicity mrn initials same_person_as"),
    (_("Study"), "disease cohort consent consent_date"),
    (
        _("Diagnosis and baseline"),
        (
            "primary_diagnosis_date metastatic_diagnosis_date histology primary_site ecog"
            " weight_kg ldh_ratio metastatic_sites"
        ),
    ),
    (_("Melanoma"), "m_stage ajcc_edition braf nras breslow_mm"),
    (
        _("Renal cell carcinoma"),
        (
            "clear_cell sarcomatoid nuclear_grade nephrectomy nephrectomy_date imdc_anemia"
            " imdc_hypercalcemia imdc_neutrophilia imdc_thrombocytosis"
        ),
    ),
    (_("Vital status"), "date_of_death cause_of_death"),
)


def sections_of(form: Form) -> list[tuple[str, list[str]]]:
    """Titles and field names in the order of the page; the title is empty for the only section."""
    if form.name != PATIENTS.name:
        return [("", [f.name for f in form.fields if f.name != "status"])]
    return [(title, names.split()) for title, names in _BASELINE_SECTIONS]


def shown_fields(form: Form, diseases: set[str]) -> list[Field]:
    """Fields that concern a record of one of these diseases, in dictionary order.

    `status` of an assessment is left out: retracting is an action of its own.
    """
    return [
        f for f in form.fields if f.name != "status" and (not f.disease or f.disease in diseases)
    ]
