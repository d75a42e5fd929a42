"""Imports through the browser under fire: hostile uploads, a worker killed in mid-commit, two workers."""

from __future__ import annotations

import io
import os
import random
import signal
import struct
import subprocess
import sys
import time
import uuid
import zipfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.db import connections, transaction
from openpyxl import Workbook

from centers.access import acting, scope_of, system_scope
from centers.models import AuditEvent
from patients.actions.import_jobs import commit_import, undo_import
from patients.import_jobs import ImportState
from patients.importing.worker import work
from patients.models import ImportJob, Patient, PatientIdentity
from patients.queries.import_jobs import FINDINGS, read_all
from tests.importing import packed, standing, uploaded
from tests.patients.bundles import csv_text, record, row
from tests.stack_support import becomes
from tests.universe import Universe, build_universe

CANARY = "CANARY-4410"
WORKER = "import django; django.setup(); from patients.tasks import run_import; import sys; run_import(sys.argv[1])"


@pytest.fixture
def universe(database: None) -> Universe:
    return build_universe()


def archive(members: Mapping[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return target.getvalue()


def good() -> dict[str, bytes]:
    return {f"{form}.csv": csv_text(form, rows).encode() for form, rows in record(CANARY).items()}


def bomb() -> bytes:
    return archive({**good(), "notes.csv": bytes(200 << 20)})


def overlapping() -> bytes:
    """Many entries of the directory that name the same packed bytes."""
    content = bytearray(archive({"patients.csv": bytes(8 << 20)}))
    end = content.rindex(b"PK\x05\x06")
    start = struct.unpack("<I", content[end + 16 : end + 20])[0]
    entry = bytes(content[start:end])
    entries = entry * 2_000
    tail = bytearray(content[end:])
    tail[8:12] = struct.pack("<HH", 2_000, 2_000)
    tail[12:16] = struct.pack("<I", len(entries))
    return bytes(content[:start]) + entries + bytes(tail)


def workbook(fill: Callable[[Workbook], None]) -> bytes:
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = "follow_ups"
    sheet.append(["center", "record_id", "date", "source", "vital_status"])
    fill(book)
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def with_member(content: bytes, name: str, body: bytes) -> bytes:
    target = io.BytesIO(content)
    with zipfile.ZipFile(target, "a") as made:
        made.writestr(name, body)
    return target.getvalue()


def formula(book: Workbook) -> None:
    book.worksheets[0].append(["C01", "C01-0002", '=HYPERLINK("http://x")', "visit", "alive"])


def nothing(book: Workbook) -> None:
    del book


def entities() -> bytes:
    """A workbook whose sheet declares entities that grow."""
    content = workbook(nothing)
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(target, "w") as new:
        for member in old.namelist():
            body = old.read(member)
            if member.endswith("sheet1.xml"):
                body = (
                    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbb">]>'
                    + body.split(b"?>", 1)[-1]
                )
            new.writestr(member, body)
    return target.getvalue()


def encrypted() -> bytes:
    content = bytearray(archive(good()))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(mark)
        while at >= 0:
            content[at + place] |= 1
            at = content.find(mark, at + 1)
    return bytes(content)


def csv(text: bytes) -> bytes:
    return archive({**good(), "follow_ups.csv": text})


HEAD = b"center,record_id,date,source,vital_status\n"
BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "bomb": (bomb, "file.too_large"),
    "overlapping entries": (overlapping, "file.members"),
    "nested zip": (lambda: archive({"inner.zip": archive(good())}), "file.none"),
    "path above": (lambda: archive({"../patients.csv": b"x"}), "file.path"),
    "absolute path": (lambda: archive({"/etc/patients.csv": b"x"}), "file.path"),
    "backslash": (lambda: archive({"..\\patients.csv": b"x"}), "file.path"),
    "too many": (lambda: archive({f"{n}.csv": b"" for n in range(1_001)}), "file.members"),
    "encrypted": (encrypted, "file.encrypted"),
    "cut off": (lambda: archive(good())[:-40], "file.damaged"),
    "no archive behind the mark": (lambda: b"PK\x03\x04" + bytes(1_000), "file.damaged"),
    "macros": (lambda: with_member(workbook(nothing), "xl/vbaProject.bin", b"x"), "file.macro"),
    "entities": (entities, "file.xml"),
    "formula in a sheet": (lambda: workbook(formula), "value.formula"),
    "formula in CSV": (lambda: csv(HEAD + b'C01,X,"=1+1",visit,alive\n'), "value.formula"),
    "huge cell": (
        lambda: csv(HEAD + b"C01," + b"x" * (1 << 20) + b",2001,visit,alive\n"),
        "row.too_long",
    ),
    "NUL": (lambda: csv(HEAD + b"C01,X\0,2001,visit,alive\n"), "file.nul"),
    "UTF-16": (lambda: csv("center,record_id".encode("utf-16")), "file.encoding"),
    "mark": (lambda: csv(b"\xef\xbb\xbf" + HEAD), "file.byte_order_mark"),
    "another center": (lambda: csv(HEAD + b"C02,C02-0001,2010,visit,alive\n"), "center.foreign"),
    "workbook in a zip": (lambda: csv(workbook(nothing)), "file.kind"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_upload_is_refused_with_a_report_and_nothing_is_written(
    universe: Universe, what: str
) -> None:
    make, check = BAD[what]
    before = rows_written()
    start = time.monotonic()
    job = uploaded(universe, make())
    assert time.monotonic() - start < 20
    assert standing(job).state == ImportState.REFUSED, standing(job).state
    found = findings(universe, job)
    assert check in {str(item["check"]) for item in found}
    assert all(item["message"] for item in found)
    assert "CANARY" not in str(found)
    assert rows_written() == before


def findings(universe: Universe, job: uuid.UUID) -> list[dict[str, object]]:
    with acting(scope_of(universe.users["carla"])), transaction.atomic():
        return list(read_all(ImportJob.objects.get(public_id=job), FINDINGS))


def rows_written() -> tuple[int, int]:
    with acting(system_scope()), transaction.atomic():
        patients = AuditEvent.objects.exclude(patient_id=None).count()
        return Patient.objects.count(), patients


def many(count: int) -> bytes:
    forms: dict[str, list[dict[str, object]]] = {}
    for number in range(count):
        one = record(f"M-{number:04}", birth_date=f"{1920 + number % 60}-{1 + number % 12:02}")
        for form, rows in one.items():
            forms.setdefault(form, []).extend(rows)
    forms["prior_therapies"] = [row("prior_therapies", "M-0001")]
    return packed(forms)


def imported() -> int:
    with acting(system_scope()), transaction.atomic():
        return PatientIdentity.objects.filter(record_id__startswith="M-").count()


def start_worker(job: uuid.UUID) -> subprocess.Popen[bytes]:
    """The task in a process of its own, on the database of this test."""
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, str(job)],
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "registry.settings"},
        stderr=subprocess.PIPE,
    )


def import_events() -> int:
    with acting(system_scope()), transaction.atomic():
        return AuditEvent.objects.filter(operation="import").exclude(center_id=None).count()


@pytest.mark.requirement("R5")
@pytest.mark.parametrize("seed", range(4))
def test_worker_killed_in_mid_commit_imports_exactly_once(
    universe: Universe, superuser: psycopg.Connection, seed: int
) -> None:
    job = uploaded(universe, many(200))
    carla = scope_of(universe.users["carla"])
    commit_import(actor=carla, job=standing(job), reason="New source")
    with start_worker(job) as process:
        assert becomes(lambda: import_locks(superuser) > 0, 30), "no worker took its turn"
        time.sleep(random.Random(seed).uniform(0, 1.2))
        process.send_signal(signal.SIGKILL)
    assert imported() in (0, 200)
    assert (imported() == 200) == (standing(job).state == ImportState.COMMITTED)
    # What the sweep does next; twice, as a message that is delivered again.
    seconds = time.monotonic()
    while standing(job).state == ImportState.COMMITTING and time.monotonic() - seconds < 30:
        work(job)
    assert not work(job)
    assert (imported(), standing(job).state) == (200, ImportState.COMMITTED)
    assert import_events() == 1
    # And the way back, killed as well.
    undo_import(actor=carla, job=standing(job), reason="Wrong file")
    with start_worker(job) as process:
        assert becomes(lambda: import_locks(superuser) > 0, 30), "no worker took its turn"
        time.sleep(random.Random(seed).uniform(0, 0.8))
        process.send_signal(signal.SIGKILL)
    while standing(job).state == ImportState.UNDOING and time.monotonic() - seconds < 90:
        work(job)
    assert (imported(), standing(job).state) == (0, ImportState.UNDONE)
    assert import_events() == 2


def import_locks(superuser: psycopg.Connection) -> int:
    """How many workers are inside the step."""
    held = superuser.execute(
        "select count(*) from pg_locks where locktype = 'advisory' and granted"
        " and database = (select oid from pg_database where datname = current_database())"
    ).fetchone()
    assert held is not None
    return int(held[0])


def test_two_workers_with_one_message_import_once(universe: Universe) -> None:
    job = uploaded(universe, many(60))
    commit_import(actor=scope_of(universe.users["carla"]), job=standing(job), reason="New source")

    def run() -> bool:
        try:
            return work(job)
        finally:
            for connection in connections.all(initialized_only=True):
                connection.close()

    with ThreadPoolExecutor(4) as pool:
        did = list(pool.map(lambda _: run(), range(4)))
    while standing(job).state == ImportState.COMMITTING:
        did.append(work(job))
    assert did.count(True) == 1
    assert (imported(), import_events()) == (60, 1)


def test_step_that_kills_its_worker_is_given_up(
    universe: Universe, superuser: psycopg.Connection
) -> None:
    job = uploaded(universe, many(100))
    commit_import(actor=scope_of(universe.users["carla"]), job=standing(job), reason="New source")
    for attempt in (1, 2, 3):
        # The server ends a killed worker's session, and frees its lock, a little after the worker.
        assert becomes(lambda: not import_locks(superuser), 30)
        with start_worker(job) as process:
            assert becomes(lambda now=attempt: attempts(superuser) == now, 30)
            process.send_signal(signal.SIGKILL)
    assert becomes(lambda: not import_locks(superuser), 30)
    assert work(job)
    assert (standing(job).state, standing(job).problem) == (ImportState.FAILED, "attempts")
    assert imported() == 0


def attempts(superuser: psycopg.Connection) -> int:
    """How often the step of the one import was begun."""
    row = superuser.execute("select coalesce(sum(attempts), 0) from patients_import_run").fetchone()
    assert row is not None
    return int(row[0])
