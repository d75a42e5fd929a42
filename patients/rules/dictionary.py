"""The data dictionary, version 1: every form, its fields, codes and classes.

One definition serves models (checked against it by a test), forms, the import, templates of the
import bundle and the edit checks. Names are the columns of the CSV bundle.
Source: data dictionary of the registry, docs/data-dictionary.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final, Literal

Kind = Literal["partial_date", "date", "integer", "number", "text", "code", "codes"]
Need = Literal["required", "complete", "optional"]
FieldClass = Literal["I", "Q", "D", "X", "A"]

MISSING_REASONS: Final = {
    "NASK": "Not asked",
    "NAVAIL": "Not available",
    "UNK": "Unknown",
    "NA": "Not applicable",
}
YES_NO_UNKNOWN: Final = ("yes", "no", "unknown")
MELANOMA: Final = "melanoma"
RENAL_CELL: Final = "renal_cell"
DISEASES: Final = (MELANOMA, RENAL_CELL, "other")
# Active in melanoma and renal cell carcinoma: they disqualify whatever their indication (rules 3).
ACTIVE_CLASSES: Final = (
    "checkpoint_inhibitor",
    "interferon",
    "low_dose_il2",
    "other_cytokine",
    "targeted",
    "mtor",
    "braf_mek",
)
SYSTEMIC_CLASSES: Final = (
    "chemotherapy",
    "interferon",
    "low_dose_il2",
    "other_cytokine",
    "checkpoint_inhibitor",
    "targeted",
    "mtor",
    "braf_mek",
    "vaccine",
    "cell_therapy",
    "hormone",
    "investigational",
    "other_anticancer",
    "supportive",
)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form: its CSV column, type, need, class and, for codes, the allowed values."""

    name: str
    label: str
    kind: Kind
    need: Need
    field_class: FieldClass
    codes: tuple[str, ...] = ()
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    max_length: int = 200
    disease: str = ""
    help: str = ""
    reason_too: bool = False

    @property
    def takes_missing_reason(self) -> bool:
        """Whether a coded reason (NASK, NAVAIL, UNK, NA) may stand instead of a value."""
        return self.need == "complete" or self.reason_too


@dataclass(frozen=True, slots=True)
class Form:
    """One form and CSV file: `keys` tell its rows apart within a record, `order` is that of saving."""

    name: str
    title: str
    row_title: str
    fields: tuple[Field, ...]
    keys: tuple[str, ...] = ()
    amends_by_key: bool = False
    by_name: dict[str, Field] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {f.name: f for f in self.fields})

    @property
    def columns(self) -> tuple[str, ...]:
        """CSV header of the form in its documented order."""
        return ("center", "record_id", *(f.name for f in self.fields))


_NEEDS: Final[dict[str, Need]] = {"R": "required", "C": "complete", "O": "optional"}


def _coded(
    spec: str, name: str, label: str, codes: tuple[str, ...] | str, disease: str = ""
) -> Field:
    """A `code` field from a spec of need and class, such as "CX"."""
    values = tuple(codes.split()) if isinstance(codes, str) else codes
    return Field(name, label, "code", _NEEDS[spec[0]], _class(spec), values, disease=disease)


def _several(spec: str, name: str, label: str, codes: str) -> Field:
    """A `codes` field: any number of values, `;` between them in CSV."""
    return Field(name, label, "codes", _NEEDS[spec[0]], _class(spec), tuple(codes.split()))


def _partial(spec: str, name: str, label: str, help: str = "") -> Field:
    """A partial date: YYYY, YYYY-MM or YYYY-MM-DD."""
    return Field(name, label, "partial_date", _NEEDS[spec[0]], _class(spec), help=help)


def _text(spec: str, name: str, label: str, max_length: int = 200, help: str = "") -> Field:
    return Field(
        name, label, "text", _NEEDS[spec[0]], _class(spec), max_length=max_length, help=help
    )


def _integer(spec: str, name: str, label: str, low: int, high: int, unit: str = "") -> Field:
    return Field(
        name,
        label,
        "integer",
        _NEEDS[spec[0]],
        _class(spec),
        unit=unit,
        minimum=low,
        maximum=high,
    )


def _number(
    spec: str, name: str, label: str, high: float, unit: str = "", disease: str = ""
) -> Field:
    return Field(
        name,
        label,
        "number",
        _NEEDS[spec[0]],
        _class(spec),
        unit=unit,
        minimum=0,
        maximum=high,
        disease=disease,
    )


def _class(spec: str) -> FieldClass:
    letter = spec[1]
    assert letter in "IQDXA", spec
    return letter  # type: ignore[return-value]


_BRAF: Final = "V600E V600K other wild_type not_tested unknown"
_SITES: Final = "lung lymph_node liver bone brain skin adrenal"

CENTERS: Final = Form(
    "centers",
    "Centers",
    "Center",
    (
        _text("RA", "center", "Center code", 12),
        _text("RA", "name", "Name"),
        _text("OA", "city", "City"),
        _text("OA", "country", "Country", 2, help="ISO 3166 code of two letters"),
        _text("OA", "irb_number", "IRB number", 60),
        Field("irb_expiry", "IRB expiry", "date", "optional", "A"),
        Field("activation_date", "Activation date", "date", "optional", "A"),
        _coded("RA", "status", "Status", "active closed"),
    ),
    keys=("center",),
    amends_by_key=True,
)

PATIENTS: Final = Form(
    "patients",
    "Patient and baseline",
    "Record",
    (
        _partial("CI", "birth_date", "Birth date"),
        _coded("RQ", "sex", "Sex", "female male unknown"),
        _coded("OQ", "race", "Race", "white black asian native pacific other unknown"),
        _coded("OQ", "ethnicity", "Ethnicity", "hispanic not_hispanic unknown"),
        _text("OI", "mrn", "Medical record number", 60),
        _text("OI", "initials", "Initials", 4, help="Up to 4 letters"),
        _coded("RX", "disease", "Disease", DISEASES),
        _coded("RX", "cohort", "Cohort", "retrospective prospective"),
        _coded("CA", "consent", "Consent", "signed waived withdrawn unknown"),
        _partial("OD", "consent_date", "Consent date"),
        _text("OI", "same_person_as", "Same person as", 60, help="Record ID of the other disease"),
        _partial("CD", "primary_diagnosis_date", "Primary diagnosis"),
        _partial("CD", "metastatic_diagnosis_date", "Metastatic disease"),
        _text("CX", "histology", "Histology", 60, help="ICD-O-3 morphology, such as 8720/3"),
        _coded(
            "OX",
            "primary_site",
            "Primary site",
            "cutaneous mucosal uveal acral unknown_primary"
            " kidney_left kidney_right kidney_bilateral",
        ),
        _coded("CX", "ecog", "ECOG performance status", "0 1 2 3 4"),
        _number("OX", "weight_kg", "Weight", 100000, "kg"),
        _several("CX", "metastatic_sites", "Metastatic sites", _SITES + " local other"),
        _number("OX", "ldh_ratio", "LDH ratio", 100000, "value / upper limit of normal"),
        _coded("CX", "m_stage", "M stage", "M0 M1 M1a M1b M1c M1d", MELANOMA),
        _coded("OX", "ajcc_edition", "AJCC edition", "6 7 8", MELANOMA),
        _coded("OX", "braf", "BRAF", _BRAF, MELANOMA),
        _coded("OX", "nras", "NRAS", _BRAF, MELANOMA),
        _number("OX", "breslow_mm", "Breslow thickness", 100000, "mm", MELANOMA),
        _coded("CX", "clear_cell", "Clear cell component", YES_NO_UNKNOWN, RENAL_CELL),
        _coded("OX", "sarcomatoid", "Sarcomatoid features", YES_NO_UNKNOWN, RENAL_CELL),
        _coded("OX", "nuclear_grade", "Nuclear grade", "1 2 3 4", RENAL_CELL),
        _coded("CX", "nephrectomy", "Nephrectomy", "radical partial none unknown", RENAL_CELL),
        Field(
            "nephrectomy_date",
            "Nephrectomy date",
            "partial_date",
            "optional",
            "D",
            disease=RENAL_CELL,
        ),
        _coded("OX", "imdc_anemia", "Anemia (IMDC)", YES_NO_UNKNOWN, RENAL_CELL),
        _coded("OX", "imdc_hypercalcemia", "Hypercalcemia (IMDC)", YES_NO_UNKNOWN, RENAL_CELL),
        _coded("OX", "imdc_neutrophilia", "Neutrophilia (IMDC)", YES_NO_UNKNOWN, RENAL_CELL),
        _coded("OX", "imdc_thrombocytosis", "Thrombocytosis (IMDC)", YES_NO_UNKNOWN, RENAL_CELL),
        _partial("OD", "date_of_death", "Date of death"),
        _coded(
            "OX",
            "cause_of_death",
            "Cause of death",
            "index_disease il2_toxicity second_cancer other unknown",
        ),
    ),
    amends_by_key=True,
)

PRIOR_THERAPIES: Final = Form(
    "prior_therapies",
    "Prior therapies",
    "Prior therapy",
    (
        _partial("OD", "start_date", "Start"),
        _partial("OD", "end_date", "End"),
        _coded("RX", "therapy_class", "Class", (*SYSTEMIC_CLASSES, "surgery", "radiotherapy")),
        _text("OX", "agent", "Agent"),
        _coded("OX", "setting", "Setting", "adjuvant metastatic unknown"),
    ),
)

COURSES: Final = Form(
    "courses",
    "HD IL-2 courses",
    "Course",
    (
        _integer("RX", "course_number", "Course", 1, 99),
        _coded("CX", "intent", "Intent", "initial continuation retreatment_after_progression"),
        # Optional, yet bundles of the sites say UNK here: a level looked for and not found.
        replace(
            _coded("OX", "dose_level", "Dose level (IU/kg)", "600000 720000 other"),
            reason_too=True,
        ),
        _coded("OX", "dose_unit_as_written", "Unit as written", "IU cetus_unit roche_unit mg"),
        _several(
            "OX",
            "concurrent",
            "Concurrent agents",
            "none lak til interferon vaccine bevacizumab other",
        ),
        _coded(
            "CX",
            "stop_reason",
            "Reason for no further course",
            "complete_response progression toxicity no_shrinkage patient_choice planned_end"
            " other unknown",
        ),
    ),
    keys=("course_number",),
    amends_by_key=True,
)

CYCLES: Final = Form(
    "cycles",
    "HD IL-2 cycles",
    "Cycle",
    (
        _integer("RX", "course_number", "Course", 1, 99),
        _integer("RX", "cycle_number", "Cycle", 1, 2),
        _partial("RD", "start_date", "Start"),
        _integer("OX", "doses_planned", "Doses planned", 0, 14),
        _integer("CX", "doses_given", "Doses given", 0, 14),
        _number("OX", "weight_kg", "Weight", 100000, "kg"),
        _several(
            "OX",
            "hold_reasons",
            "Reasons for held doses",
            "none max_doses hypotension arrhythmia ischemia renal pulmonary neurotoxicity hepatic"
            " gastrointestinal infection thrombocytopenia acidosis skin patient_choice"
            " progression other",
        ),
        _coded("OX", "worst_toxicity_grade", "Worst toxicity grade", "0 1 2 3 4 5"),
        _text("OX", "toxicity_criteria", "Toxicity criteria", help="CTCAE version or WHO"),
        _coded("OX", "icu", "Intensive care", YES_NO_UNKNOWN),
        _coded("OX", "vasopressors", "Vasopressors", YES_NO_UNKNOWN),
    ),
    keys=("course_number", "cycle_number"),
    amends_by_key=True,
)

ASSESSMENTS: Final = Form(
    "assessments",
    "Disease assessments",
    "Assessment",
    (
        _partial("RD", "date", "Date"),
        _coded("RX", "response", "Response", "CR PR SD PD NE NED"),
        _coded("CX", "basis", "Basis", "imaging pathology clinical"),
        _coded("OX", "criteria", "Criteria", "WHO RECIST10 RECIST11 iRECIST clinical unknown"),
        _several("OX", "modality", "Modality", "ct mri pet xray bone_scan exam photo"),
        _coded("OX", "new_lesion", "New lesion", YES_NO_UNKNOWN),
        _coded("OX", "status", "Status", "final retracted"),
    ),
)

LOCAL_THERAPIES: Final = Form(
    "local_therapies",
    "Local therapies",
    "Local therapy",
    (
        _partial("RD", "date", "Date"),
        _coded(
            "RX",
            "modality",
            "Modality",
            "metastasectomy nephrectomy lymphadenectomy external_beam stereotactic radiofrequency"
            " cryoablation microwave embolization limb_perfusion intralesional other",
        ),
        _coded("CX", "site", "Site", _SITES + " primary other"),
        _coded(
            "CX",
            "indication",
            "Indication",
            "residual_disease planned progressing_lesion new_lesion palliation diagnostic unknown",
        ),
        _coded("CX", "rendered_ned", "Rendered NED", YES_NO_UNKNOWN),
        _coded("OX", "margin", "Margin", "R0 R1 R2 unknown"),
        _coded("OX", "viable_tumor", "Viable tumor", YES_NO_UNKNOWN),
        _number("OX", "dose_gy", "Dose", 100000, "Gy"),
        _integer("OX", "fractions", "Fractions", 0, 1000),
    ),
)

SYSTEMIC_THERAPIES: Final = Form(
    "systemic_therapies",
    "Systemic therapies after HD IL-2",
    "Systemic therapy",
    (
        _partial("RD", "start_date", "Start"),
        _partial("OD", "end_date", "End"),
        _coded("RX", "therapy_class", "Class", SYSTEMIC_CLASSES),
        _text("OX", "agent", "Agent"),
        _coded(
            "CX", "indication", "Indication", "progression adjuvant other_malignancy other unknown"
        ),
    ),
)

FOLLOW_UPS: Final = Form(
    "follow_ups",
    "Follow-up contacts",
    "Follow-up",
    (
        _partial("RD", "date", "Date"),
        _coded("CA", "source", "Source", "visit phone letter record registry_linkage"),
        _coded("RX", "vital_status", "Vital status", "alive dead unknown"),
        _coded(
            "CX",
            "disease_status",
            "Disease status",
            "no_evidence_of_disease stable_disease progressive_disease unknown",
        ),
        _coded(
            "CX",
            "systemic_therapy_since_il2",
            "Any systemic anticancer therapy since HD IL-2?",
            "none yes unknown",
        ),
        _coded("OX", "second_malignancy", "Second malignancy", YES_NO_UNKNOWN),
    ),
)

# In the order of saving: a record before its rows, a course before its cycles.
RECORD_FORMS: Final = (
    PATIENTS,
    PRIOR_THERAPIES,
    COURSES,
    CYCLES,
    ASSESSMENTS,
    LOCAL_THERAPIES,
    SYSTEMIC_THERAPIES,
    FOLLOW_UPS,
)
FORMS: Final = {form.name: form for form in (CENTERS, *RECORD_FORMS)}
