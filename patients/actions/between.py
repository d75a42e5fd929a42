"""Checks that need other records: a record ID used twice or erased, the linked record, the same
person twice.

One query each for a whole batch; records of the batch itself are compared in memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from django.db.models import Q

from patients.actions.pending import RETRACTED, PendingRecord
from patients.identity import blind_index, load_index_key
from patients.models import Erasure, Patient, PatientIdentity
from patients.rules.checks import check_duplicate, check_linked, finding
from patients.rules.checks_person import comparable_birth
from patients.rules.record import Finding

Key = tuple[int, str]


def resolve_links(batch: Sequence[PendingRecord]) -> list[Finding]:
    """record.duplicate and person.link; sets `same_person_id` where the patient row is written."""
    written = [r for r in batch if r.patient is not None]
    saved = _saved_record_ids(written)
    in_batch = {(r.center_id, r.record_id): r.patient_id for r in written}
    counts = Counter((r.center_id, r.record_id) for r in written)
    found = []
    for record in written:
        key = (record.center_id, record.record_id)
        patient = record.state.patient
        taken = saved.get(key, record.patient_id) != record.patient_id or counts[key] > 1
        if taken and record.changes_field("record_id", RETRACTED):
            found.append(finding("record.duplicate", patient, "record_id"))
        named = patient.value("same_person_as")
        if not isinstance(named, str):
            continue
        other = in_batch.get((record.center_id, named)) or saved.get((record.center_id, named))
        if other is None or other == record.patient_id:
            found.append(finding("person.link", patient, "same_person_as"))
        record.same_person_id = other
    return found


def _saved_record_ids(wanted: Sequence[PendingRecord]) -> dict[Key, int]:
    """The patients that now have one of the record IDs that the batch uses or names."""
    names = {r.record_id for r in wanted if r.changes_field("record_id", RETRACTED)}
    names |= {str(v) for r in wanted if (v := r.state.patient.value("same_person_as")) is not None}
    if not names:
        return {}
    rows = PatientIdentity.objects.filter(
        center_id__in={r.center_id for r in wanted}, record_id__in=names
    )
    return {
        (center, name): patient
        for center, name, patient in rows.values_list("center_id", "record_id", "patient_id")
    }


def check_erased(batch: Sequence[PendingRecord]) -> list[Finding]:
    """record.erased: the record ID is that of a record that was erased at the person's request."""
    wanted = [r for r in batch if r.changes_field("record_id")]
    centers = {r.center_id for r in wanted}
    erased = {
        (center, bytes(index or b""))
        for center, index in Erasure.objects.filter(
            center_id__in=centers, record_index__isnull=False
        ).values_list("center_id", "record_index")
    }
    if not erased:
        return []
    key = load_index_key()
    return [
        finding("record.erased", record.state.patient, "record_id")
        for record in wanted
        if (record.center_id, erased_index(key, record.center_id, record.record_id)) in erased
    ]


def erased_index(index_key: bytes, center_id: int, record_id: str) -> bytes:
    """What is kept of an erased record's ID."""
    return blind_index(index_key, "record_id", center_id, record_id)


def check_vital_status(batch: Sequence[PendingRecord]) -> list[Finding]:
    """person.vital_status against the linked records, whichever of the two names the other."""
    wanted = [r for r in batch if r.changes_field("date_of_death", "same_person_as")]
    if not wanted:
        return []
    deaths = _linked_deaths(wanted)
    for record in batch:
        if record.patient is None:
            continue
        deaths.pop(record.patient_id, None)
        if not record.patient.row.retracted:
            deaths[record.patient_id] = (record.same_person_id, _is_dead(record))
    found: list[Finding] = []
    for record in wanted:
        linked = {
            other
            for other, (link, _) in deaths.items()
            if link == record.patient_id or other == record.same_person_id
        }
        if any(deaths[other][1] != _is_dead(record) for other in linked):
            found += check_linked(record.state.patient, other_is_dead=not _is_dead(record))
    return found


def _is_dead(record: PendingRecord) -> bool:
    return record.state.patient.value("date_of_death") is not None


def _linked_deaths(wanted: Sequence[PendingRecord]) -> dict[int, tuple[int | None, bool]]:
    """(link, whether dead) of the records themselves and those at either end of a link."""
    ids = [r.patient_id for r in wanted]
    links = [r.same_person_id for r in wanted if r.same_person_id is not None]
    rows = Patient.objects.filter(
        Q(id__in=ids + links) | Q(same_person_id__in=ids), retracted=False
    )
    return {
        patient: (link, death is not None)
        for patient, link, death in rows.values_list("id", "same_person_id", "date_of_death")
    }


def check_duplicates(batch: Sequence[PendingRecord]) -> list[Finding]:
    """duplicate.person for records that are new or whose birth date or sex changes."""
    wanted = [
        r
        for r in batch
        if r.changes_field("birth_date", "sex") and comparable_birth(r.state.patient) is not None
    ]
    if not wanted:
        return []
    people = _people(wanted)
    for record in batch:
        if record.patient is not None:
            people[record.patient_id] = _person(record)
    found: list[Finding] = []
    by_person: dict[tuple[int, str | None, object], list[int]] = {}
    for patient_id, (center, birth, sex, _) in people.items():
        by_person.setdefault((center, birth, sex), []).append(patient_id)
    for record in wanted:
        center, birth, sex, link = _person(record)
        twins = [
            other
            for other in by_person[center, birth, sex]
            if other not in (record.patient_id, link) and people[other][3] != record.patient_id
        ]
        found += check_duplicate(record.state.patient, twins=len(twins))
    return found


Person = tuple[int, str | None, object, int | None]


def _person(record: PendingRecord) -> Person:
    patient = record.state.patient
    birth = None if patient.retracted else comparable_birth(patient)
    return record.center_id, birth, patient.values.get("sex"), record.same_person_id


def _people(wanted: Sequence[PendingRecord]) -> dict[int, Person]:
    births = {birth.lo for r in wanted if (birth := r.state.patient.partial("birth_date"))}
    rows = PatientIdentity.objects.filter(
        center_id__in={r.center_id for r in wanted},
        birth_date_lo__in=births,
        patient__retracted=False,
    ).values_list(
        "patient_id", "center_id", "birth_date", "patient__sex", "patient__same_person_id"
    )
    return {patient: (center, str(birth), sex, link) for patient, center, birth, sex, link in rows}


def check_same_mrn(batch: Sequence[PendingRecord]) -> list[Finding]:
    """duplicate.mrn for records whose MRN is new or changes; two linked records may share one."""
    wanted = [r for r in batch if r.changes_field("mrn") and _mrn(r)]
    if not wanted:
        return []
    key = load_index_key()
    indexes = {
        record.patient_id: blind_index(key, "mrn", record.center_id, _mrn(record))
        for record in wanted
    }
    saved = PatientIdentity.objects.filter(
        center_id__in={r.center_id for r in wanted},
        mrn_index__in=list(indexes.values()),
        patient__retracted=False,
    ).values_list("patient_id", "mrn_index", "patient__same_person_id")
    holders = {patient: (bytes(index or b""), link) for patient, index, link in saved}
    for record in batch:
        if record.patient is not None and record.changes_field("mrn"):
            index = indexes.get(record.patient_id, b"")
            holders[record.patient_id] = index, record.same_person_id
    return [
        finding("duplicate.mrn", record.state.patient, "mrn")
        for record in wanted
        if any(
            index == indexes[record.patient_id]
            and other not in (record.patient_id, record.same_person_id)
            and link != record.patient_id
            for other, (index, link) in holders.items()
        )
    ]


def _mrn(record: PendingRecord) -> str:
    patient = record.state.patient
    return "" if patient.retracted else str(patient.value("mrn") or "")
