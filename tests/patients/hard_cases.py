"""Case tables of the hard checks: fires, passes, boundary, partial date that passes."""

from __future__ import annotations

from datetime import timedelta

from tests.patients.check_cases import (
    CONTACT,
    COURSE,
    CYCLE,
    TODAY,
    Case,
    assessments,
    cases_of,
    contact,
    cycles,
    local,
    patient,
    prior,
    systemic,
)

DAY_AFTER_TOMORROW = (TODAY + timedelta(days=2)).isoformat()
RETRACTED = {"retracted": "yes"}

HARD_CASES: list[Case] = [
    *cases_of(
        "value.required",
        ("all there", False, {}),
        ("no response", True, {"assessments": [{"date": "2002-01-01"}]}),
        ("no start", True, {"cycles": [{"course_number": "1", "cycle_number": "1"}]}),
        ("no sex", True, patient(sex="")),
        ("no start of the second", True, {"cycles": [CYCLE, {**COURSE, "cycle_number": "2"}]}),
    ),
    *cases_of(
        "order.birth",
        ("diagnosis after", False, patient(primary_diagnosis_date="1950-04-02")),
        ("diagnosis on the day", True, patient(primary_diagnosis_date="1950-04-01")),
        ("diagnosis in the year", False, patient(primary_diagnosis_date="1950")),
        ("diagnosis in the month before", True, patient(primary_diagnosis_date="1950-03")),
        ("birth only a year", False, patient(birth_date="1950", consent_date="1950-01-02")),
        (
            "birth a year, first day of it",
            True,
            patient(birth_date="1950", consent_date="1950-01-01"),
        ),
        ("end of a prior therapy", True, prior("", end_date="1949")),
        ("contact before", True, contact("1949-12-31")),
        ("retracted contact", False, {"follow_ups": [{**CONTACT, "date": "1949", **RETRACTED}]}),
        ("no birth date", False, patient(birth_date="", consent_date="1949")),
    ),
    *cases_of(
        "order.after_death",
        ("no death", False, contact("2005-01-01")),
        ("contact on the day", False, patient(date_of_death="2005-01-01") | contact("2005-01-01")),
        ("contact a day after", True, patient(date_of_death="2005-01-01") | contact("2005-01-02")),
        ("death a month", False, patient(date_of_death="2005-01") | contact("2005-01-31")),
        (
            "death a month, contact after",
            True,
            patient(date_of_death="2005-01") | contact("2005-02"),
        ),
        ("contact a year", False, patient(date_of_death="2005-01-01") | contact("2005")),
        (
            "contact dead",
            False,
            patient(date_of_death="2005-01-01") | contact("2006-01-01", vital_status="dead"),
        ),
        (
            "contact unknown",
            True,
            patient(date_of_death="2005-01-01") | contact("2006-01-01", vital_status="unknown"),
        ),
        ("cycle", True, patient(date_of_death="2001-03-09")),
        ("assessment", True, patient(date_of_death="2002") | assessments(("2003", "SD"))),
        ("local therapy", True, patient(date_of_death="2002") | local("2003")),
        ("systemic therapy", True, patient(date_of_death="2002") | systemic("2003")),
        ("end of therapy", True, patient(date_of_death="2002") | systemic("2002", end_date="2003")),
        ("prior therapy", True, patient(date_of_death="2002") | prior("1999", end_date="2003")),
        ("metastases", True, patient(date_of_death="2002", metastatic_diagnosis_date="2003")),
        ("consent waived later", False, patient(date_of_death="2002", consent_date="2010")),
        (
            "retracted",
            False,
            patient(date_of_death="2002")
            | {"assessments": [{"date": "2003", "response": "SD", **RETRACTED}]},
        ),
    ),
    *cases_of(
        "order.cycles",
        ("a week later", False, cycles((1, 1, "2001-03-10"), (1, 2, "2001-03-17"))),
        ("same day", False, cycles((1, 1, "2001-03-10"), (1, 2, "2001-03-10"))),
        ("a day before", True, cycles((1, 1, "2001-03-10"), (1, 2, "2001-03-09"))),
        ("the month before", True, cycles((1, 1, "2001-03-10"), (1, 2, "2001-02"))),
        ("in the year", False, cycles((1, 1, "2001"), (1, 2, "2001-03-10"))),
    ),
    *cases_of(
        "order.courses",
        ("later", False, cycles((1, 1, "2001-03-10"), (2, 1, "2001-06-10"))),
        ("same day", False, cycles((1, 1, "2001-03-10"), (2, 1, "2001-03-10"))),
        ("before", True, cycles((1, 1, "2001-03-10"), (2, 1, "2001-03-09"))),
        ("in the year", False, cycles((1, 1, "2001-03-10"), (2, 1, "2001"))),
        (
            "between the cycles",
            True,
            cycles((1, 1, "2001-03-10"), (1, 2, "2001-03-17"), (2, 1, "2001-03-12")),
        ),
        (
            "a year between two days",
            True,
            cycles((1, 1, "2003-05-05"), (2, 1, "2003"), (3, 1, "2003-01-01")),
        ),
    ),
    *cases_of(
        "course.numbers",
        ("1 and 2", False, cycles((1, 1, "2001-03-10"), (2, 1, "2001-06-10"))),
        ("1 and 3", True, cycles((1, 1, "2001-03-10"), (3, 1, "2001-06-10"))),
        ("only 2", True, cycles((2, 1, "2001-03-10"))),
        ("no course", False, {"courses": [], "cycles": []}),
    ),
    *cases_of(
        "course.cycle_missing",
        ("one cycle", False, {}),
        ("none", True, {"cycles": []}),
        ("only a retracted one", True, {"cycles": [{**CYCLE, **RETRACTED}]}),
        ("retracted course", False, {"courses": [{**COURSE, **RETRACTED}], "cycles": []}),
    ),
    *cases_of(
        "cycle.course_missing",
        ("course there", False, {}),
        ("course retracted", True, {"courses": [{**COURSE, **RETRACTED}]}),
        (
            "both retracted",
            False,
            {"courses": [{**COURSE, **RETRACTED}], "cycles": [{**CYCLE, **RETRACTED}]},
        ),
    ),
    *cases_of(
        "row.duplicate",
        ("two cycles", False, cycles((1, 1, "2001-03-10"), (1, 2, "2001-03-17"))),
        ("cycle twice", True, {"cycles": [CYCLE, CYCLE]}),
        ("course twice", True, {"courses": [COURSE, COURSE]}),
        ("one of them retracted", False, {"cycles": [CYCLE, {**CYCLE, **RETRACTED}]}),
    ),
    *cases_of(
        "dose.planned",
        ("14 of none written", False, cycles((1, 1, "2001"), doses_given="14")),
        ("10 of 10", False, cycles((1, 1, "2001"), doses_given="10", doses_planned="10")),
        ("11 of 10", True, cycles((1, 1, "2001"), doses_given="11", doses_planned="10")),
        ("unknown of 0", False, cycles((1, 1, "2001"), doses_given="UNK", doses_planned="0")),
    ),
    *cases_of(
        "order.diagnosis",
        (
            "same day",
            False,
            patient(primary_diagnosis_date="1999-01-02", metastatic_diagnosis_date="1999-01-02"),
        ),
        (
            "a day before",
            True,
            patient(primary_diagnosis_date="1999-01-02", metastatic_diagnosis_date="1999-01-01"),
        ),
        (
            "in the year",
            False,
            patient(primary_diagnosis_date="1999-06-01", metastatic_diagnosis_date="1999"),
        ),
        (
            "the year before",
            True,
            patient(primary_diagnosis_date="1999", metastatic_diagnosis_date="1998"),
        ),
        (
            "primary unknown",
            False,
            patient(primary_diagnosis_date="UNK", metastatic_diagnosis_date="1998"),
        ),
    ),
    *cases_of(
        "disease.field",
        ("own field", False, patient(m_stage="M1a", braf="V600E", breslow_mm="2.5")),
        ("renal field", True, patient(clear_cell="yes")),
        ("renal date", True, patient(nephrectomy_date="2000")),
        ("not applicable", False, patient(clear_cell="NA")),
        ("unknown", True, patient(clear_cell="UNK")),
        ("melanoma field in other", True, patient(disease="other", breslow_mm="1")),
        ("renal", False, patient(disease="renal_cell", clear_cell="yes", imdc_anemia="no")),
        ("melanoma field in renal", True, patient(disease="renal_cell", m_stage="M1")),
    ),
    *cases_of(
        "death.date_missing",
        ("alive", False, contact("2005")),
        ("dead, no date", True, contact("2005", vital_status="dead")),
        (
            "dead, a year",
            False,
            patient(date_of_death="2005") | contact("2005", vital_status="dead"),
        ),
        (
            "retracted",
            False,
            {"follow_ups": [{"date": "2005", "vital_status": "dead", **RETRACTED}]},
        ),
    ),
    *cases_of(
        "attestation.none",
        ("no therapy", False, contact("2005-01-01", systemic_therapy_since_il2="none")),
        (
            "therapy before",
            True,
            systemic("2004-01-01") | contact("2005-01-01", systemic_therapy_since_il2="none"),
        ),
        (
            "therapy on the day",
            True,
            systemic("2005-01-01") | contact("2005-01-01", systemic_therapy_since_il2="none"),
        ),
        (
            "therapy a day later",
            False,
            systemic("2005-01-02") | contact("2005-01-01", systemic_therapy_since_il2="none"),
        ),
        (
            "therapy in the year of the contact",
            False,
            systemic("2005") | contact("2005-06-01", systemic_therapy_since_il2="none"),
        ),
        (
            "therapy in the year of T0",
            False,
            systemic("2001") | contact("2005-06-01", systemic_therapy_since_il2="none"),
        ),
        (
            "therapy on the day of T0",
            False,
            systemic("2001-03-10") | contact("2005-06-01", systemic_therapy_since_il2="none"),
        ),
        (
            "answer yes",
            False,
            systemic("2004-01-01") | contact("2005-01-01", systemic_therapy_since_il2="yes"),
        ),
        (
            "supportive",
            False,
            systemic("2004-01-01", therapy_class="supportive")
            | contact("2005-01-01", systemic_therapy_since_il2="none"),
        ),
        (
            "other malignancy, chemotherapy",
            False,
            systemic("2004-01-01", indication="other_malignancy")
            | contact("2005-01-01", systemic_therapy_since_il2="none"),
        ),
        (
            "other malignancy, active class",
            True,
            systemic("2004-01-01", indication="other_malignancy", therapy_class="interferon")
            | contact("2005-01-01", systemic_therapy_since_il2="none"),
        ),
        (
            "never treated",
            False,
            {"courses": [], "cycles": []}
            | systemic("2004-01-01")
            | contact("2005-01-01", systemic_therapy_since_il2="none"),
        ),
        (
            "cycle not given",
            False,
            cycles((1, 1, "2001-03-10"), doses_given="0")
            | systemic("2004-01-01")
            | contact("2005-01-01", systemic_therapy_since_il2="none"),
        ),
    ),
    *cases_of(
        "date.future",
        ("today", False, contact(TODAY.isoformat())),
        ("day after tomorrow", True, contact(DAY_AFTER_TOMORROW)),
        ("this month", False, contact(TODAY.isoformat()[:7])),
        ("this year", False, contact(TODAY.isoformat()[:4])),
        ("next century", True, patient(consent_date="2199")),
        ("birth", True, patient(birth_date="2199") | {"courses": [], "cycles": []}),
        ("retracted", False, {"follow_ups": [{**CONTACT, "date": "2199", **RETRACTED}]}),
    ),
    *cases_of(
        "local.before_il2",
        ("after", False, local("2001-03-11")),
        ("on the day", False, local("2001-03-10")),
        ("a day before", True, local("2001-03-09")),
        ("in the month", False, local("2001-03")),
        ("in the month before", True, local("2001-02")),
        ("untreated", False, {"courses": [], "cycles": []} | local("1999")),
        ("T0 a year", False, cycles((1, 1, "2001")) | local("2001-01-01")),
    ),
    *cases_of(
        "systemic.before_il2",
        ("after", False, systemic("2001-03-11")),
        ("on the day", False, systemic("2001-03-10")),
        ("a day before", True, systemic("2001-03-09")),
        ("in the year", False, systemic("2001")),
        ("supportive too", True, systemic("2000", therapy_class="supportive")),
    ),
    *cases_of(
        "prior.after_il2",
        ("before", False, prior("2001-03-09")),
        ("on the day", False, prior("2001-03-10")),
        ("a day after", True, prior("2001-03-11")),
        ("in the year", False, prior("2001")),
        ("no start", False, prior("", end_date="2005")),
        (
            "T0 of the least hi",
            True,
            cycles((1, 1, "2001"), (1, 2, "2001-03-10")) | prior("2001-04-01"),
        ),
    ),
    *cases_of(
        "follow_up.progression_undocumented",
        ("nothing", True, contact("2005", disease_status="progressive_disease")),
        (
            "PD before",
            False,
            assessments(("2004-01-01", "PD"))
            | contact("2005-01-01", disease_status="progressive_disease"),
        ),
        (
            "PD on the day",
            False,
            assessments(("2005-01-01", "PD"))
            | contact("2005-01-01", disease_status="progressive_disease"),
        ),
        (
            "PD a day after",
            True,
            assessments(("2005-01-02", "PD"))
            | contact("2005-01-01", disease_status="progressive_disease"),
        ),
        (
            "PD in the year",
            False,
            assessments(("2005", "PD"))
            | contact("2005-01-01", disease_status="progressive_disease"),
        ),
        (
            "SD only",
            True,
            assessments(("2004-01-01", "SD"))
            | contact("2005-01-01", disease_status="progressive_disease"),
        ),
        (
            "PD retracted",
            True,
            {"assessments": [{"date": "2004", "response": "PD", **RETRACTED}]}
            | contact("2005-01-01", disease_status="progressive_disease"),
        ),
        (
            "local therapy of a new lesion",
            False,
            local("2004-01-01", indication="new_lesion")
            | contact("2005", disease_status="progressive_disease"),
        ),
        (
            "local therapy of a progressing lesion after",
            True,
            local("2006-01-01", indication="progressing_lesion")
            | contact("2005", disease_status="progressive_disease"),
        ),
        (
            "local therapy planned",
            True,
            local("2004-01-01", indication="planned")
            | contact("2005", disease_status="progressive_disease"),
        ),
        ("stable", False, contact("2005", disease_status="stable_disease")),
    ),
]

# Reached in Python only: the database's own one-row limits and keys leave no way to such a record.
PYTHON_CASES: list[Case] = [
    *cases_of(
        "dose.course_total",
        ("28 of 28", False, cycles((1, 1, "2001"), (1, 2, "2001"), doses_given="14")),
        (
            "42 in one course",
            True,
            cycles((1, 1, "2001"), (1, 2, "2001"), (1, 2, "2001"), doses_given="14"),
        ),
    ),
    *cases_of(
        "cycle.course_missing",
        ("course not there", True, {"courses": []}),
    ),
]
