"""What each field of the dictionary means, for the help beside it: definition, then how to fill it.

The wording follows the questions of CDASH where there is one. A test keeps this complete.
"""

from __future__ import annotations

from typing import Final

_PATIENTS: Final = {
    "record_id": "The number under which your site keeps this record. It is never shown outside.",
    "birth_date": "What is the person's date of birth? Enter what is known; the year is enough.",
    "sex": "What is the sex of the person, as in the chart?",
    "race": "Which race does the person report?",
    "ethnicity": "Does the person report to be Hispanic?",
    "mrn": "The number of the hospital's chart. It is sealed and seen only at your center.",
    "initials": "Initials of the person. They are sealed and seen only at your center.",
    "disease": "Which disease was treated with HD IL-2? A person with both has two records.",
    "cohort": "Was the record opened after treatment (retrospective) or before (prospective)?",
    "consent": "On what ground may the data be used? Waived: the board gave up consent.",
    "consent_date": "When was the consent signed, given up or withdrawn?",
    "same_person_as": "Record ID of this person's record of the other disease, at your center.",
    "primary_diagnosis_date": "When was the primary tumor found? Day of pathology, else of the scan.",
    "metastatic_diagnosis_date": "When was metastatic disease first documented?",
    "histology": "Morphology code of ICD-O-3: 8720/3 melanoma, 8743/3 superficial spreading, 8721/3"
    " nodular, 8310/3 clear cell, 8260/3 papillary, 8312/3 renal cell carcinoma.",
    "primary_site": "Where was the primary tumor? Kidney right, left or both for renal cell.",
    "ecog": "ECOG performance status before the first HD IL-2: 0 fully active, 4 bedbound.",
    "weight_kg": "Weight at baseline in kilograms; a weight in pounds divided by 2.205.",
    "metastatic_sites": "Which organs had metastases before the first HD IL-2? Tick all.",
    "ldh_ratio": "LDH divided by the laboratory's upper limit of normal: 1.0 is the limit.",
    "m_stage": "M category of the TNM stage before the first HD IL-2.",
    "ajcc_edition": "Which edition of the AJCC manual was the M category taken from?",
    "braf": "Result of the BRAF test. Not tested is not wild type.",
    "nras": "Result of the NRAS test. Not tested is not wild type.",
    "breslow_mm": "Thickness of the primary melanoma by Breslow, in millimeters.",
    "clear_cell": "Does the tumor have a clear cell component?",
    "sarcomatoid": "Does the tumor have sarcomatoid features?",
    "nuclear_grade": "Nuclear grade of the tumor (Fuhrman or ISUP), 1 to 4.",
    "nephrectomy": "Was the kidney with the tumor taken out before the first HD IL-2?",
    "nephrectomy_date": "When was the kidney, or part of it, taken out?",
    "imdc_anemia": "Was hemoglobin below the lower limit of normal before the first HD IL-2?",
    "imdc_hypercalcemia": "Was calcium, corrected for albumin, above the upper limit of normal?",
    "imdc_neutrophilia": "Were neutrophils above the upper limit of normal?",
    "imdc_thrombocytosis": "Were platelets above the upper limit of normal?",
    "date_of_death": "When did the person die? The year is enough.",
    "cause_of_death": "What did the person die of?",
}
_PRIOR: Final = {
    "start_date": "When did the therapy before the first HD IL-2 start?",
    "end_date": "When did it end? Empty when it was one day, such as surgery.",
    "therapy_class": "What kind of therapy was it?",
    "agent": "Name of the drug or procedure, without names of people or places.",
    "setting": "Was it adjuvant (no tumor left) or for metastatic disease?",
}
_COURSES: Final = {
    "course_number": "Number of the course: 1, 2, 3 without gaps. A course is two one-week cycles.",
    "intent": "Why was this course given? Initial, continuation of a response, or after progression.",
    "dose_level": "Planned single dose in international units per kilogram.",
    "dose_unit_as_written": "Unit in the chart: 1 Cetus unit is 6 IU, 1 Roche unit about 3 IU.",
    "concurrent": "Which agents were given with HD IL-2?",
    "stop_reason": "Why was no further course given after this one?",
}
_CYCLES: Final = {
    "course_number": "The course that the cycle belongs to.",
    "cycle_number": "First or second cycle of the course.",
    "start_date": "When was the first dose of this cycle given?",
    "doses_planned": "How many doses were planned? 14 when the chart says nothing else.",
    "doses_given": "How many doses were given? 0 when none was.",
    "weight_kg": "Weight at the start of the cycle in kilograms.",
    "hold_reasons": "Why were doses held? All reasons; none when all planned doses were given.",
    "worst_toxicity_grade": "The highest grade of any toxicity of the cycle; 5 is death.",
    "toxicity_criteria": "Where the grade comes from, such as CTCAE 3 or WHO.",
    "icu": "Was the person in intensive care during the cycle?",
    "vasopressors": "Were vasopressors given during the cycle?",
}
_ASSESSMENTS: Final = {
    "date": "On which day was the disease assessed? The day of the scan, not of the report.",
    "response": "Overall response. NED: no evidence of disease after everything was taken out.",
    "basis": "What does the response rest on?",
    "criteria": "Which criteria were used?",
    "modality": "How was it looked at?",
    "new_lesion": "Was there a lesion that was not there before?",
    "status": "Final, or retracted.",
}
_LOCAL: Final = {
    "date": "When was the local therapy given? Its first day.",
    "modality": "What was done?",
    "site": "Which organ was treated?",
    "indication": "Why was it done? For a progressing or new lesion it counts as progression.",
    "rendered_ned": "Was there no evidence of disease afterwards?",
    "margin": "Margins of the specimen: R0 free, R1 microscopic, R2 macroscopic tumor left.",
    "viable_tumor": "Was there living tumor in the specimen?",
    "dose_gy": "Total dose of radiation in gray.",
    "fractions": "Number of fractions.",
}
_SYSTEMIC: Final = {
    "start_date": "When did the therapy after HD IL-2 start?",
    "end_date": "When did it end? Empty when it goes on.",
    "therapy_class": "What kind of therapy was it? Supportive ones do not end eligibility.",
    "agent": "Name of the drug, without names of people or places.",
    "indication": "What was it given for?",
}
_FOLLOW_UPS: Final = {
    "date": "When was the person last known to be as stated here?",
    "source": "How is this known?",
    "vital_status": "Was the person alive? Dead needs a date of death in the baseline form.",
    "disease_status": "State of the disease at this contact.",
    "systemic_therapy_since_il2": "Any systemic anticancer therapy from HD IL-2 to this contact?",
    "second_malignancy": "Has another cancer been found?",
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
