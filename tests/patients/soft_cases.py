"""Case tables of the soft checks: fires, passes, boundary, partial date that passes."""

from __future__ import annotations

from tests.patients.check_cases import (
    COURSE,
    CYCLE,
    Case,
    assessments,
    cases_of,
    contact,
    cycles,
    local,
    patient,
    systemic,
)

SOFT_CASES: list[Case] = [
    *cases_of(
        "age.range",
        ("50", False, {}),
        ("18 today", False, patient(birth_date="1983-03-10")),
        ("18 tomorrow", True, patient(birth_date="1983-03-11")),
        ("90", False, patient(birth_date="1910-03-11")),
        ("91", True, patient(birth_date="1910-03-10")),
        ("untreated child", False, {"courses": [], "cycles": []} | patient(birth_date="2015")),
        ("unknown", False, patient(birth_date="UNK")),
    ),
    *cases_of(
        "weight.range",
        ("30", False, patient(weight_kg="30")),
        ("200", False, patient(weight_kg="200")),
        ("29.9", True, patient(weight_kg="29.9")),
        ("200.1", True, patient(weight_kg="200.1")),
        ("cycle 29", True, cycles((1, 1, "2001"), weight_kg="29")),
        ("cycle 30", False, cycles((1, 1, "2001"), weight_kg="30")),
    ),
    *cases_of(
        "ldh.range",
        ("20", False, patient(ldh_ratio="20")),
        ("20.1", True, patient(ldh_ratio="20.1")),
    ),
    *cases_of(
        "breslow.range",
        ("20", False, patient(breslow_mm="20")),
        ("20.1", True, patient(breslow_mm="20.1")),
    ),
    *cases_of(
        "dose.level",
        ("600000", False, {"courses": [{**COURSE, "dose_level": "600000"}]}),
        ("720000", False, {"courses": [{**COURSE, "dose_level": "720000"}]}),
        ("empty", False, {}),
        ("other", True, {"courses": [{**COURSE, "dose_level": "other"}]}),
    ),
    *cases_of(
        "cycles.gap",
        ("4 days", True, cycles((1, 1, "2001-03-10"), (1, 2, "2001-03-14"))),
        ("5 days", False, cycles((1, 1, "2001-03-10"), (1, 2, "2001-03-15"))),
        ("9 days", False, cycles((1, 1, "2001-03-10"), (1, 2, "2001-03-19"))),
        ("10 days", True, cycles((1, 1, "2001-03-10"), (1, 2, "2001-03-20"))),
        ("one month", False, cycles((1, 1, "2001-03"), (1, 2, "2001-03"))),
        ("21 days to a month", False, cycles((1, 1, "2001-03-11"), (1, 2, "2001-04"))),
        ("22 days to a month", True, cycles((1, 1, "2001-03-10"), (1, 2, "2001-04"))),
        ("two months later", True, cycles((1, 1, "2001-03"), (1, 2, "2001-05"))),
        ("years", False, cycles((1, 1, "2001"), (1, 2, "2001"))),
    ),
    *cases_of(
        "courses.gap",
        ("34 days", True, cycles((1, 1, "2001-03-10"), (2, 1, "2001-04-13"))),
        ("35 days", False, cycles((1, 1, "2001-03-10"), (2, 1, "2001-04-14"))),
        ("182 days", False, cycles((1, 1, "2001-03-10"), (2, 1, "2001-09-08"))),
        ("183 days", True, cycles((1, 1, "2001-03-10"), (2, 1, "2001-09-09"))),
        (
            "from the second cycle",
            False,
            cycles((1, 1, "2001-03-02"), (1, 2, "2001-03-10"), (2, 1, "2001-09-08")),
        ),
        ("in the year", False, cycles((1, 1, "2001-03-10"), (2, 1, "2001"))),
    ),
    *cases_of(
        "t0.late",
        ("365 days", False, patient(cohort="prospective", metastatic_diagnosis_date="2000-03-10")),
        ("366 days", True, patient(cohort="prospective", metastatic_diagnosis_date="2000-03-09")),
        ("retrospective", False, patient(metastatic_diagnosis_date="1990-03-09")),
        ("in the year", False, patient(cohort="prospective", metastatic_diagnosis_date="2000")),
        ("unknown", False, patient(cohort="prospective", metastatic_diagnosis_date="UNK")),
    ),
    *cases_of(
        "response.cr_after_pd",
        ("CR before PD", False, assessments(("2002-01-01", "CR"), ("2003-01-01", "PD"))),
        ("CR after PD", True, assessments(("2002-01-01", "PD"), ("2003-01-01", "CR"))),
        ("NED after PD", False, assessments(("2002-01-01", "PD"), ("2003-01-01", "NED"))),
        ("same day", False, assessments(("2002-01-01", "PD"), ("2002-01-01", "CR"))),
        ("in the year", False, assessments(("2002-06-01", "PD"), ("2002", "CR"))),
        (
            "surgery between",
            False,
            assessments(("2002-01-01", "PD"), ("2003-01-01", "CR"))
            | local("2002-06-01", indication="planned"),
        ),
        (
            "systemic therapy between",
            False,
            assessments(("2002-01-01", "PD"), ("2003-01-01", "CR")) | systemic("2002-06-01"),
        ),
        (
            "retreatment between",
            False,
            assessments(("2002-01-01", "PD"), ("2003-01-01", "CR"))
            | cycles((1, 1, "2001-03-10"), (2, 1, "2002-06-01")),
        ),
        (
            "therapy before the PD",
            True,
            assessments(("2002-01-01", "PD"), ("2003-01-01", "CR")) | systemic("2001-12-31"),
        ),
    ),
    *cases_of(
        "weight.change",
        (
            "20 %",
            False,
            {
                "courses": [COURSE],
                "cycles": [
                    {**CYCLE, "weight_kg": "80"},
                    {**CYCLE, "cycle_number": "2", "start_date": "2001-03-17", "weight_kg": "96"},
                ],
            },
        ),
        (
            "above 20 %",
            True,
            {
                "courses": [COURSE],
                "cycles": [
                    {**CYCLE, "weight_kg": "80"},
                    {**CYCLE, "cycle_number": "2", "start_date": "2001-03-17", "weight_kg": "96.1"},
                ],
            },
        ),
        ("one weight", False, {"cycles": [{**CYCLE, "weight_kg": "80"}]}),
    ),
    *cases_of(
        "local.residual_after_pd",
        ("60 days", True, assessments(("2002-01-01", "PD")) | local("2002-03-02")),
        ("61 days", False, assessments(("2002-01-01", "PD")) | local("2002-03-03")),
        ("same day", True, assessments(("2002-01-01", "PD")) | local("2002-01-01")),
        ("before", False, assessments(("2002-01-02", "PD")) | local("2002-01-01")),
        ("in the month", False, assessments(("2002-01-01", "PD")) | local("2002-03")),
        ("month within 60 days", True, assessments(("2002-01-01", "PD")) | local("2002-02")),
        (
            "radiation",
            False,
            assessments(("2002-01-01", "PD")) | local("2002-01-20", modality="stereotactic"),
        ),
        (
            "planned",
            False,
            assessments(("2002-01-01", "PD")) | local("2002-01-20", indication="planned"),
        ),
    ),
    *cases_of(
        "follow_up.gap",
        ("24 months to death", False, patient(date_of_death="2003-03-10")),
        ("a day more", True, patient(date_of_death="2003-03-11")),
        ("alive since", True, {}),
        ("contact between", False, patient(date_of_death="2004-03-01") | contact("2002-06-01")),
        ("death in the year", False, patient(date_of_death="2003")),
        ("untreated", False, {"courses": [], "cycles": []} | contact("1990")),
        (
            "a scan years before",
            False,
            patient(date_of_death="2002") | assessments(("1995-01-01", "SD")),
        ),
    ),
]
