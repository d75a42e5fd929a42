"""Import through the browser: upload, columns, preview with effect, commit once, undo as one correction."""

from __future__ import annotations

import csv
import io
import re
import uuid
from datetime import date, timedelta
from pathlib import Path

import psycopg
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.http import HttpResponse
from django.utils import timezone
from django.utils.html import escape

from analytics.derivation.stale import drain
from analytics.models import Outcome
from analytics.queries.panel import completed_years
from centers.access import acting, scope_of, system_scope
from centers.cells import FORMULA_STARTS
from centers.models import AuditEvent, User
from patients.actions.changes import RowChange
from patients.actions.erasure import erase_identifiers
from patients.actions.import_jobs import name_columns
from patients.actions.records import RecordChange, save_records
from patients.import_jobs import ImportState
from patients.importing.worker import work
from patients.models import ImportContent, ImportJob, ImportPage, Patient, PatientIdentity
from patients.partial_dates import PartialDate
from patients.queries.import_jobs import EFFECTS, read_all
from patients.tasks import purge_uploads, sweep_imports
from tests.audit_trail import verify_live
from tests.importing import DECIDES, packed, standing, uploaded
from tests.patients.bundles import csv_text, record, row
from tests.patients.import_tools import saved, texts
from tests.patients.pages import Visitor
from tests.universe import SURVIVOR, Universe

NEW = "/records/imports/new/"
CANARY = "CANARY-8841"


def address(job: uuid.UUID, part: str = "") -> str:
    return f"/records/imports/{job}/{part}"


def items(universe: Universe, job: uuid.UUID, *streams: str) -> list[dict[str, object]]:
    with acting(scope_of(universe.users["carla"])), transaction.atomic():
        found = ImportJob.objects.get(public_id=job)
        return [item for stream in streams for item in read_all(found, stream)]


def whole_bundle() -> bytes:
    """A new record, a changed value and a contact that decides an unknown."""
    forms = record(CANARY, mrn="CANARY-MRN")
    forms["follow_ups"] = [*forms["follow_ups"], DECIDES]
    amended: dict[str, object] = dict(SURVIVOR["patients"][0])
    amended |= {"center": "C01", "weight_kg": "73"}
    return packed({**forms, "patients": [*forms["patients"], amended]})


def states_of(universe: Universe) -> dict[str, object]:
    """The records of carla's center, value by value."""
    return {
        name: (saved(record_id=name).patient.values, [texts(saved(record_id=name), "follow_ups")])
        for name in ("C01-0001", "C01-0002")
    }


def test_import_from_upload_to_undo(universe: Universe) -> None:
    carla = Visitor(universe, "carla")
    before = states_of(universe)
    content = whole_bundle()
    sent = carla.client.post(NEW, {"center": "C01", "bundle": SimpleUploadedFile("x.zip", content)})
    assert sent.status_code == 302
    path = sent.headers["Location"]
    job = uuid.UUID(path.split("/")[3])
    assert "Waiting for its turn" in carla.get(path).text
    assert sweep_imports() == 1
    assert standing(job).state == ImportState.READY
    page = carla.get(path)
    assert "Ready to import" in page.text

    # The preview: old and new of every cell, the effect, and nothing written.
    assert states_of(universe) == before
    cells = carla.get(address(job, "cells/?kind=changed")).text
    assert "Weight" in cells
    assert "71.5 kg" in cells
    assert "73 kg" in cells
    assert CANARY in carla.get(address(job, "cells/")).text
    effects = {str(e["who"]): e for e in items(universe, job, *EFFECTS)}
    assert set(effects) == {CANARY, "C01-0001", "C01-0002"}
    decided = effects["C01-0002"]
    assert (decided["before"]["eligible"], decided["after"]["eligible"]) == ("unknown", "yes")  # type: ignore[index]
    assert "unknown <span" in page.text

    # Commit: with a reason, by the worker, once.
    assert carla.post(address(job, "commit/"), {"reason": " "}).status == 422
    assert carla.post(address(job, "commit/"), {"reason": "New source"}).status == 302
    assert carla.post(address(job, "commit/"), {"reason": "New source"}).status == 409
    assert [work(job), work(job)] == [True, False]
    assert standing(job).state == ImportState.COMMITTED
    assert saved(record_id=CANARY).patient.values["mrn"] == "CANARY-MRN"
    drain()
    with acting(system_scope()), transaction.atomic():
        ids = dict(PatientIdentity.objects.values_list("record_id", "patient_id"))
        for who, effect in effects.items():
            stored = Outcome.objects.get(patient_id=ids[who], variant="primary")
            years = completed_years(stored.t0, stored.pfs_end, is_event=bool(stored.pfs_event))
            after = effect["after"]
            assert isinstance(after, dict)
            assert (after["eligible"], after["pfs"], after["pfs_days"]) == (
                stored.eligible,
                years,
                stored.pfs_days,
            )
        assert not ImportContent.objects.exists()
        assert AuditEvent.objects.filter(operation="import").count() == 2
        assert "CANARY" not in str(list(AuditEvent.objects.values("before", "after")))

    # The same file again changes nothing.
    again = uploaded(universe, content)
    assert standing(again).state == ImportState.SAME
    assert "already" in carla.get(address(again)).text

    # Undo as one correction.
    assert "Undo it" in carla.get(path).text
    assert carla.post(address(job, "undo/"), {"reason": "Wrong file"}).status == 302
    assert work(job)
    assert standing(job).state == ImportState.UNDONE
    assert states_of(universe) == before
    with acting(system_scope()), transaction.atomic():
        assert Patient.objects.filter(retracted=True).count() == 1
        assert AuditEvent.objects.filter(reason="Wrong file", operation="update").count() >= 3


def test_errors_are_shown_and_nothing_is_written(universe: Universe) -> None:
    forms = record(CANARY)
    forms["assessments"] = [*forms["assessments"], row("assessments", CANARY, date="2001-02-30")]
    job = uploaded(universe, packed(forms))
    carla = Visitor(universe, "carla")
    assert standing(job).state == ImportState.REFUSED
    report = carla.get(address(job, "report.csv")).text.splitlines()
    assert report[1].startswith("assessments.csv,3,date,value.partial_date,hard,")
    assert CANARY not in "".join(report)
    assert "Error" in carla.get(address(job, "cells/?kind=error")).text
    assert carla.post(address(job, "commit/"), {"reason": "x"}).status == 409
    with acting(system_scope()), transaction.atomic():
        assert not PatientIdentity.objects.filter(record_id=CANARY).exists()


def test_unknown_columns_are_asked_once_and_remembered(universe: Universe) -> None:
    header = "Record ID,Date,Source,vital_status,<b>Nurse\n"
    bundle = {"contacts.csv": header + "C01-0002,2012-03-05,visit,alive,Smith\n"}
    job = uploaded(universe, packed(bundle))
    carla = Visitor(universe, "carla")
    assert standing(job).state == ImportState.COLUMNS
    page = carla.get(address(job, "columns/"))
    assert page.form["file_0"] == ""
    assert carla.post(address(job, "columns/"), {"file_0": "follow_ups"}).status == 302
    assert work(job)
    page = carla.get(address(job, "columns/"))  # now the columns of that file
    assert "&lt;b&gt;Nurse" in page.text
    guessed = {name: page.form[name] for name in page.form if name.startswith("follow_ups_")}
    assert [v[-1] if isinstance(v, list) else v for v in guessed.values()] == [
        "record_id",
        "date",
        "source",
        "",
    ]
    twice = {**guessed, "follow_ups_3": "date"}
    assert carla.post(address(job, "columns/"), twice).status == 422
    assert carla.post(address(job, "columns/"), guessed).status == 302
    assert work(job)
    assert standing(job).state == ImportState.READY
    assert standing(uploaded(universe, packed(bundle))).state == ImportState.READY
    carla.post(address(job, "check/"), {"forget": "1"})
    assert work(job)
    assert standing(job).state == ImportState.COLUMNS


def test_changed_data_ask_for_a_new_preview_or_refuse_the_undo(universe: Universe) -> None:
    job = uploaded(universe, packed({"follow_ups": [DECIDES]}))
    carla = Visitor(universe, "carla")
    amend(universe, "2009-02-17")
    carla.post(address(job, "commit/"), {"reason": "New source"})
    assert work(job)
    assert standing(job).state == ImportState.OUTDATED
    assert "Make a new preview" in carla.get(address(job)).text
    carla.post(address(job, "check/"), {})
    carla.post(address(job, "commit/"), {"reason": "New source"})
    assert work(job)  # the check
    assert standing(job).state == ImportState.READY
    carla.post(address(job, "commit/"), {"reason": "New source"})
    assert work(job)
    assert standing(job).state == ImportState.COMMITTED
    amend(universe, "2009-02-18")
    before = states_of(universe)
    carla.post(address(job, "undo/"), {"reason": "Wrong file"})
    assert work(job)
    page = carla.get(address(job)).text
    assert "changed after the import" in page
    assert universe.url("waiting") in page
    assert states_of(universe) == before


def amend(universe: Universe, day: str) -> None:
    """Another correction of the record `waiting`."""
    carla = scope_of(universe.users["carla"])
    record = universe.records["waiting"]
    key = universe.row_key("waiting", "follow_ups", 1)
    row_change = RowChange("follow_ups", {"date": PartialDate.parse(day)}, key)
    change = RecordChange(universe.centers["C01"].pk, record.patient_id, [row_change])
    save_records(actor=carla, changes=[change], reason="Chart", confirmed=None)


def test_undo_enters_retracted_rows_again(universe: Universe) -> None:
    gone = {
        "center": "C01",
        "record_id": "C01-0002",
        "date": "2006-04-03",
        "response": "SD",
        "basis": "imaging",
        "status": "retracted",
    }
    job = uploaded(universe, packed({"assessments": [gone]}))
    carla = Visitor(universe, "carla")
    before = texts(saved(record_id="C01-0002"), "assessments")
    carla.post(address(job, "commit/"), {"reason": "Wrong patient"})
    assert work(job)
    assert texts(saved(record_id="C01-0002"), "assessments") == []
    carla.post(address(job, "undo/"), {"reason": "Right patient"})
    assert work(job)
    assert texts(saved(record_id="C01-0002"), "assessments") == before


def test_rights_are_looked_at_again_and_uploads_expire(universe: Universe) -> None:
    job = uploaded(universe, packed({"follow_ups": [DECIDES]}))
    carla = Visitor(universe, "carla")
    assert carla.post(address(job, "commit/"), {"reason": "New source"}).status == 302
    with acting(system_scope()), transaction.atomic():
        User.objects.filter(username="carla").update(is_active=False)
    assert work(job)
    assert (standing(job).state, standing(job).problem) == (ImportState.FAILED, "rights")
    assert len(texts(saved(record_id="C01-0002"), "follow_ups")) == 2
    with acting(system_scope()), transaction.atomic():
        ImportJob.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert purge_uploads() == 1
    assert standing(job).state == ImportState.EXPIRED
    with acting(system_scope()), transaction.atomic():
        assert not ImportContent.objects.exists()
        assert not ImportPage.objects.exists()


def test_previews_are_closed_to_masked_readers_and_go_with_an_erasure(universe: Universe) -> None:
    job = uploaded(universe, packed({"follow_ups": [DECIDES]}))
    for who, sees in (("carla", True), ("max", False), ("petra", True), ("otto", False)):
        with acting(scope_of(universe.users[who])), transaction.atomic():
            assert ImportPage.objects.exists() is sees, who
            assert ImportContent.objects.exists() is sees, who
    with acting(system_scope()), transaction.atomic():
        sealed = b"".join(bytes(page.sealed) for page in ImportPage.objects.all())
        assert b"C01-0002" not in sealed
        patient = Patient.objects.get(pk=universe.records["progressed"].patient_id)
    erase_identifiers(
        actor=system_scope(), patient=patient, requested_on=date(2026, 3, 2), reason="Letter"
    )
    assert standing(job).state == ImportState.EXPIRED
    with acting(system_scope()), transaction.atomic():
        assert not ImportContent.objects.exists()
        assert not ImportPage.objects.exists()
    assert verify_live().findings == []


@pytest.mark.parametrize(
    "name", ["=cmd|' C calc'!A0", "+1", "-1", "@SUM(A1)", "|x", "\uff1d1", "\n=1", "\t=1"]
)
def test_report_of_a_file_called_like_a_formula_runs_nothing(universe: Universe, name: str) -> None:
    rows = record(CANARY)
    text = csv_text("patients", rows.pop("patients")).replace("C01", "C99")
    content = packed({**rows, f"{name}.csv": text})
    job = uploaded(universe, content)
    assert standing(job).state == ImportState.COLUMNS
    columns = {"names": {f"{name}.csv": "patients"}, "headers": {}}
    name_columns(actor=scope_of(universe.users["carla"]), job=standing(job), columns=columns)
    assert work(job)
    assert standing(job).state == ImportState.REFUSED
    text = Visitor(universe, "carla").get(address(job, "report.csv")).text
    files = {line["file"] for line in csv.DictReader(io.StringIO(text, newline=""))}
    assert f"'{name}.csv" in files
    assert not any(file.startswith(FORMULA_STARTS) for file in files)


def test_other_files_are_refused_at_once(universe: Universe) -> None:
    carla = Visitor(universe, "carla")
    for content, says in (
        (b"", "The file is empty"),
        (b"center,record_id\nC01,1\n", "neither a zip nor an XLSX"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "old kind"),
        (b"PK\x03\x04" + bytes(16 << 20), "more than 16 MB"),
    ):
        sent = {"center": "C01", "bundle": SimpleUploadedFile("a.zip", content)}
        answer = carla.client.post(NEW, sent)
        assert (answer.status_code, says in answer.content.decode()) == (422, True), says
    assert not ImportJob.objects.exists()


MARK = "hostilename7"
NAMES = {
    "path": f"../../{MARK}.zip",
    "path of Windows": f"..\\..\\{MARK}.zip",
    "absolute": f"/etc/{MARK}",
    "NUL": f"{MARK}\0.zip",
    "right to left": f"{MARK}\u202egpj.zip",
    "long": MARK + "x" * 300 + ".zip",
    "header": f"{MARK}.zip\r\nX-Injected: {MARK}",
    "markup": f"<img src=x onerror={MARK}>.zip",
    "formula": f"=cmd|{MARK}.zip",
    "empty": "",
}


def sent_raw(visitor: Visitor, name: bytes, content: bytes) -> HttpResponse:
    """An upload with a file name as it stands: the test client would clean it."""
    parts = (
        b'--cut\r\nContent-Disposition: form-data; name="center"\r\n\r\nC01\r\n',
        b'--cut\r\nContent-Disposition: form-data; name="bundle"; filename="%s"\r\n' % name,
        b"Content-Type: application/zip\r\n\r\n" + content + b"\r\n--cut--\r\n",
    )
    return visitor.client.post(
        NEW, b"".join(parts), content_type="multipart/form-data; boundary=cut"
    )


def stored(superuser: psycopg.Connection) -> str:
    """Every row of every table, as text."""
    names = superuser.execute(
        "select format('%I.%I', schemaname, tablename) from pg_tables"
        " where schemaname in ('public', 'ident', 'audit')"
    ).fetchall()
    rows = (superuser.execute(f"select array_agg(t::text) from {name} t") for (name,) in names)
    return "".join(str(found.fetchone()) for found in rows)


@pytest.mark.parametrize("what", NAMES)
def test_name_of_an_uploaded_file_is_kept_and_shown_nowhere(
    universe: Universe,
    superuser: psycopg.Connection,
    caplog: pytest.LogCaptureFixture,
    what: str,
) -> None:
    carla = Visitor(universe, "carla")
    answer = sent_raw(carla, NAMES[what].encode(), packed(record(CANARY, birth_date="x")))
    assert "X-Injected" not in answer.headers
    if what == "empty":  # a text then, with the NUL of a zip
        assert answer.status_code == 400
        told = [answer.content.decode()]
    else:
        assert answer.status_code == 302
        job = uuid.UUID(answer.headers["Location"].split("/")[3])
        assert work(job)
        assert standing(job).state == ImportState.REFUSED
        report = carla.client.get(address(job, "report.csv"))
        disposition = report.headers["Content-Disposition"]
        assert re.fullmatch(r'attachment; filename="import-report-[\d-]{10}\.csv"', disposition)
        pages = [address(job), address(job, "cells/"), "/records/imports/"]
        told = [report.content.decode(), *(carla.get(page).text for page in pages)]
    assert not any(MARK in text for text in told)
    assert MARK not in caplog.text
    assert MARK not in stored(superuser)
    assert not any(path.is_file() for path in Path().glob(f"**/*{MARK}*"))


@pytest.mark.parametrize(
    "name",
    [
        f"<img src=x onerror={MARK}>.csv",
        f'"onclick="{MARK}.csv',
        f"{MARK}\u202evsc.csv",
        f"{MARK}\r\nX-Injected: 1.csv",
        f"=cmd|{MARK}.csv",
    ],
)
def test_name_of_a_file_in_a_bundle_is_text_where_it_is_asked_about(
    universe: Universe, superuser: psycopg.Connection, name: str
) -> None:
    carla = Visitor(universe, "carla")
    job = uploaded(universe, packed({**record(CANARY), name: "a,b\n1,2\n"}))
    assert standing(job).state == ImportState.COLUMNS
    page = carla.get(address(job, "columns/"))
    (line,) = (part for part in page.text.split("</label>") if MARK in part)
    # In an element of its own, so that writing from right to left ends with it.
    assert line.rpartition("<bdi>")[2] == f"{escape(name)}</bdi>"
    report = carla.client.get(address(job, "report.csv"))
    assert MARK not in report.headers["Content-Disposition"]
    assert MARK not in carla.get(address(job)).text
    # What is kept of it is sealed, as the content is.
    assert MARK not in stored(superuser)


def test_long_name_of_a_file_in_a_bundle_is_refused_and_cut(universe: Universe) -> None:
    job = uploaded(universe, packed({**record(CANARY), f"{MARK}{'x' * 300}.csv": "a,b\n1,2\n"}))
    assert standing(job).state == ImportState.REFUSED
    report = Visitor(universe, "carla").get(address(job, "report.csv")).text
    (file,) = {line["file"] for line in csv.DictReader(io.StringIO(report))}
    assert file == (MARK + "x" * 300)[:60]
