"""Exact search for one record, and the records that a person opened last."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from django.db.models import Q, QuerySet

from centers.access import Scope
from centers.roles import Permission
from patients.identity import blind_index, load_index_key, load_keys, unseal
from patients.models import Patient, PatientIdentity, Visit
from patients.partial_dates import PartialDate
from patients.queries.lists import ordered, visible_records, with_eligibility

MOST_INITIALS: Final = 4
RECENT: Final = 10


def find_records(text: str, scope: Scope, birth: PartialDate | None = None) -> QuerySet[Patient]:
    """Records with exactly this registry number; where the reader may see identifiers, also those
    with this record ID, MRN, initials, or birth date (`birth`: the text read as one).

    The MRN is found by its blind index, spaces and case aside, in each of those centers; the
    statement is the same whether there is such a record, here or anywhere.
    """
    centers = scope.permitted.get(Permission.VIEW_IDENTIFIERS, frozenset())
    wanted = Q(registry_number=text.strip().upper())
    if centers:
        key = load_index_key()
        indexes = [blind_index(key, "mrn", center, text) for center in sorted(centers)]
        named = Q(identity__record_id=text.strip()) | Q(identity__mrn_index__in=indexes)
        if birth is not None:
            named |= Q(identity__birth_date=birth)
        if 0 < len(text.strip()) <= MOST_INITIALS and text.strip().isalpha():
            named |= Q(id__in=_with_initials(text.strip(), centers))
        wanted |= named & Q(center_id__in=centers)
    return ordered(with_eligibility(visible_records()).filter(wanted), "number")


def _with_initials(text: str, centers: Collection[int]) -> list[int]:
    """Records with these initials: they lie under seal, so each of the centers' is opened."""
    rows = PatientIdentity.objects.filter(
        center_id__in=centers, patient__retracted=False, patient__erasure=None
    ).values_list("patient_id", "patient__public_id", "sealed")
    sealed = {patient: (str(record), bytes(content)) for patient, record, content in rows}
    keys = load_keys({patient: record for patient, (record, _) in sealed.items()})
    return [
        patient
        for patient, key in keys.items()
        if unseal(key, sealed[patient][1])["initials"].upper() == text.upper()
    ]


def recent_records() -> list[Patient]:
    """The last records that the actor opened, the newest first; row-level security keeps others' out."""
    visits = Visit.objects.order_by("-visited_at").values_list("patient_id", flat=True)
    ids = list(visits[:RECENT])
    heads = visible_records().select_related("center", "identity", "erasure")
    found = {record.pk: record for record in heads.filter(id__in=ids)}
    return [found[patient] for patient in ids if patient in found]
