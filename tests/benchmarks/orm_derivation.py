"""The contender of the derivation: Django's ORM with prefetch, the tests' plain reading, bulk_create.

Run by `manage.py bench` on its own database, in a process of its own; `measure` prints seconds by the clock and of
processor time of each step as JSON. What a careful Django code base without the set-based
statement would do: one query a form and chunk, one upsert a chunk, unchanged rows not written.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any

from django.db import connections, transaction

from analytics.models import Outcome
from patients.models import Patient
from registry.bench.measure import effort as measured_effort
from tests.oracle import VARIANTS, Record, Row
from tests.oracle_outcome import derive

CHUNK = 500
FORMS = {
    "cycle": ("cycle_rows", "start_date", ("doses_given",)),
    "assessment": ("assessment_rows", "date", ("response", "basis")),
    "local_therapy": ("localtherapy_rows", "date", ("indication", "rendered_ned")),
    "systemic_therapy": ("systemictherapy_rows", "start_date", ("therapy_class", "indication")),
    "follow_up": (
        "followup_rows",
        "date",
        ("vital_status", "disease_status", "systemic_therapy_since_il2"),
    ),
}
KEPT = [f.name for f in Outcome._meta.concrete_fields if f.name not in ("pk", "derived_at")]
CHANGED = [name for name in KEPT if name not in ("patient", "variant")]


def text(value: object) -> str | None:
    """A value as in a CSV cell."""
    return None if value is None else str(value)


def record_of(patient: Patient) -> Record:
    """The prefetched record as the plain reading takes it."""
    record = Record(
        str(patient.center_id), "", patient.disease, birth_date=text(patient.identity.birth_date),
        metastatic_diagnosis_date=text(patient.metastatic_diagnosis_date),
        date_of_death=text(patient.date_of_death), consent=patient.consent,
        retracted=patient.retracted, id=patient.id,
    )  # fmt: skip
    for table, (related, dated, names) in FORMS.items():
        for row in getattr(patient, related).all():
            values = {name: text(getattr(row, name)) for name in names}
            if table == "cycle":
                values["course_number"] = text(row.course.course_number)
            record.rows.append(Row(table, row.id, text(getattr(row, dated)), values, row.retracted))
    return record


def chunks(records: int) -> Iterator[list[Patient]]:
    """Patients with all rows, a chunk at a time."""
    related = [name for name, _, _ in FORMS.values()] + ["cycle_rows__course"]
    query = Patient.objects.using("worker").select_related("identity").prefetch_related(*related)
    for first in range(1, records + 1, CHUNK):
        last = min(first + CHUNK - 1, records)
        yield list(query.filter(id__gte=first, id__lte=last).order_by("id"))


def outcomes_of(patient: Patient, cutoff: date) -> Iterator[Outcome]:
    """One row a variant."""
    record = record_of(patient)
    for variant in VARIANTS:
        found = derive(record, cutoff, variant)
        if found is None:
            continue
        values: dict[str, Any] = dict(found.columns)
        values["criteria"] = {
            name: {"value": c.value, "reason": c.reason, "rows": [list(e) for e in c.evidence]}
            for name, c in found.criteria.items()
        }
        values["evidence"] = {"start": found.start, "end": found.end}
        yield Outcome(
            patient_id=patient.id, center_id=patient.center_id, variant=variant, cutoff=cutoff,
            rule_set=1, flags=sorted(found.flags), **values,
        )  # fmt: skip


def store(outcomes: Sequence[Outcome]) -> None:
    """Write the rows that differ from what is stored."""
    ids = {outcome.patient_id for outcome in outcomes}
    stored = Outcome.objects.using("worker").filter(patient_id__in=ids)
    kept = {(o.patient_id, o.variant): key(o) for o in stored}
    changed = [o for o in outcomes if kept.get((o.patient_id, o.variant)) != key(o)]
    Outcome.objects.using("worker").bulk_create(
        changed, update_conflicts=True, unique_fields=["patient", "variant"], update_fields=CHANGED
    )


def key(outcome: Outcome) -> str:
    """All columns for comparison, JSON as the database gives it back."""
    return json.dumps([getattr(outcome, name) for name in CHANGED if name != "center"], default=str)


def derive_all(records: int, cutoff: date) -> None:
    """Read, derive and store, chunk by chunk."""
    for patients in chunks(records):
        with transaction.atomic(using="worker"):
            store([outcome for patient in patients for outcome in outcomes_of(patient, cutoff)])


def effort(work: Callable[[], None]) -> tuple[float, float]:
    """Seconds by the clock and of processor time, as the product's side is measured."""
    worker = connections["worker"]
    worker.ensure_connection()
    took = measured_effort(work, worker.connection.info.backend_pid)
    return took.wall, took.cpu


def measure(records: int, cutoff: date, moved: date) -> None:
    """First fill of an emptied table, the same again, another cutoff."""
    with transaction.atomic(using="worker"):
        Outcome.objects.using("worker").filter(patient_id__lte=records).delete()
    took = {
        "first fill": effort(lambda: derive_all(records, cutoff)),
        "unchanged": effort(lambda: derive_all(records, cutoff)),
        "cutoff moved": effort(lambda: derive_all(records, moved)),
    }
    sys.stdout.write(json.dumps(took))
