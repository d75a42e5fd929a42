"""Python's hard checks and the database's agree on random records, partial dates and ties included."""

from __future__ import annotations

from random import Random

import pytest
from django.db import IntegrityError

from centers.access import Scope
from centers.models import Center
from patients.rules.checks import check_record
from tests.patients.check_cases import PATIENT, TODAY, Case, Texts
from tests.patients.sql_records import insert_record
from tests.patients.test_database_checks import refused_check

RECORDS_A_SEED = 50
FREE_FIELDS = {
    "assessments": {"response": ["PD", "SD", "CR"]},
    "local_therapies": {
        "modality": ["stereotactic"],
        "indication": ["planned", "new_lesion", "progressing_lesion", "UNK"],
    },
    "systemic_therapies": {
        "therapy_class": ["chemotherapy", "interferon", "supportive"],
        "indication": ["progression", "other_malignancy", "", "NAVAIL"],
    },
    "prior_therapies": {"therapy_class": ["surgery"]},
    "follow_ups": {
        "vital_status": ["alive", "dead", "unknown"],
        "disease_status": ["", "stable_disease", "progressive_disease"],
        "systemic_therapy_since_il2": ["", "none", "yes"],
    },
}
DATES = {
    "assessments": ["date"],
    "local_therapies": ["date"],
    "systemic_therapies": ["start_date", "end_date"],
    "prior_therapies": ["start_date", "end_date"],
    "follow_ups": ["date"],
}
REQUIRED_DATES = {("systemic_therapies", "start_date"), *((form, "date") for form in DATES)}


def random_date(random: Random, first: int, last: int) -> str:
    """A partial date near the others, now and then with only its month or year."""
    text = f"{random.randint(first, last)}-{random.randint(1, 4):02d}-{random.randint(1, 28):02d}"
    return text[: random.choice([10, 10, 10, 7, 4])]


def random_row(random: Random, form: str) -> Texts:
    row = {name: random.choice(codes) for name, codes in FREE_FIELDS[form].items()}
    first, last = (1998, 2001) if form == "prior_therapies" else (2001, 2004)
    for name in DATES[form]:
        if (form, name) in REQUIRED_DATES or random.random() < 0.5:
            row[name] = random_date(random, first, last)
    return row | ({"retracted": "yes"} if random.random() < 0.1 else {})


def random_record(random: Random) -> Case:
    """Few rows within few years, so that about half of the records are impossible somewhere."""
    patient = dict(PATIENT)
    for name in ("primary_diagnosis_date", "metastatic_diagnosis_date"):
        if random.random() < 0.3:
            patient[name] = random_date(random, 1998, 2000)
    if random.random() < 0.3:
        patient["date_of_death"] = random_date(random, 2003, 2006)
    if random.random() < 0.05:
        patient["birth_date"] = random_date(random, 1998, 2001)
    forms: dict[str, list[Texts]] = {"patients": [patient], "courses": [], "cycles": []}
    for course in range(1, random.choice([1, 2, 2, 3, 4])):
        number = {"course_number": str(course + (random.random() < 0.05))}
        forms["courses"].append(number)
        for cycle in range(1, random.choice([2, 2, 3, 3, 3, 1])):
            start = random_date(random, 2000 + course, 2000 + course)
            doses = random.choice(["0", "7", "", "UNK"])
            forms["cycles"].append(
                {**number, "cycle_number": str(cycle), "start_date": start, "doses_given": doses}
            )
    for form in FREE_FIELDS:
        forms[form] = [random_row(random, form) for _ in range(random.choice([0, 0, 1, 1, 2]))]
    return Case("", "", False, forms)


@pytest.mark.parametrize("seed", range(2))
def test_python_and_database_agree(seed: int, center: Center, coordinator: Scope) -> None:
    random = Random(seed)
    refused = 0
    for number in range(RECORDS_A_SEED):
        case = random_record(random)
        state = case.record()
        python = {f.check for f in check_record(state, today=TODAY) if f.severity == "hard"}
        database = ""
        try:
            insert_record(coordinator, center.pk, state, f"R{number}")
        except IntegrityError as error:
            database = refused_check(error)
        assert (database in python) if python else not database, (case, python, database)
        refused += bool(python)
    assert RECORDS_A_SEED / 5 < refused < RECORDS_A_SEED
