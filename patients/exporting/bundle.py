"""A center's records as the import bundle of the data dictionary, written in pieces.

Cells stand as they are saved, so that the bundle imports again: an entry that begins like a formula
is refused when it is made (rules/values.py). Retired records and retracted rows are left out, but
for assessments, whose status tells it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Final
from zipfile import ZIP_DEFLATED, ZipFile

from django.db import transaction

from centers.access import Scope, acting
from centers.audit import EventKind, record_event
from centers.cells import harmless
from centers.models import Center
from centers.roles import Permission
from patients.models import Patient, RecordVersion
from patients.queries.records import load_records
from patients.queries.signatures import SIGNATURE_COLUMNS, signature_lines
from patients.rules.dictionary import ASSESSMENTS, RECORD_FORMS, Form
from patients.rules.record import RecordState, Row
from patients.rules.values import format_value

CHUNK: Final = 300
# A record that others save all the time is taken as it stands after so many looks.
_LOOKS: Final = 5
Counts = dict[str, int]


def write_bundle(*, actor: Scope, center: Center, target: IO[bytes]) -> Counts:
    """Write the zip of the center's records; rows by form. The event stands or falls with it.

    Memory holds one piece of the records, the disk the files of the bundle. Raises PermissionDenied.
    """
    actor.require(Permission.DOWNLOAD_RECORDS, center.pk)
    with acting(actor), transaction.atomic(), TemporaryDirectory() as folder:
        counts = _write_files(center, Path(folder))
        with ZipFile(target, "w", ZIP_DEFLATED) as archive:
            for form in RECORD_FORMS:
                archive.write(Path(folder, _name(form)), _name(form))
        detail = {"what": "records", "records": counts["patients"], "rows": sum(counts.values())}
        record_event(EventKind.DOWNLOAD, detail, center_id=center.pk)
    target.seek(0)
    return counts


def write_signatures(*, actor: Scope, center: Center, target: IO[bytes]) -> int:
    """Write the CSV of signatures and locks of the center's records; how many. As write_bundle.

    No file of a bundle, so that the bundle stays importable. Names and reasons that begin like a
    formula get an apostrophe: this file is for reading.
    """
    actor.require(Permission.DOWNLOAD_RECORDS, center.pk)
    text = io.TextIOWrapper(target, encoding="utf-8", newline="", write_through=True)
    count = 0
    with acting(actor), transaction.atomic():
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(SIGNATURE_COLUMNS)
        for patient_ids in _chunks(_record_ids(center)):
            for line in signature_lines(patient_ids):
                writer.writerow([harmless(line[name]) for name in SIGNATURE_COLUMNS])
                count += 1
        detail = {"what": "signatures", "rows": count}
        record_event(EventKind.DOWNLOAD, detail, center_id=center.pk)
    text.detach()
    target.seek(0)
    return count


def _name(form: Form) -> str:
    return f"{form.name}.csv"


def _write_files(center: Center, folder: Path) -> Counts:
    counts = {form.name: 0 for form in RECORD_FORMS}
    with ExitStack() as stack:
        writers = {}
        for form in RECORD_FORMS:
            path = folder / _name(form)
            file = stack.enter_context(path.open("w", encoding="utf-8", newline=""))
            writers[form.name] = csv.writer(file, lineterminator="\n")
            writers[form.name].writerow(form.columns)
        for patient_ids in _chunks(_record_ids(center)):
            states = _settled(patient_ids)
            for patient_id in patient_ids:
                for form, cells in _lines(center.code, states[patient_id]):
                    writers[form.name].writerow(cells)
                    counts[form.name] += 1
    return counts


def _record_ids(center: Center) -> list[int]:
    standing = Patient.objects.filter(center_id=center.pk, retracted=False)
    return list(standing.order_by("id").values_list("id", flat=True))


def _chunks(ids: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]


def _settled(patient_ids: Collection[int]) -> dict[int, RecordState]:
    """The records, none read half before and half after somebody saved it."""
    versions = _versions(patient_ids)
    states = load_records(patient_ids)
    for _ in range(_LOOKS):
        now = _versions(patient_ids)
        moved = [key for key in patient_ids if now[key] != versions[key]]
        if not moved:
            break
        versions = now
        states |= load_records(moved)
    return states


def _versions(patient_ids: Collection[int]) -> dict[int, int]:
    rows = RecordVersion.objects.filter(patient_id__in=list(patient_ids))
    return dict(rows.values_list("patient_id", "version"))


def _lines(code: str, state: RecordState) -> Iterator[tuple[Form, list[str]]]:
    record_id = format_value(state.patient.values.get("record_id"))
    for form in RECORD_FORMS:
        for row in [state.patient] if form is RECORD_FORMS[0] else state.rows[form.name]:
            if form is ASSESSMENTS or not row.retracted:
                yield form, [code, record_id, *(_cell(row, field.name) for field in form.fields)]


def _cell(row: Row, name: str) -> str:
    if name == "status":
        return "retracted" if row.retracted else "final"
    return format_value(row.values.get(name))
