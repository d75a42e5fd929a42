"""Named states for page and browser tests, built through the actions.

    First Center (C01)                          Second Center (C02)
    ------------------                          -------------------
    carla   coordinator                         otto   coordinator
    petra   principal investigator              mona   monitor (of Second alone)
    max     monitor
    bea     coordinator of First, monitor of Second
    whole registry: ines investigator, dana data manager, adam administrator

    survivor    melanoma, one course in 1999,   stranger   renal cell, one course in 2004,
                alive and untreated since:                 followed for seven years: eligible
                eligible, PFS 12+
    waiting     renal cell, 2006, last seen
                2009: eligibility unknown
    progressed  melanoma, two courses in 2000,
                PD after two years, dead: not
                eligible
    untreated   renal cell, no course: not
                eligible

The cutoff of tests is 2017-06-30. Passwords are `PASSWORD`.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from django.contrib.auth.hashers import make_password
from django.db import transaction

from analytics.derivation.stale import drain
from centers.access import acting, system_scope
from centers.actions.centers import create_center
from centers.actions.users import add_membership, create_user
from centers.models import Center, User
from centers.roles import Role
from patients.actions.records import RecordChange, RowChange, SavedRecord, save_records
from patients.models import ROW_MODELS
from patients.rules.dictionary import FORMS, RECORD_FORMS
from patients.rules.values import Value, parse_value

PASSWORD = "a long demo passphrase"
Texts = Mapping[str, str]
Forms = Mapping[str, Sequence[Texts]]

USERS: dict[str, Sequence[tuple[Role, str]]] = {
    "carla": [(Role.COORDINATOR, "C01")],
    "petra": [(Role.PRINCIPAL_INVESTIGATOR, "C01")],
    "max": [(Role.MONITOR, "C01")],
    "bea": [(Role.COORDINATOR, "C01"), (Role.MONITOR, "C02")],
    "otto": [(Role.COORDINATOR, "C02")],
    "mona": [(Role.MONITOR, "C02")],
    "ines": [(Role.INVESTIGATOR, "")],
    "dana": [(Role.DATA_MANAGER, "")],
    "adam": [(Role.ADMINISTRATOR, "")],
}

MELANOMA: Texts = {
    "sex": "female",
    "disease": "melanoma",
    "cohort": "retrospective",
    "consent": "signed",
    "histology": "8720/3",
    "m_stage": "M1b",
    "ecog": "0",
}
RENAL: Texts = {
    "sex": "male",
    "disease": "renal_cell",
    "cohort": "retrospective",
    "consent": "waived",
    "histology": "8310/3",
    "clear_cell": "yes",
    "nephrectomy": "radical",
}


def _contact(day: str, **more: str) -> Texts:
    return {
        "date": day,
        "source": "visit",
        "vital_status": "alive",
        "disease_status": "no_evidence_of_disease",
        "systemic_therapy_since_il2": "none",
        **more,
    }


def _course(number: int, first: str, second: str) -> tuple[Texts, list[Texts]]:
    course = {"course_number": str(number), "intent": "initial", "dose_level": "600000"}
    given = {"course_number": str(number), "doses_planned": "14"}
    return course, [
        {**given, "cycle_number": "1", "start_date": first, "doses_given": "12"},
        {**given, "cycle_number": "2", "start_date": second, "doses_given": "10"},
    ]


_FIRST_1999, _CYCLES_1999 = _course(1, "1999-05-03", "1999-05-10")
_FIRST_2000, _CYCLES_2000 = _course(1, "2000-02-07", "2000-02-14")
_SECOND_2000, _MORE_2000 = _course(2, "2000-05-01", "2000-05-08")
_FIRST_2004, _CYCLES_2004 = _course(1, "2004-09-06", "2004-09-13")
_FIRST_2006, _CYCLES_2006 = _course(1, "2006-01-09", "2006-01-16")

SURVIVOR: Forms = {
    "patients": [
        {
            **MELANOMA,
            "record_id": "C01-0001",
            "birth_date": "1951-07-14",
            "mrn": "88 1234",
            "initials": "AB",
            "primary_diagnosis_date": "1996-11",
            "metastatic_diagnosis_date": "1999-03-02",
            "metastatic_sites": "lung;skin",
            "weight_kg": "71.5",
            "ldh_ratio": "0.9",
        }
    ],
    "prior_therapies": [
        {"start_date": "1996-12", "therapy_class": "surgery", "setting": "adjuvant"},
    ],
    "courses": [_FIRST_1999],
    "cycles": _CYCLES_1999,
    "assessments": [
        {"date": "1999-07-12", "response": "PR", "basis": "imaging", "modality": "ct"},
        {"date": "1999-11-08", "response": "CR", "basis": "imaging", "modality": "ct"},
        {"date": "2005-03-14", "response": "CR", "basis": "imaging", "modality": "ct"},
        {"date": "2011-06-20", "response": "CR", "basis": "imaging", "modality": "ct;mri"},
    ],
    "follow_ups": [
        _contact("2001-05-14"),
        _contact("2003-05-12"),
        _contact("2005-03-14"),
        _contact("2007-03-12"),
        _contact("2009-03"),
        _contact("2011-06-20"),
    ],
}
WAITING: Forms = {
    "patients": [
        {
            **RENAL,
            "record_id": "C01-0002",
            "birth_date": "1948",
            "metastatic_diagnosis_date": "2005-10",
        }
    ],
    "courses": [_FIRST_2006],
    "cycles": _CYCLES_2006,
    "assessments": [{"date": "2006-04-03", "response": "SD", "basis": "imaging"}],
    "follow_ups": [
        _contact("2007-11-05", disease_status="stable_disease"),
        _contact("2009-02-16", disease_status="stable_disease"),
    ],
}
PROGRESSED: Forms = {
    "patients": [
        {
            **MELANOMA,
            "record_id": "C01-0003",
            "birth_date": "1962-02-28",
            "metastatic_diagnosis_date": "1999-12-01",
            "date_of_death": "2003-08",
            "cause_of_death": "index_disease",
        }
    ],
    "courses": [_FIRST_2000, {**_SECOND_2000, "intent": "continuation"}],
    "cycles": [*_CYCLES_2000, *_MORE_2000],
    "assessments": [
        {"date": "2000-06-19", "response": "PR", "basis": "imaging"},
        {"date": "2001-06-18", "response": "PR", "basis": "imaging"},
        {"date": "2002-04-15", "response": "PD", "basis": "imaging", "new_lesion": "yes"},
    ],
    "local_therapies": [
        {
            "date": "2002-05-20",
            "modality": "stereotactic",
            "site": "brain",
            "indication": "new_lesion",
            "rendered_ned": "no",
        }
    ],
    "systemic_therapies": [
        {"start_date": "2002-06", "therapy_class": "chemotherapy", "indication": "progression"},
    ],
    "follow_ups": [
        _contact(
            "2002-06-03",
            disease_status="progressive_disease",
            systemic_therapy_since_il2="yes",
        )
    ],
}
UNTREATED: Forms = {
    "patients": [{**RENAL, "record_id": "C01-0004", "metastatic_diagnosis_date": "2010-01-19"}],
    "follow_ups": [_contact("2011-01-17", disease_status="unknown")],
}
STRANGER: Forms = {
    "patients": [
        {
            **RENAL,
            "record_id": "C02-0001",
            "birth_date": "1955-10-30",
            "metastatic_diagnosis_date": "2004-06-21",
        }
    ],
    "courses": [_FIRST_2004],
    "cycles": _CYCLES_2004,
    "assessments": [{"date": "2004-12-06", "response": "CR", "basis": "imaging"}],
    "follow_ups": [_contact("2006-11-06"), _contact("2008-10-06"), _contact("2011-09-19")],
}
RECORDS = {
    "survivor": ("C01", SURVIVOR),
    "waiting": ("C01", WAITING),
    "progressed": ("C01", PROGRESSED),
    "untreated": ("C01", UNTREATED),
    "stranger": ("C02", STRANGER),
}


@dataclass
class Universe:
    """The named centers, accounts and records."""

    centers: dict[str, Center] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    records: dict[str, SavedRecord] = field(default_factory=dict)

    def url(self, record: str, rest: str = "") -> str:
        """Address of a record's page or of one below it."""
        return f"/records/{self.records[record].public_id}/{rest}"

    def row_id(self, record: str, form: str, place: int = 0) -> uuid.UUID:
        """Public id of a row of a record, in order of entry."""
        rows = ROW_MODELS[form].objects.filter(patient_id=self.records[record].patient_id)
        with acting(system_scope()), transaction.atomic():
            public_id: uuid.UUID = rows.order_by("id")[place].public_id
        return public_id

    def row_key(self, record: str, form: str, place: int = 0) -> int:
        """Key of a row of a record, for actions."""
        rows = ROW_MODELS[form].objects.filter(patient_id=self.records[record].patient_id)
        with acting(system_scope()), transaction.atomic():
            key: int = rows.order_by("id")[place].pk
        return key


def build_people() -> Universe:
    """Centers and accounts of the map, without a record."""
    universe = Universe()
    for code, name in (("C01", "First Center"), ("C02", "Second Center")):
        universe.centers[code] = create_center(
            actor=system_scope(), values={"code": code, "name": name}
        )
    add_people(universe)
    return universe


def add_people(universe: Universe) -> None:
    """The accounts of the map, at centers there are."""
    for username, memberships in USERS.items():
        universe.users[username] = _add_user(universe, username, memberships)


def build_universe(*, derived: bool = True) -> Universe:
    """Everything on the map; `derived`: with outcomes, else all records are stale."""
    universe = build_people()
    changes = [record_change(universe.centers[code], forms) for code, forms in RECORDS.values()]
    saved = save_records(actor=system_scope(), changes=changes)
    universe.records = dict(zip(RECORDS, saved, strict=True))
    if derived:
        drain()
    return universe


def record_change(center: Center, forms: Forms) -> RecordChange:
    """A new record in the words of the import bundle."""
    rows = [
        RowChange(form.name, read_values(form.name, texts))
        for form in RECORD_FORMS
        for texts in forms.get(form.name, ())
    ]
    return RecordChange(center.pk, None, rows)


def add_record(center: Center, forms: Forms) -> SavedRecord:
    """A record saved by the system account."""
    return save_records(actor=system_scope(), changes=[record_change(center, forms)])[0]


def amend_record(universe: Universe, record: str, rows: Sequence[RowChange]) -> SavedRecord:
    """Somebody else changes a record."""
    code, _ = RECORDS[record]
    change = RecordChange(
        universe.centers[code].pk, universe.records[record].patient_id, list(rows)
    )
    return save_records(actor=system_scope(), changes=[change], reason="Made by a test")[0]


def read_values(form: str, texts: Texts) -> dict[str, Value]:
    """Values from the words of the import bundle."""
    fields = FORMS[form].by_name
    return {
        name: text if name == "record_id" else parse_value(fields[name], text)
        for name, text in texts.items()
    }


def _add_user(universe: Universe, username: str, memberships: Sequence[tuple[Role, str]]) -> User:
    user = create_user(
        actor=system_scope(),
        username=username,
        full_name=f"{username.title()} Example",
        encoded_password=_encoded_password(),
        is_demo=True,
    )
    for role, code in memberships:
        center_id = universe.centers[code].pk if code else None
        add_membership(actor=system_scope(), user_id=user.pk, role=role, center_id=center_id)
    return user


@cache
def _encoded_password() -> str:
    """One hash for all accounts of a run: hashing is slow on purpose."""
    return make_password(PASSWORD)
