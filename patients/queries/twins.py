"""Records that may be of the same person as one that is being entered: in the reader's own centers.

Another center's record is never among them; such pairs are for data managers (queries.duplicates).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from django.db.models import Q
from django.utils.translation import gettext as _

from centers.access import Scope
from centers.roles import Permission
from patients.identity import blind_index, load_index_key
from patients.models import Patient
from patients.rules.checks_person import comparable_birth
from patients.rules.record import Finding, Row

# Findings that speak of another record of the person.
CHECKS: Final = frozenset({"duplicate.person", "duplicate.mrn", "record.duplicate"})
MOST: Final = 20


@dataclass(frozen=True, slots=True)
class Twin:
    """A record that may be of the same person, and what agrees, in the reader's words."""

    patient: Patient
    reasons: list[str]


def twins_of(findings: Iterable[Finding], scope: Scope, patient_id: int | None) -> list[Twin]:
    """The records that the findings speak of, by registry number; nothing when they speak of none."""
    row = next((found.row for found in findings if found.check in CHECKS), None)
    centers = sorted(scope.permitted.get(Permission.VIEW_IDENTIFIERS, frozenset()))
    if row is None or not centers:
        return []
    birth, mrn = comparable_birth(row), row.value("mrn")
    key = load_index_key() if mrn else b""
    indexes = {blind_index(key, "mrn", center, str(mrn)) for center in centers} if mrn else set()
    same_person = Q(identity__birth_date=birth, sex=row.value("sex")) if birth else Q(pk=None)
    same = same_person | Q(identity__record_id=row.value("record_id") or "")
    same |= Q(identity__mrn_index__in=indexes)
    found = Patient.objects.filter(same, center_id__in=centers, retracted=False)
    found = found.exclude(pk=patient_id) if patient_id is not None else found
    records = found.select_related("center", "identity").order_by("registry_number")[:MOST]
    return [Twin(record, _reasons(record, row, birth, indexes)) for record in records]


def _reasons(record: Patient, row: Row, birth: str | None, indexes: set[bytes]) -> list[str]:
    identity = record.identity
    agrees = {
        _("same record ID"): identity.record_id == row.value("record_id"),
        _("same MRN"): bytes(identity.mrn_index or b"") in indexes,
        _("same birth date and sex"): birth is not None
        and str(identity.birth_date) == birth
        and record.sex == row.value("sex"),
    }
    return [reason for reason, is_equal in agrees.items() if is_equal]
