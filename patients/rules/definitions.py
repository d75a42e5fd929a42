"""What each field of the dictionary means, for the help beside it: definition, then how to fill it.

The wording follows the questions of CDASH where there is one. A test keeps this complete.
"""

from __future__ import annotations

from typing import Final

from centers.marks import gettext_noop as _

_PATIENTS: Final = {
    "record_id": _(
        "The number under which your site keeps this record. It is never shown outside."
    ),
    "birth_date": _("What is the person's date of birth? Enter what is known; the year is enough."),
    "sex": _("What is the sex of the person, as in the chart?"),
    "race": _("Which race does the person report?"),
    "ethnicity": _("Does the person report to be Hispanic?"),
    "mrn": _("The number of the hospital's chart. It is sealed and seen only at your center."),
    "initials": _("Initials of the person. They are sealed and seen only at your center."),
    "disease": _("Which disease was treated with HD IL-2? A person with both has two records."),
    "cohort": _("Was the record opened after treatment (retrospective) or before (prospective)?"),
    "consent": _("On what ground may the data be used? Waived: the board gave up consent."),
    "consent_date": _("When was the consent signed, given up or withdrawn?"),
    "same_person_as": _("Record ID of this person's record of the other disease, at your center."),
    "primary_diagnosis_date": _(
        "When was the primary tumor found? Day of pathology, else of the scan."
    ),
    "metastatic_diagnosis_date": _("When was metastatic disease first documented?"),
    "histology": _(
        "Morphology code of ICD-O-3: 8720/3 melanoma, 8743/3 superficial spreading, 8721/3"
        " nodular, 8310/3 clear cell, 8260/3 papillary, 8312/3 renal cell carcinoma."
    ),
    "primary_site": _("Where was the primary tumor? Kidney right, left or both for renal cell."),
    "ecog": _("ECOG performance status before the first HD IL-2: 0 fully active, 4 bedbound."),
    "weight_kg": _("Weight at baseline in kilograms; a weight in pounds divided by 2.205."),
    "metastatic_sites": _("Which organs had metastases before the first HD IL-2? Tick all."),
    "ldh_ratio": _("LDH divided by the laboratory's upper limit of normal: 1.0 is the limit."),
    "m_stage": _("M category of the TNM stage before the first HD IL-2."),
    "ajcc_edition": _("Which edition of the AJCC manual was the M category taken from?"),
    "braf": _("Result of the BRAF test. Not tested is not wild type."),
    "nras": _("Result of the NRAS test. Not tested is not wild type."),
    "breslow_mm": _("Thickness of the primary melanoma by Breslow, in millimeters."),
    "clear_cell": _("Does the tumor have a clear cell component?"),
    "sarcomatoid": _("Does the tumor have sarcomatoid features?"),
    "nuclear_grade": _("Nuclear grade of the tumor (Fuhrman or ISUP), 1 to 4."),
    "nephrectomy": _("Was the kidney with the tumor taken out before the first HD IL-2?"),
    "nephrectomy_date": _("When was the kidney, or part of it, taken out?"),
    "imdc_anemia": _("Was hemoglobin below the lower limit of normal before the first HD IL-2?"),
    "imdc_hypercalcemia": _("Was calcium, corrected for albumin, above the upper limit of normal?"),
    "imdc_neutrophilia": _("Were neutrophils above the upper limit of normal?"),
    "imdc_thrombocytosis": _("Were platelets above the upper limit of normal?"),
    "date_of_death": _("When did the person die? The year is enough."),
    "cause_of_death": _("What did the person die of?"),
}
_PRIOR: Final = {
    "start_date": _("When did the therapy before the first HD IL-2 start?"),
    "end_date": _("When did it end? Empty when it was one day, such as surgery."),
    "therapy_class": _("What kind of therapy was it?"),
    "agent": _("Name of the drug or procedure, without names of people or places."),
    "setting": _("Was it adjuvant (no tumor left) or for metastatic disease?"),
}
_COURSES: Final = {
    "course_number": _(
        "Number of the course: 1, 2, 3 without gaps. A course is two one-week cycles."
    ),
    "intent": _(
        "Why was this course given? Initial, continuation of a response, or after progression."
    ),
    "dose_level": _("Planned single dose in international units per kilogram."),
    "dose_unit_as_written": _("Unit in the chart: 1 Cetus unit is 6 IU, 1 Roche unit about 3 IU."),
    "concurrent": _("Which agents were given with HD IL-2?"),
    "stop_reason": _("Why was no further course given after this one?"),
}
_CYCLES: Final = {
    "course_number": _("The course that the cycle belongs to."),
    "cycle_number": _("First or second cycle of the course."),
    "start_date": _("When was the first dose of this cycle given?"),
    "doses_planned": _("How many doses were planned? 14 when the chart says nothing else."),
    "doses_given": _("How many doses were given? 0 when none was."),
    "weight_kg": _("Weight at the start of the cycle in kilograms."),
    "hold_reasons": _("Why were doses held? All reasons; none when all planned doses were given."),
    "worst_toxicity_grade": _("The highest grade of any toxicity of the cycle; 5 is death."),
    "toxicity_criteria": _("Where the grade comes from, such as CTCAE 3 or WHO."),
    "icu": _("Was the person in intensive care during the cycle?"),
    "vasopressors": _("Were vasopressors given during the cycle?"),
}
_ASSESSMENTS: Final = {
    "date": _("On which day was the disease assessed? The day of the scan, not of the report."),
    "response": _("Overall response. NED: no evidence of disease after everything was taken out."),
    "basis": _("What does the response rest on?"),
    "criteria": _("Which criteria were used?"),
    "modality": _("How was it looked at?"),
    "new_lesion": _("Was there a lesion that was not there before?"),
    "status": _("Final, or retracted."),
}
_LOCAL: Final = {
    "date": _("When was the local therapy given? Its first day."),
    "modality": _("What was done?"),
    "site": _("Which organ was treated?"),
    "indication": _("Why was it done? For a progressing or new lesion it counts as progression."),
    "rendered_ned": _("Was there no evidence of disease afterwards?"),
    "margin": _("Margins of the specimen: R0 free, R1 microscopic, R2 macroscopic tumor left."),
    "viable_tumor": _("Was there living tumor in the specimen?"),
    "dose_gy": _("Total dose of radiation in gray."),
    "fractions": _("Number of fractions."),
}
_SYSTEMIC: Final = {
    "start_date": _("When did the therapy after HD IL-2 start?"),
    "end_date": _("When did it end? Empty when it goes on."),
    "therapy_class": _("What kind of therapy was it? Supportive ones do not end eligibility."),
    "agent": _("Name of the drug, without names of people or places."),
    "indication": _("What was it given for?"),
}
_FOLLOW_UPS: Final = {
    "date": _("When was the person last known to be as stated here?"),
    "source": _("How is this known?"),
    "vital_status": _("Was the person alive? Dead needs a date of death in the baseline form."),
    "disease_status": _("State of the disease at this contact."),
    "systemic_therapy_since_il2": _(
        "Any systemic anticancer therapy from HD IL-2 to this contact?"
    ),
    "second_malignancy": _("Has another cancer been found?"),
}
DEFINITIONS: Final = {
    "patients": _PATIENTS,
    "prior_therapies": _PRIOR,
    "courses": _COURSES,
    "cycles": _CYCLES,
    "assessments": _ASSESSMENTS,
    "local_therapies": _LOCAL,
    "systemic_therapies": _SYSTEMIC,
    "follow_ups": _FOLLOW_UPS,
}
