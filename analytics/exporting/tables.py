"""The tables of each release profile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from analytics.exporting.choices import SUBJECTS, TABLES, TIME_TO_EVENT
from analytics.exporting.columns import (
    CAPPED,
    CENSORINGS,
    EVENTS,
    PFS_BANDS,
    PRECISIONS,
    SUBJECT,
    Column,
    Table,
    coded,
    dictionary_column,
    form_of,
    outcome_codes,
)
from analytics.projects import RESEARCH, SAFE_HARBOR
from patients.rules.dictionary import Form

DISEASES: Final = ("melanoma", "renal_cell")
ENDPOINTS: Final = {
    "PFS": ("Progression-free survival (primary)", "pfs"),
    "PFSFDA": ("Progression-free survival (fda)", "fda"),
    "PFSEMA": ("Progression-free survival (ema)", "ema"),
    "PFSWC": ("Progression-free survival (worst case)", "worst_case"),
    "OS": ("Overall survival", "os"),
}
CENSOR_DATES: Final = (
    "last adequate assessment without progression",
    "first dose",
    "last known alive",
)
_DATED: Final = f"not {CAPPED} and r.anchored"
_AGE_BAND: Final = f"case when {CAPPED} then '90+' else (r.age_at_t0 / 5 * 5) || '-' || (r.age_at_t0 / 5 * 5 + 4) end"
_ERA_START: Final = "(2006 + floor((r.t0_year - 2006) / 6.0) * 6)::integer"
AGE: Final = ("Outcome.age_at_t0", "PatientIdentity.birth_date")


def _safe_harbor_subjects() -> Iterator[Column]:
    yield SUBJECT
    yield coded("disease", "DISEASE", "Disease", DISEASES, "Patient.disease", quasi=True)
    yield coded("sex", "SEX", "Sex", ("female", "male", "unknown"), "Patient.sex", quasi=True)
    yield Column(
        "age_band",
        "AGEGR1",
        "Age at first dose, five years",
        "text",
        _AGE_BAND,
        AGE,
        unit="years",
        note="90+ where the age at any released event could reach 90",
        quasi=True,
    )
    yield Column(
        "index_era",
        "INDEXERA",
        "Six years that hold the first dose",
        "text",
        f"case when {_DATED} then {_ERA_START} || '-' || ({_ERA_START} + 5) end",
        ("Outcome.t0",),
        quasi=True,
    )
    yield from outcome_codes()
    yield Column(
        "doses_band",
        "DOSEGR1",
        "HD IL-2 doses, banded",
        "code",
        "case when r.doses = 0 then '0' when r.doses <= 14 then '1 to 14'"
        " when r.doses <= 28 then '15 to 28' when r.doses <= 42 then '29 to 42' else '43+' end",
        ("Outcome.doses",),
        codes=("0", "1 to 14", "15 to 28", "29 to 42", "43+"),
    )


def _research_subjects() -> Iterator[Column]:
    yield SUBJECT
    yield Column(
        "center",
        "SITEID",
        "Center: random code of the project",
        "text",
        "center.code",
        ("Patient.center",),
        note="centers of fewer than 11 records of the export are `pooled`",
        quasi=True,
    )
    yield coded("disease", "DISEASE", "Disease", DISEASES, "Patient.disease", quasi=True)
    yield coded("sex", "SEX", "Sex", ("female", "male", "unknown"), "Patient.sex", quasi=True)
    yield Column(
        "age",
        "AGE",
        "Age at first dose",
        "integer",
        f"case when not {CAPPED} then r.age_at_t0 end",
        AGE,
        unit="years",
        note="empty where the age at any released event could reach 90",
        quasi=True,
    )
    yield Column("age_band", "AGEGR1", "Age at first dose, five years", "text", _AGE_BAND, AGE)
    yield Column(
        "index_year",
        "INDEXYR",
        "Year of the first dose",
        "integer",
        f"case when {_DATED} then r.t0_year end",
        ("Outcome.t0",),
        note="the only element of the calendar",
        quasi=True,
    )
    yield coded("t0_precision", "T0DTF", "First dose: known to", PRECISIONS, "Outcome.t0_precision")
    yield from _baseline()
    yield from outcome_codes()
    yield Column("doses", "NDOSES", "HD IL-2 doses given", "integer", "r.doses", ("Outcome.doses",))
    yield coded("pfs_band", "PFSGR1", "PFS, years reached", PFS_BANDS, "Outcome.pfs_band")


_BASELINE: Final = {
    "race": "RACE",
    "ethnicity": "ETHNIC",
    "cohort": "COHORT",
    "primary_diagnosis_date": "PDX",
    "metastatic_diagnosis_date": "MDX",
    "histology": "HISTO",
    "primary_site": "PRIMSITE",
    "ecog": "ECOG",
    "weight_kg": "WEIGHT",
    "metastatic_sites": "METSITES",
    "ldh_ratio": "LDHRATIO",
    "m_stage": "MSTAGE",
    "ajcc_edition": "AJCC",
    "braf": "BRAF",
    "nras": "NRAS",
    "breslow_mm": "BRESLOW",
    "clear_cell": "CLEARCEL",
    "sarcomatoid": "SARCOMAT",
    "nuclear_grade": "NUCGRADE",
    "nephrectomy": "NEPHRECT",
    "nephrectomy_date": "NEPH",
    "imdc_anemia": "IMDCANEM",
    "imdc_hypercalcemia": "IMDCCALC",
    "imdc_neutrophilia": "IMDCNEUT",
    "imdc_thrombocytosis": "IMDCTHRO",
    "cause_of_death": "DTHCAUS",
}


def _baseline() -> Iterator[Column]:
    for name, short in _BASELINE.items():
        yield from dictionary_column(form_of("patients"), name, short, model="Patient")


_ENDS: Final = ("Outcome.pfs_days", "Outcome.os_days")


def _time_to_event(unit: str) -> Table:
    """ADTTE: one row a subject and endpoint; day 0 is the first dose, AVAL = ADY - ASTDY."""
    value = "e.days" if unit == "DAYS" else "e.days / 7"
    names = tuple(words for words, _ in ENDPOINTS.values())
    columns = (
        SUBJECT,
        _end("paramcd", "PARAMCD", "Endpoint code", "e.paramcd", tuple(ENDPOINTS)),
        _end("param", "PARAM", "Endpoint", "e.param", names),
        _length("aval", "AVAL", "Time to event or censoring", value, unit),
        _end("avalu", "AVALU", "Unit of AVAL", f"'{unit}'", (unit,)),
        *_censoring(),
        _length("astdy", "ASTDY", "Start, relative to first dose", "0", unit),
        _length("ady", "ADY", "End, relative to first dose", value, unit),
    )
    title = "Time to event (ADTTE)"
    return Table(TIME_TO_EVENT, "ADTTE", title, "record", columns, ("subject", "paramcd"))


def _end(name: str, short: str, label: str, sql: str, codes: tuple[str, ...]) -> Column:
    return Column(name, short, label, "code", sql, _ENDS, codes=codes)


def _length(name: str, short: str, label: str, sql: str, unit: str) -> Column:
    return Column(name, short, label, "integer", sql, _ENDS, unit=unit.lower())


def _censoring() -> Iterator[Column]:
    reasons = ("Outcome.pfs_event_type", "Outcome.pfs_censor_reason")
    codes = tuple(dict.fromkeys((*EVENTS, *CENSORINGS)))
    yield Column(
        "cnsr",
        "CNSR",
        "Censor (0 event)",
        "integer",
        "e.cnsr",
        ("Outcome.cnsr", "Outcome.os_event", "Outcome.pfs_event"),
        note="0 event; 1 end_of_follow_up; 2 new_systemic_therapy; 3 local_therapy;"
        " 4 gap_before_event; 5 no_assessment",
    )
    yield Column(
        "evntdesc",
        "EVNTDESC",
        "Event or reason of censoring",
        "code",
        "e.evntdesc",
        reasons,
        codes=codes,
    )
    yield Column(
        "cnsdtdsc",
        "CNSDTDSC",
        "What the day of censoring is",
        "code",
        "e.cnsdtdsc",
        reasons[1:],
        codes=CENSOR_DATES,
    )


def _rows(name: str, dataset: str, model: str, shorts: dict[str, str]) -> Table:
    """A form's rows; `course_number` of a cycle is its course's."""
    form: Form = form_of(name)
    columns: list[Column] = [SUBJECT]
    for field, short in shorts.items():
        owner = "Course" if field == "course_number" else model
        columns.extend(dictionary_column(form, field, short, model=owner))
    return Table(name, dataset, form.title, name, tuple(columns), ())


_SUBJECTS: Final = {
    SAFE_HARBOR: Table(
        SUBJECTS, "ADSL", "Subjects (ADSL)", "record", tuple(_safe_harbor_subjects())
    ),
    RESEARCH: Table(SUBJECTS, "ADSL", "Subjects (ADSL)", "record", tuple(_research_subjects())),
}
_FORMS: Final = (
    _rows(
        "prior_therapies",
        "CMPRIOR",
        "PriorTherapy",
        {"start_date": "ST", "end_date": "EN", "therapy_class": "CMCLAS", "setting": "SETTING"},
    ),
    _rows(
        "courses",
        "EXCOURSE",
        "Course",
        {
            "course_number": "COURSE",
            "intent": "INTENT",
            "dose_level": "DOSELVL",
            "concurrent": "CONCUR",
            "stop_reason": "STOPREAS",
        },
    ),
    _rows(
        "cycles",
        "EX",
        "Cycle",
        {
            "course_number": "COURSE",
            "cycle_number": "CYCLE",
            "start_date": "ST",
            "doses_planned": "DOSEPLAN",
            "doses_given": "DOSEGIV",
            "weight_kg": "WEIGHT",
            "hold_reasons": "HOLDREAS",
            "worst_toxicity_grade": "TOXGRADE",
            "icu": "ICU",
            "vasopressors": "VASOPRES",
        },
    ),
    _rows(
        "assessments",
        "RS",
        "Assessment",
        {
            "date": "A",
            "response": "RSRESP",
            "basis": "BASIS",
            "criteria": "CRITERIA",
            "modality": "MODALITY",
            "new_lesion": "NEWLES",
        },
    ),
    _rows(
        "local_therapies",
        "PR",
        "LocalTherapy",
        {
            "date": "A",
            "modality": "MODALITY",
            "site": "SITE",
            "indication": "INDIC",
            "rendered_ned": "RENDNED",
            "margin": "MARGIN",
            "viable_tumor": "VIABLE",
            "dose_gy": "DOSEGY",
            "fractions": "FRACTION",
        },
    ),
    _rows(
        "systemic_therapies",
        "CM",
        "SystemicTherapy",
        {"start_date": "ST", "end_date": "EN", "therapy_class": "CMCLAS", "indication": "INDIC"},
    ),
    _rows(
        "follow_ups",
        "FU",
        "FollowUp",
        {
            "date": "A",
            "vital_status": "VITAL",
            "disease_status": "DISSTAT",
            "systemic_therapy_since_il2": "SYSTHER",
            "second_malignancy": "SECMAL",
        },
    ),
)
RELEASES: Final[dict[str, dict[str, Table]]] = {
    SAFE_HARBOR: {table.name: table for table in (_SUBJECTS[SAFE_HARBOR], _time_to_event("WEEKS"))},
    RESEARCH: {
        table.name: table for table in (_SUBJECTS[RESEARCH], _time_to_event("DAYS"), *_FORMS)
    },
}
assert {profile: tuple(tables) for profile, tables in RELEASES.items()} == TABLES
