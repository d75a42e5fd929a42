"""Short words for building, saving and reading records in tests of actions."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction

from centers.access import Scope, acting
from centers.models import AuditEvent, Center
from patients.actions.records import (
    RecordChange,
    Refused,
    RowChange,
    SavedRecord,
    save_records,
)
from patients.queries.records import load_records
from patients.query_models import Query
from patients.rules.dictionary import FORMS
from patients.rules.record import RecordState
from patients.rules.values import parse_value
from tests.patients.check_cases import COURSE, CYCLE, PATIENT, Texts


def change(form: str, texts: Texts, **more: Any) -> RowChange:
    """A row change from the words of the bundle."""
    fields = FORMS[form].by_name
    values = {
        name: text if name == "record_id" else parse_value(fields[name], text)
        for name, text in texts.items()
    }
    return RowChange(form, values, **more)


def new_record(center: Center, record_id: str = "R1", **values: str) -> RecordChange:
    """A treated record."""
    rows = [
        change("patients", {**PATIENT, "record_id": record_id, **values}),
        change("courses", COURSE),
        change("cycles", CYCLE),
    ]
    return RecordChange(center.pk, None, rows)


def save(actor: Scope, *changes: RecordChange, **more: Any) -> list[SavedRecord]:
    return save_records(actor=actor, changes=changes, **more)


def amend(
    actor: Scope, saved: SavedRecord, *rows: RowChange, expected: int | None = None, **more: Any
) -> SavedRecord:
    center_id = actor.center_ids[0]
    record = RecordChange(center_id, saved.patient_id, rows, expected)
    return save_records(actor=actor, changes=[record], **more)[0]


def load(actor: Scope, saved: SavedRecord) -> RecordState:
    with acting(actor), transaction.atomic():
        return load_records([saved.patient_id])[saved.patient_id]


def events(actor: Scope) -> list[AuditEvent]:
    with acting(actor), transaction.atomic():
        return list(AuditEvent.objects.filter(patient_id__isnull=False).order_by("id"))


def queries(actor: Scope) -> list[Query]:
    with acting(actor), transaction.atomic():
        return list(Query.objects.order_by("id"))


def checks(refused: pytest.ExceptionInfo[Refused]) -> list[str]:
    return sorted({f.check for f in refused.value.findings})
