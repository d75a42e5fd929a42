"""Saving through the actions, as the product does it and without audit and row-level security."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Final

from django.db import connection, transaction

from centers.access import Scope, acting, system_scope
from patients.actions.records import RecordChange, RowChange, SavedRecord, save_records
from patients.models import Assessment
from patients.rules.dictionary import FORMS
from patients.rules.values import Value, parse_value
from registry.bench import cluster, switches
from registry.bench.data import load_records, seal_identities
from registry.bench.measure import Table, quantile, seconds, show_ratio, show_seconds

RECORDS: Final = 10_000
ROUNDS: Final = 6
SAVES: Final = 25
SIDES: Final = switches.SIDES

NEW_RECORD: Final[tuple[tuple[str, dict[str, str]], ...]] = (
    (
        "patients",
        {"sex": "female", "disease": "melanoma", "cohort": "retrospective", "consent": "signed",
         "birth_date": "1950-03-04", "metastatic_diagnosis_date": "1999-01-20"},
    ),
    ("courses", {"course_number": "1", "intent": "initial"}),
    ("cycles", {"course_number": "1", "cycle_number": "1", "start_date": "1999-05-10", "doses_given": "11"}),
    ("cycles", {"course_number": "1", "cycle_number": "2", "start_date": "1999-05-17", "doses_given": "9"}),
    ("assessments", {"date": "1999-08", "response": "PR", "basis": "imaging"}),
    ("assessments", {"date": "2001-08-20", "response": "PD", "basis": "imaging"}),
    ("follow_ups", {"date": "2001-09-01", "vital_status": "alive", "source": "visit"}),
)  # fmt: skip


def run(records: int) -> list[Table]:
    """Amend one row, and enter a record, on three sides in turn."""
    dsn = os.environ[cluster.DSN]
    records = min(records, RECORDS)
    load_records(dsn, records)
    seal_identities(dsn)
    actor = system_scope()
    works = {
        "amend one value of a record": amending(actor),
        f"enter a record of {len(NEW_RECORD)} rows": entering(actor),
    }
    columns = ["save_records, one record", *SIDES, "product / without both", "p95 of the product"]
    table = Table(f"One save among {records} records, commit and hint included", columns)
    for title, work in works.items():
        took = _alternate(dsn, work)
        product, _, plain = middle = [statistics.median(took[side]) for side in SIDES]
        cells = [title, *map(show_seconds, middle), show_ratio(product, plain)]
        table.rows.append([*cells, show_seconds(quantile(took[SIDES[0]], 0.95))])
    table.notes.append("Targets: at most 1.5x; the nearest open peer creates a record in 17 ms.")
    return [table]


def amending(actor: Scope) -> Callable[[int], list[SavedRecord]]:
    """Amends the n-th assessment, each in a record or a row of its own."""
    with acting(actor), transaction.atomic():
        found = Assessment.objects.order_by("id").values_list("id", "patient_id", "center_id")
        rows = list(found[: (ROUNDS + 1) * SAVES * len(SIDES)])

    def amend(number: int) -> list[SavedRecord]:
        row, patient, center = rows[number]
        change = RowChange("assessments", {"criteria": "WHO"}, row)
        return save_records(
            actor=actor, changes=[RecordChange(center, patient, [change])], reason="benchmark"
        )

    return amend


def entering(actor: Scope) -> Callable[[int], list[SavedRecord]]:
    """Enters the n-th new record."""
    rows = [(form, _values(form, texts)) for form, texts in NEW_RECORD]

    def enter(number: int) -> list[SavedRecord]:
        changes = [
            RowChange(form, values | ({"record_id": f"NEW{number}"} if form == "patients" else {}))
            for form, values in rows
        ]
        return save_records(actor=actor, changes=[RecordChange(actor.center_ids[0], None, changes)])

    return enter


def _values(form: str, texts: dict[str, str]) -> dict[str, Value]:
    fields = FORMS[form].by_name
    return {name: parse_value(fields[name], text) for name, text in texts.items()}


def _alternate(dsn: str, work: Callable[[int], object]) -> dict[str, list[float]]:
    """Seconds of each call by side; a first round warms up."""
    took: dict[str, list[float]] = {side: [] for side in SIDES}
    number = 0
    for turn in range(ROUNDS + 1):
        for side in SIDES:
            with _side(dsn, side):
                for _ in range(SAVES):
                    spent = seconds(lambda number=number: work(number))  # type: ignore[misc]
                    number += 1
                    if turn:
                        took[side].append(spent)
    return took


@contextmanager
def _side(dsn: str, side: str) -> Iterator[None]:
    """The default connection as that side: the audit triggers on or off, the app's user or the superuser."""
    if side == switches.PRODUCT:
        yield
        return
    with switches.audit_off(dsn), _superuser() if side == switches.NEITHER else nullcontext():
        yield


@contextmanager
def _superuser() -> Iterator[None]:
    user = connection.settings_dict["USER"]
    _reconnect("postgres")
    try:
        yield
    finally:
        _reconnect(user)


def _reconnect(user: str) -> None:
    connection.close()
    connection.settings_dict["USER"] = user
    with connection.cursor() as cursor:  # connecting is not measured
        cursor.execute("select 1")
