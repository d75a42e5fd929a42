"""The data dictionary, version 1: every form, its fields, codes and classes.

One definition serves models (checked against it by a test), forms, the import, templates of the
import bundle and the edit checks. Names are the columns of the CSV bundle.
Source: data dictionary of the registry, docs/data-dictionary.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final, Literal

from centers.marks import gettext_noop as _

Kind = Literal["partial_date", "date", "integer", "number", "text", "code", "codes"]
Need = Literal["required", "complete", "optional"]
FieldClass = Literal["I", "Q", "D", "X", "A"]

MISSING_REASONS: Final = {
    "NASK": _("Not asked"),
    "NAVAIL": _("Not available"),
    "UNK": _("Unknown"),
    "NA": _("Not applicable"),
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
    _("Centers"),
    _("Center"),
    (
        _text("RA", "center", _("Center code"), 12),
        _text("RA", "name", _("Name")),
        _text("OA", "city", _("City")),
        _text("OA", "country", _("Country"), 2, help=_("ISO 3166 code of two letters")),
        _text("OA", "irb_number", _("IRB number"), 60),
        Field("irb_expiry", _("IRB expiry"), "date", "optional", "A"),
        Field("activation_date", _("Activation date"), "date", "optional", "A"),
        _coded("RA", "status", _("Status"), "active closed"),
    ),
    keys=("center",),
    amends_by_key=True,
)

PATIENTS: Final = Form(
    "patients",
    _("Patient and baseline"),
    _("Record"),
    (
        _partial("CI", "birth_date", _("Birth date")),
        _coded("RQ", "sex", _("Sex"), "female male unknown"),
        _coded("OQ", "race", _("Race"), "white black asian native pacific other unknown"),
        _coded("OQ", "ethnicity", _("Ethnicity"), "hispanic not_hispanic unknown"),
        _text("OI", "mrn", _("Medical record number"), 60),
        _text("OI", "initials", _("Initials"), 4, help=_("Up to 4 letters")),
        _coded("RX", "disease", _("Disease"), DISEASES),
        _coded("RX", "cohort", _("Cohort"), "retrospective prospective"),
        _coded("CA", "consent", _("Consent"), "signed waived withdrawn unknown"),
        _partial("OD", "consent_date", _("Consent date")),
        _text(
            "OI",
            "same_person_as",
            _("Same person as"),
            60,
            help=_("Record ID of the other disease"),
        ),
        _partial("CD", "primary_diagnosis_date", _("Primary diagnosis")),
        _partial("CD", "metastatic_diagnosis_date", _("Metastatic disease")),
        _text("CX", "histology", _("Histology"), 60, help=_("ICD-O-3 morphology, such as 8720/3")),
        _coded(
            "OX",
            "primary_site",
            _("Primary site"),
            "cutaneous mucosal uveal acral unknown_primary"
            " kidney_left kidney_right kidney_bilateral",
        ),
        _coded("CX", "ecog", _("ECOG performance status"), "0 1 2 3 4"),
        _number("OX", "weight_kg", _("Weight"), 100000, "kg"),
        _several("CX", "metastatic_sites", _("Metastatic sites"), _SITES + " local other"),
        _number("OX", "ldh_ratio", _("LDH ratio"), 100000, _("value / upper limit of normal")),
        _coded("CX", "m_stage", _("M stage"), "M0 M1 M1a M1b M1c M1d", MELANOMA),
        _coded("OX", "ajcc_edition", _("AJCC edition"), "6 7 8", MELANOMA),
        _coded("OX", "braf", _("BRAF"), _BRAF, MELANOMA),
        _coded("OX", "nras", _("NRAS"), _BRAF, MELANOMA),
        _number("OX", "breslow_mm", _("Breslow thickness"), 100000, "mm", MELANOMA),
        _coded("CX", "clear_cell", _("Clear cell component"), YES_NO_UNKNOWN, RENAL_CELL),
        _coded("OX", "sarcomatoid", _("Sarcomatoid features"), YES_NO_UNKNOWN, RENAL_CELL),
        _coded("OX", "nuclear_grade", _("Nuclear grade"), "1 2 3 4", RENAL_CELL),
        _coded("CX", "nephrectomy", _("Nephrectomy"), "radical partial none unknown", RENAL_CELL),
        Field(
            "nephrectomy_date",
            _("Nephrectomy date"),
            "partial_date",
            "optional",
            "D",
            disease=RENAL_CELL,
        ),
        _coded("OX", "imdc_anemia", _("Anemia (IMDC)"), YES_NO_UNKNOWN, RENAL_CELL),
        _coded("OX", "imdc_hypercalcemia", _("Hypercalcemia (IMDC)"), YES_NO_UNKNOWN, RENAL_CELL),
        _coded("OX", "imdc_neutrophilia", _("Neutrophilia (IMDC)"), YES_NO_UNKNOWN, RENAL_CELL),
        _coded("OX", "imdc_thrombocytosis", _("Thrombocytosis (IMDC)"), YES_NO_UNKNOWN, RENAL_CELL),
        _partial("OD", "date_of_death", _("Date of death")),
        _coded(
            "OX",
            "cause_of_death",
            _("Cause of death"),
            "index_disease il2_toxicity second_cancer other unknown",
        ),
    ),
    amends_by_key=True,
)

PRIOR_THERAPIES: Final = Form(
    "prior_therapies",
    _("Prior therapies"),
    _("Prior therapy"),
    (
        _partial("OD", "start_date", _("Start")),
        _partial("OD", "end_date", _("End")),
        _coded("RX", "therapy_class", _("Class"), (*SYSTEMIC_CLASSES, "surgery", "radiotherapy")),
        _text("OX", "agent", _("Agent")),
        _coded("OX", "setting", _("Setting"), "adjuvant metastatic unknown"),
    ),
)

COURSES: Final = Form(
    "courses",
    _("HD IL-2 courses"),
    _("Course"),
    (
        _integer("RX", "course_number", _("Course"), 1, 99),
        _coded("CX", "intent", _("Intent"), "initial continuation retreatment_after_progression"),
        # Optional, yet bundles of the sites say UNK here: a level looked for and not found.
        replace(
            _coded("OX", "dose_level", _("Dose level (IU/kg)"), "600000 720000 other"),
            reason_too=True,
        ),
        _coded("OX", "dose_unit_as_written", _("Unit as written"), "IU cetus_unit roche_unit mg"),
        _several(
            "OX",
            "concurrent",
            _("Concurrent agents"),
            "none lak til interferon vaccine bevacizumab other",
        ),
        _coded(
            "CX",
            "stop_reason",
            _("Reason for no further course"),
            "complete_response progression toxicity no_shrinkage patient_choice planned_end"
            " other unknown",
        ),
    ),
    keys=("course_number",),
    amends_by_key=True,
)

CYCLES: Final = Form(
    "cycles",
    _("HD IL-2 cycles"),
    _("Cycle"),
    (
        _integer("RX", "course_number", _("Course"), 1, 99),
        _integer("RX", "cycle_number", _("Cycle"), 1, 2),
        _partial("RD", "start_date", _("Start")),
        _integer("OX", "doses_planned", _("Doses planned"), 0, 14),
        _integer("CX", "doses_given", _("Doses given"), 0, 14),
        _number("OX", "weight_kg", _("Weight"), 100000, "kg"),
        _several(
            "OX",
            "hold_reasons",
            _("Reasons for held doses"),
            "none max_doses hypotension arrhythmia ischemia renal pulmonary neurotoxicity hepatic"
            " gastrointestinal infection thrombocytopenia acidosis skin patient_choice"
            " progression other",
        ),
        _coded("OX", "worst_toxicity_grade", _("Worst toxicity grade"), "0 1 2 3 4 5"),
        _text("OX", "toxicity_criteria", _("Toxicity criteria"), help=_("CTCAE version or WHO")),
        _coded("OX", "icu", _("Intensive care"), YES_NO_UNKNOWN),
        _coded("OX", "vasopressors", _("Vasopressors"), YES_NO_UNKNOWN),
    ),
    keys=("course_number", "cycle_number"),
    amends_by_key=True,
)

ASSESSMENTS: Final = Form(
    "assessments",
    _("Disease assessments"),
    _("Assessment"),
    (
        _partial("RD", "date", _("Date")),
        _coded("RX", "response", _("Response"), "CR PR SD PD NE NED"),
        _coded("CX", "basis", _("Basis"), "imaging pathology clinical"),
        _coded("OX", "criteria", _("Criteria"), "WHO RECIST10 RECIST11 iRECIST clinical unknown"),
        _several("OX", "modality", _("Modality"), "ct mri pet xray bone_scan exam photo"),
        _coded("OX", "new_lesion", _("New lesion"), YES_NO_UNKNOWN),
        _coded("OX", "status", _("Status"), "final retracted"),
    ),
)

LOCAL_THERAPIES: Final = Form(
    "local_therapies",
    _("Local therapies"),
    _("Local therapy"),
    (
        _partial("RD", "date", _("Date")),
        _coded(
            "RX",
            "modality",
            _("Modality"),
            "metastasectomy nephrectomy lymphadenectomy external_beam stereotactic radiofrequency"
            " cryoablation microwave embolization limb_perfusion intralesional other",
        ),
        _coded("CX", "site", _("Site"), _SITES + " primary other"),
        _coded(
            "CX",
            "indication",
            _("Indication"),
            "residual_disease planned progressing_lesion new_lesion palliation diagnostic unknown",
        ),
        _coded("CX", "rendered_ned", _("Rendered NED"), YES_NO_UNKNOWN),
        _coded("OX", "margin", _("Margin"), "R0 R1 R2 unknown"),
        _coded("OX", "viable_tumor", _("Viable tumor"), YES_NO_UNKNOWN),
        _number("OX", "dose_gy", _("Dose"), 100000, _("Gy")),
        _integer("OX", "fractions", _("Fractions"), 0, 1000),
    ),
)

SYSTEMIC_THERAPIES: Final = Form(
    "systemic_therapies",
    _("Systemic therapies after HD IL-2"),
    _("Systemic therapy"),
    (
        _partial("RD", "start_date", _("Start")),
        _partial("OD", "end_date", _("End")),
        _coded("RX", "therapy_class", _("Class"), SYSTEMIC_CLASSES),
        _text("OX", "agent", _("Agent")),
        _coded(
            "CX",
            "indication",
            _("Indication"),
            "progression adjuvant other_malignancy other unknown",
        ),
    ),
)

FOLLOW_UPS: Final = Form(
    "follow_ups",
    _("Follow-up contacts"),
    "Follow-up",
    (
        _partial("RD", "date", _("Date")),
        _coded("CA", "source", _("Source"), "visit phone letter record registry_linkage"),
        _coded("RX", "vital_status", _("Vital status"), "alive dead unknown"),
        _coded(
            "CX",
            "disease_status",
            _("Disease status"),
            "no_evidence_of_disease stable_disease progressive_disease unknown",
        ),
        _coded(
            "CX",
            "systemic_therapy_since_il2",
            _("Any systemic anticancer therapy since HD IL-2?"),
            "none yes unknown",
        ),
        _coded("OX", "second_malignancy", _("Second malignancy"), YES_NO_UNKNOWN),
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
