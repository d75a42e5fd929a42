"""The field registry: every field of every model, its class, and what each release profile does with it.

Default deny: a field without a line here fails a test, and no view can release it. Classes: I direct
identifier, Q quasi-identifier, D date, X clinical, A administrative. The HIPAA item is the letter of
45 CFR 164.514(b)(2)(i). What the views release of a field is in `analytics/exporting/columns.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from analytics.projects import RESEARCH, SAFE_HARBOR


class Treatment(StrEnum):
    """What a profile does with a field."""

    DROP = "drop"
    USED = "used"
    AS_IS = "as_is"
    RARE = "rare"
    CODE = "code"
    BAND = "band"
    ERA = "era"
    YEAR = "year"
    DAYS = "days"
    WEEKS = "weeks"


TREATMENTS: Final = {
    Treatment.DROP: "not released in any form",
    Treatment.USED: "not released; enters the computation of another column",
    Treatment.AS_IS: "released as it is",
    Treatment.RARE: "released; values of fewer than 11 records of the export become `rare`",
    Treatment.CODE: "a random code of the project stands for it",
    Treatment.BAND: "released in bands",
    Treatment.ERA: "six years that hold it, 2006-2011; empty where the age band is 90+ or a deciding"
    " date is known to month or year only",
    Treatment.YEAR: "the year; empty where the age band is 90+ or a deciding date is known to month or"
    " year only",
    Treatment.DAYS: "days since the first dose (day 0); a date known to the month is rounded to 30"
    " days, to the year to 365, and says so",
    Treatment.WEEKS: "whole weeks since the first dose, cut",
}


@dataclass(frozen=True, slots=True)
class FieldEntry:
    """One field of a model. `key` is Model.field; `hipaa` is empty where no item names it."""

    key: str
    field_class: str
    hipaa: str
    safe_harbor: Treatment
    research: Treatment

    def treatment(self, profile: str) -> Treatment:
        """What a profile does with it."""
        return {SAFE_HARBOR: self.safe_harbor, RESEARCH: self.research}[profile]


# field, class, HIPAA item (- for none), safe_harbor, research. A row of a form that is not released
# in Safe Harbor says drop there for all its fields.
_ROW: Final = """
id I R drop drop
public_id I R drop drop
center I B drop used
patient I R drop used
retracted A - used used
missing A - drop drop
created_at A C drop drop
"""
_TEXT: Final = {
    "Patient": """
id I R code code
public_id I R drop drop
center I B drop code
retracted A - used used
missing A - drop drop
created_at A C drop drop
registry_number I R drop drop
same_person I R drop drop
sex Q - as_is as_is
race Q - drop rare
ethnicity Q - drop rare
disease X - as_is as_is
cohort X - drop as_is
consent A - used used
consent_date D C drop drop
primary_diagnosis_date D C drop days
metastatic_diagnosis_date D C drop days
histology X - drop rare
primary_site X - drop rare
ecog X - drop as_is
weight_kg X - drop as_is
metastatic_sites X - drop as_is
ldh_ratio X - drop as_is
m_stage X - drop as_is
ajcc_edition X - drop as_is
braf X - drop as_is
nras X - drop as_is
breslow_mm X - drop as_is
clear_cell X - drop as_is
sarcomatoid X - drop as_is
nuclear_grade X - drop as_is
nephrectomy X - drop as_is
nephrectomy_date D C drop days
imdc_anemia X - drop as_is
imdc_hypercalcemia X - drop as_is
imdc_neutrophilia X - drop as_is
imdc_thrombocytosis X - drop as_is
date_of_death D C used used
cause_of_death X - drop as_is
""",
    "PatientIdentity": """
patient I R drop drop
center I B drop drop
record_id I H drop drop
birth_date I C used used
missing A - drop drop
sealed I A drop drop
mrn_index I H drop drop
""",
    "PriorTherapy": _ROW
    + """
start_date D C drop days
end_date D C drop days
therapy_class X - drop as_is
agent X - drop drop
setting X - drop as_is
""",
    "Course": _ROW
    + """
course_number X - drop as_is
intent X - drop as_is
dose_level X - drop as_is
dose_unit_as_written X - drop drop
concurrent X - drop as_is
stop_reason X - drop as_is
""",
    "Cycle": _ROW
    + """
course I R drop used
cycle_number X - drop as_is
start_date D C drop days
doses_planned X - drop as_is
doses_given X - drop as_is
weight_kg X - drop as_is
hold_reasons X - drop as_is
worst_toxicity_grade X - drop as_is
toxicity_criteria X - drop drop
icu X - drop as_is
vasopressors X - drop as_is
""",
    "Assessment": _ROW
    + """
date D C drop days
response X - drop as_is
basis X - drop as_is
criteria X - drop as_is
modality X - drop as_is
new_lesion X - drop as_is
""",
    "LocalTherapy": _ROW
    + """
date D C drop days
modality X - drop as_is
site X - drop as_is
indication X - drop as_is
rendered_ned X - drop as_is
margin X - drop as_is
viable_tumor X - drop as_is
dose_gy X - drop as_is
fractions X - drop as_is
""",
    "SystemicTherapy": _ROW
    + """
start_date D C drop days
end_date D C drop days
therapy_class X - drop as_is
agent X - drop drop
indication X - drop as_is
""",
    "FollowUp": _ROW
    + """
date D C drop days
source A - drop drop
vital_status X - drop as_is
disease_status X - drop as_is
systemic_therapy_since_il2 X - drop as_is
second_malignancy X - drop as_is
""",
    "Outcome": """
center I B drop used
patient I R used used
variant A - used used
disease X - drop drop
t0 D C era year
t0_lo D C drop drop
t0_hi D C drop drop
t0_precision A - drop as_is
pfs_days X - weeks days
pfs_days_min X - drop drop
pfs_days_max X - drop drop
pfs_event X - as_is as_is
pfs_event_type X - as_is as_is
pfs_censor_reason X - as_is as_is
pfs_end D C used used
pfs_end_lo D C drop drop
pfs_end_hi D C used used
cnsr X - as_is as_is
os_days X - weeks days
os_event X - as_is as_is
os_end D C used used
metastatic_disease X - as_is as_is
received_hd_il2 X - as_is as_is
survival_5y X - as_is as_is
no_later_systemic_therapy X - as_is as_is
progression_free_5y X - as_is as_is
eligible X - as_is as_is
long_term_pfs X - as_is as_is
best_response X - as_is as_is
surgical_ned X - as_is as_is
courses X - as_is as_is
doses X - band as_is
flags A - drop drop
age_at_t0 Q C band as_is
pfs_band X - drop as_is
alive_10y_followed X - drop drop
survived_10y X - drop drop
last_known_alive D C used used
criteria X - drop drop
evidence X - drop drop
cutoff D C drop drop
rule_set A - drop drop
derived_at A C drop drop
""",
    "Center": """
id I B drop used
public_id I R drop drop
code I B drop drop
name I B drop drop
city I B drop drop
country I B drop drop
irb_number I R drop drop
irb_expiry D C drop drop
activation_date D C drop drop
status A - drop drop
created_at A C drop drop
""",
}
# Models of which nothing is ever released: accounts, credentials, work, keys and the trail. A model
# with rows about records stands here or above; the test that says so finds those that refer to one.
NEVER: Final = frozenset(
    {
        "Authenticator",
        "ApiCode",
        "ApiClient",
        "AuditEvent",
        "AuditReview",
        "Cohort",
        "ContactAttempt",
        "ContactDue",
        "DataCut",
        "DataKey",
        "Draft",
        "DuplicateReview",
        "Erasure",
        "ExportJob",
        "ExportRevocation",
        "IndexKey",
        "Lock",
        "Membership",
        "OpenIdentity",
        "Project",
        "ProjectMember",
        "Query",
        "QueryMessage",
        "RecordVersion",
        "Reminder",
        "Session",
        "Signature",
        "Stale",
        "User",
        "Visit",
    }
)


def _read() -> dict[str, FieldEntry]:
    found = {}
    for model, text in _TEXT.items():
        for line in text.split("\n"):
            if line:
                name, letter, item, first, second = line.split()
                key = f"{model}.{name}"
                hipaa = "" if item == "-" else item
                found[key] = FieldEntry(key, letter, hipaa, Treatment(first), Treatment(second))
    return found


FIELDS: Final = _read()
MODELS: Final = tuple(_TEXT)
