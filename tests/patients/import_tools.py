"""Run `import_records` in tests and look at what it reported and saved."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path
from typing import Any

from django.core.management import CommandError, call_command
from django.db import transaction

from centers.access import acting, system_scope
from centers.models import AuditEvent, Center
from patients.models import ROW_MODELS, Patient, PatientIdentity
from patients.queries.records import load_records
from patients.query_models import Query
from patients.rules.record import RecordState
from patients.rules.values import format_value

HEADER = b"center,record_id,date,vital_status\n"
LINE = b"C01,R1,2003,alive\n"


def run(bundle: Path, *options: str) -> tuple[int, str, str]:
    """Exit status, standard output and the words on standard error."""
    out, err = StringIO(), StringIO()
    if not any(option.startswith(("--all", "--center")) for option in options):
        options = (*options, "--all")
    try:
        call_command("import_records", str(bundle), *options, stdout=out, stderr=err)
    except CommandError as problem:
        return problem.returncode, out.getvalue(), err.getvalue() + str(problem)
    return 0, out.getvalue(), err.getvalue()


def findings(bundle: Path, *options: str) -> list[tuple[str, str, str, str]]:
    """The hard findings of a refused import, from its report: file, row, column, check."""
    report = bundle.parent / "report.csv"
    status, out, _ = run(bundle, f"--report={report}", *options)
    assert status == 1
    assert out.endswith("Nothing written.\n")
    with report.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(r["message"] for r in rows)
    return [(r["file"], r["row"], r["column"], r["check"]) for r in rows if r["severity"] == "hard"]


def counted() -> dict[str, int]:
    """Rows of every table that an import writes, audit events included."""
    with acting(system_scope()), transaction.atomic():
        models: list[Any] = [Center, Patient, PatientIdentity, Query, AuditEvent]
        return {m.__name__: m.objects.count() for m in [*models, *ROW_MODELS.values()]}


def saved(code: str = "C01", record_id: str = "R1") -> RecordState:
    with acting(system_scope()), transaction.atomic():
        identity = PatientIdentity.objects.get(center__code=code, record_id=record_id)
        return load_records([identity.patient_id])[identity.patient_id]


def texts(state: RecordState, form: str) -> list[dict[str, str]]:
    """The live rows of a form as CSV cells, empty ones left out."""
    return [
        {name: format_value(value) for name, value in one.values.items() if value is not None}
        for one in state.live(form)
    ]
