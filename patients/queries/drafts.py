"""Reading one's own drafts: the database shows nobody else's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.utils import timezone
from django.utils.translation import gettext as _

from patients.identity import SealBroken, load_index_key, unseal_draft
from patients.models import Draft, Patient, RecordVersion

# How long a draft is kept after its last change; migration 0014 of patients says the same.
KEPT: Final = timedelta(days=30)
# From then on the list points at it.
STALE: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class DraftView:
    """A draft, opened. `boxes`: what was typed, by control name; None when it cannot be opened."""

    draft: Draft
    heading: str
    boxes: dict[str, list[str]] | None
    patient: Patient | None = None
    is_outrun: bool = False

    @property
    def goes_at(self) -> datetime:
        """When it is deleted unless somebody goes on with it."""
        return self.draft.updated_at + KEPT

    @property
    def is_stale(self) -> bool:
        """Whether it waits for more than a week."""
        return timezone.now() - self.draft.updated_at > STALE

    @property
    def href(self) -> str:
        """The form page, with what was typed in its boxes."""
        return f"{self.draft.address}{'&' if '?' in self.draft.address else '?'}draft=1"


def owner_of(user_id: int, address: str) -> str:
    """Whose draft, of which page: bound into the ciphertext."""
    return f"{user_id}|{address}"


def find_draft(user_id: int, center_id: int, address: str) -> DraftView | None:
    """The person's draft of a form page."""
    found = Draft.objects.filter(user_id=user_id, center_id=center_id, address=address).first()
    return _views([found])[0] if found else None


def own_drafts() -> list[DraftView]:
    """All drafts of the actor, the oldest first."""
    return _views(list(Draft.objects.select_related("center").order_by("updated_at", "id")))


def _views(drafts: Sequence[Draft]) -> list[DraftView]:
    if not drafts:
        return []
    index_key = load_index_key()
    records = [draft.record for draft in drafts if draft.record]
    patients = {p.public_id: p for p in Patient.objects.filter(public_id__in=records)}
    versions = dict(
        RecordVersion.objects.filter(
            patient_id__in=[patient.pk for patient in patients.values()]
        ).values_list("patient_id", "version")
    )
    made = []
    for draft in drafts:
        body = _open(index_key, draft)
        patient = patients.get(draft.record) if draft.record else None
        now = versions.get(patient.pk) if patient else None
        made.append(
            DraftView(
                draft,
                body.get("heading", _("This draft can no longer be opened")),
                body.get("boxes"),
                patient,
                is_outrun=now is not None and now != draft.version,
            )
        )
    return made


def _open(index_key: bytes, draft: Draft) -> dict[str, Any]:
    """What is sealed; nothing when it cannot be opened: a draft is worth no error page."""
    try:
        text = unseal_draft(index_key, owner_of(draft.user_id, draft.address), bytes(draft.sealed))
    except SealBroken:
        return {}
    body: dict[str, Any] = json.loads(text)
    return body
