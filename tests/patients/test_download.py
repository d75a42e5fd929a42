"""A site takes out its own records in the format of the import, and nothing of other sites."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import psycopg
import pytest
from django.core.exceptions import PermissionDenied
from django.db import transaction

from centers.access import acting, scope_of, system_scope
from centers.actions.centers import create_center
from centers.models import AuditEvent, Center
from patients.actions.changes import RowChange
from patients.exporting import bundle
from patients.exporting.bundle import write_bundle
from patients.models import Patient
from patients.queries.records import load_records
from patients.rules.dictionary import PATIENTS, RECORD_FORMS
from patients.rules.values import InvalidValue, format_value, parse_value
from tests.patients.import_tools import run
from tests.patients.pages import Visitor
from tests.universe import Universe, amend_record, read_values

Shown = dict[str, dict[str, list[tuple[bool, dict[str, str]]]]]


def prepare(universe: Universe) -> None:
    """What is awkward in a bundle: commas, quotes, a link, retracted rows, another alphabet."""
    rows = [
        RowChange("prior_therapies", read_values("prior_therapies", texts))
        for texts in (
            {"therapy_class": "chemotherapy", "agent": 'DTIC, "high" dose; weekly'},
            {"therapy_class": "chemotherapy", "agent": "Цисплатин \u00e9"},
        )
    ]
    key = universe.row_key("survivor", "assessments", 3)
    amend_record(universe, "survivor", [*rows, RowChange("assessments", row_id=key, retract=True)])
    link = RowChange("patients", read_values("patients", {"same_person_as": "C01-0001"}))
    contact = RowChange(
        "follow_ups", row_id=universe.row_key("waiting", "follow_ups"), retract=True
    )
    amend_record(universe, "waiting", [link, contact])


def download(universe: Universe, username: str, tmp_path: Path) -> tuple[Path, list[str]]:
    """The downloaded bundle on disk, and the names in it."""
    visitor = Visitor(universe, username)
    response = visitor.client.post("/records/download/", {"center": "C01", "what": "records"})
    assert response.status_code == 200
    path = tmp_path / "download.zip"
    path.write_bytes(b"".join(response.streaming_content))  # type: ignore[arg-type]
    with zipfile.ZipFile(path) as archive:
        return path, archive.namelist()


def shown(center_id: int) -> Shown:
    """All that a bundle tells of the standing records, by record ID and form."""
    with acting(system_scope()), transaction.atomic():
        ids = Patient.objects.filter(center_id=center_id, retracted=False).values_list(
            "id", flat=True
        )
        states = load_records(list(ids)).values()
    found: Shown = {}
    for state in states:
        rows = {"patients": [state.patient], **state.rows}
        found[str(state.patient.values["record_id"])] = {
            form: [
                (
                    row.retracted,
                    {k: format_value(v) for k, v in row.values.items() if v is not None},
                )
                for row in rows[form]
                if form == "assessments" or not row.retracted
            ]
            for form in rows
        }
    return found


def test_downloaded_bundle_changes_nothing_here_and_gives_the_same_elsewhere(
    universe: Universe, tmp_path: Path, superuser: psycopg.Connection
) -> None:
    prepare(universe)
    before = shown(universe.centers["C01"].pk)
    path, names = download(universe, "carla", tmp_path)
    assert names == [f"{form.name}.csv" for form in RECORD_FORMS]
    status, out, err = run(path, "--center=C01")
    assert (status, "registry has all of it" in out) == (0, True), err
    empty_registry(superuser)
    center = create_center(actor=system_scope(), values={"code": "C01", "name": "Elsewhere"})
    status, out, err = run(path, "--center=C01")
    assert status == 0, err
    assert shown(center.pk) == before
    assert set(before) == {"C01-0001", "C01-0002", "C01-0003", "C01-0004"}
    assert "retracted" in zipfile.ZipFile(path).read("assessments.csv").decode()


def empty_registry(superuser: psycopg.Connection) -> None:
    """Another registry: nothing but the system account."""
    tables = superuser.execute(
        "select quote_ident(schemaname) || '.' || quote_ident(tablename) from pg_tables"
        " where schemaname in ('public', 'ident', 'audit', 'analytics')"
        " and tablename not in ('django_migrations', 'django_content_type', 'centers_user')"
    ).fetchall()
    superuser.execute("set session_replication_role = replica")
    for (table,) in tables:
        superuser.execute(f"delete from {table}")
    superuser.execute("reset session_replication_role")


def test_download_is_of_the_center_alone_and_an_event(universe: Universe, tmp_path: Path) -> None:
    path, _ = download(universe, "petra", tmp_path)
    with zipfile.ZipFile(path) as archive:
        text = "".join(archive.read(name).decode() for name in archive.namelist())
    assert "C01-0001" in text
    assert "C02" not in text
    with acting(system_scope()), transaction.atomic():
        event = AuditEvent.objects.get(operation="download")
        rows = len(text.splitlines()) - len(RECORD_FORMS)
        assert event.after == {"what": "records", "records": 4, "rows": rows}
        assert (event.center_id, event.actor_id) == (
            universe.centers["C01"].pk,
            universe.users["petra"].pk,
        )


def test_answer_is_a_file_that_nothing_keeps_and_its_name_identifies_nobody(
    universe: Universe,
) -> None:
    client = Visitor(universe, "carla").client
    response = client.post("/records/download/", {"center": "C01", "what": "records"})
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Type"] == "application/zip"
    disposition = response.headers["Content-Disposition"]
    assert disposition.startswith('attachment; filename="C01-')
    assert disposition.endswith('-records.zip"')
    response.close()


def test_signatures_are_a_file_of_their_own(universe: Universe) -> None:
    client = Visitor(universe, "carla").client
    response = client.post("/records/download/", {"center": "C01", "what": "signatures"})
    text = b"".join(response.streaming_content).decode()  # type: ignore[arg-type]
    assert list(csv.DictReader(io.StringIO(text))) == []
    assert text.startswith("registry_number,kind,meaning,name,role,at,")
    with acting(system_scope()), transaction.atomic():
        assert AuditEvent.objects.get(operation="download").after["what"] == "signatures"


def test_choice_is_one_of_the_own_centers_and_files(universe: Universe) -> None:
    visitor = Visitor(universe, "bea")
    assert 'value="C02"' not in visitor.get("/records/download/").text
    for sent in ({"center": "C02", "what": "records"}, {"center": "C01", "what": "x"}, {}):
        assert visitor.post("/records/download/", sent).status == 422
    for username in ("max", "dana", "ines", "adam"):
        assert Visitor(universe, username).get("/records/download/").status == 403
        with acting(system_scope()), pytest.raises(PermissionDenied):
            write_bundle(
                actor=scope_of(universe.users[username]),
                center=universe.centers["C01"],
                target=io.BytesIO(),
            )


def test_pieces_are_joined_without_loss(
    universe: Universe, monkeypatch: pytest.MonkeyPatch
) -> None:
    def written() -> dict[str, int]:
        center: Center = universe.centers["C01"]
        return write_bundle(actor=system_scope(), center=center, target=io.BytesIO())

    whole = written()
    monkeypatch.setattr(bundle, "CHUNK", 1)
    assert written() == whole
    assert whole["patients"] == 4


def test_entries_that_a_spreadsheet_would_run_are_refused_when_made() -> None:
    field = PATIENTS.by_name["mrn"]
    for text in ("=1+1", "+1", "-1", "@x", " =1"):
        with pytest.raises(InvalidValue, match="begins like a formula"):
            parse_value(field, text)
    assert parse_value(field, "A=1") == "A=1"
