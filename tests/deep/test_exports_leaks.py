"""Nothing that could name a person leaves in an export: canaries and shapes of dates, in every byte.

And nothing else is lost on the way: codes of two projects cannot be joined, intervals are the registry's.
"""

from __future__ import annotations

import csv
import logging
from collections import Counter
from datetime import date
from pathlib import Path

import psycopg
import pytest
from django.conf import settings

from analytics.actions.data_cuts import make_cut
from analytics.exporting import engine, hints
from analytics.projects import RESEARCH
from centers.access import system_scope
from tests.analytics.exports_world import (
    ALL_FORMATS,
    CUTOFF,
    World,
    again,
    ask,
    build,
    fetched,
    hashes,
)
from tests.deep.export_scans import hits, texts, traces
from tests.deep.export_world import (
    MARK,
    PROFILES,
    Needles,
    answers,
    broker_content,
    build_marked,
    lines,
    plant,
    quiet,
    server_log,
)
from tests.oracle import Span
from tests.snapshot import start_from


@pytest.fixture(scope="module", autouse=True)
def _store(tmp_path_factory: pytest.TempPathFactory) -> None:
    settings.REGISTRY_EXPORT_DIR = tmp_path_factory.mktemp("exports")


@pytest.fixture
def world(database: None, superuser: psycopg.Connection) -> World:
    return start_from("exports of leaks", lambda: build_marked(superuser), superuser)


@pytest.mark.requirement("E1")
@pytest.mark.parametrize("profile", PROFILES)
def test_no_canary_and_no_date_in_any_byte(
    world: World,
    superuser: psycopg.Connection,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    profile: str,
) -> None:
    """Files of every format, answers with their headers, logs, tasks."""
    wanted = Needles.of(superuser)
    assert len(wanted.words) > 5000
    caplog.set_level(logging.DEBUG)
    job = build(world, profile, population="eligible")
    assert {entry["format"] for entry in job.files or ()} == {*ALL_FORMATS, "manifest"}
    for name, text in texts(fetched(job, tmp_path)):
        assert wanted.found_in(text) == [], name
    for path, content in answers(world, job):
        text = content.decode()
        assert traces(text, MARK) | hits(text, wanted.words) == set(), path
    waiting = broker_content()
    assert hints.TASK in waiting
    for name, text in {
        "log": caplog.text,
        "broker": waiting,
        "database": server_log(superuser),
        "row": str(superuser.execute("select * from analytics_export_job").fetchall()),
    }.items():
        assert traces(text, MARK) | hits(text, wanted.words) == set(), name


@pytest.mark.parametrize(
    ("leak", "error"),
    [
        ("record.registry_number::integer::text", "DataError"),
        ("record.registry_number", "KeyError"),
    ],
)
def test_errors_of_a_build_keep_no_value(
    world: World,
    superuser: psycopg.Connection,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    leak: str,
    error: str,
) -> None:
    """A value that the database refuses, or a format as none of its codes: their errors hold it."""
    caplog.set_level(logging.DEBUG)
    plant(monkeypatch, leak)
    logged = len(server_log(superuser))
    cut = make_cut(actor=system_scope(), name="With an error", cutoff=CUTOFF)
    job = ask(world, RESEARCH, cut_id=cut.pk)
    engine.build_waiting()
    assert (again(job).state, again(job).error) == ("queued", error)
    assert error in caplog.text
    said = [content.decode() for _, content in answers(world, again(job))]
    wanted = Needles.of(superuser)
    for name, text in {
        "answers": str(said),
        "log": caplog.text,
        "database": server_log(superuser)[logged:],
    }.items():
        assert traces(text, MARK) | hits(text, wanted.words) == set(), name


SCANNED = {
    "registry number": "record.registry_number",
    "record id, backwards": "reverse(identity.record_id)",
    "hash of the record id": "encode(sha256(identity.record_id::bytea), 'hex')",
    "record id in base64, inside of a word": "encode(('x' || identity.record_id)::bytea, 'base64')",
    "public id": "record.public_id::text",
    "first dose": "o.t0::text || ' ' || record.id",
    "birth date in words": "to_char(identity.birth_date_point, 'DD-Mon-YYYY ') || record.id",
}


@pytest.mark.requirement("E1")
@pytest.mark.parametrize("leak", SCANNED)
def test_scan_finds_a_planted_leak_in_every_format(
    world: World, superuser: psycopg.Connection, tmp_path: Path, leak: str
) -> None:
    """Codes that say what they must not: they stand in every file of data."""
    quiet(
        superuser,
        f"""
        update pseudonym.subject s set code = {SCANNED[leak]}
        from patients_patient record join ident.patient_identity identity on patient_id = record.id
            join analytics_outcome o on o.patient_id = record.id and o.variant = 'primary'
        where record.id = s.patient_id
        """,
    )
    wanted = Needles.of(superuser)
    job = build(world, RESEARCH)
    red = {name for name, text in texts(fetched(job, tmp_path)) if wanted.found_in(text)}
    for entry in job.files or ():
        if entry["table"]:
            assert red & {entry["name"], f"{entry['name']} decoded"}, entry["name"]


def test_two_projects_cannot_be_joined_by_code_or_order(
    world: World, superuser: psycopg.Connection
) -> None:
    rows = superuser.execute(
        'select a.code, b.code, rank() over (order by a.code collate "C"), rank() over (order by b.code collate "C"),'
        " rank() over (order by a.patient_id) from pseudonym.subject a join pseudonym.subject b"
        " on a.patient_id = b.patient_id and a.project_id < b.project_id"
    ).fetchall()
    assert len(rows) == 160
    assert not {row[0] for row in rows} & {row[1] for row in rows}
    for one, two in ((2, 3), (2, 4), (3, 4)):
        n = len(rows)
        squared = sum((row[one] - row[two]) ** 2 for row in rows)
        spearman = 1 - 6 * squared / (n * (n * n - 1))
        assert abs(spearman) < 0.4  # five standard errors
    assert all(len(row[0]) == 16 for row in rows)


def test_intervals_are_those_of_the_registry(world: World, superuser: psycopg.Connection) -> None:
    job = world.built[RESEARCH]
    found = {}
    folder = engine.store.place(hashes(job)["time_to_event.csv"])
    for line in folder.read_text().splitlines()[1:]:
        cells = line.split(",")
        found[cells[0], cells[1]] = (int(cells[3]), int(cells[5]))
    rows = superuser.execute(
        "select s.code, o.variant, o.pfs_days, o.cnsr, o.os_days, 1 - o.os_event"
        " from pseudonym.subject s join analytics_outcome o using (patient_id)"
        " where s.project_id = %s",
        [job.project_id],
    ).fetchall()
    names = {"primary": "PFS", "fda": "PFSFDA", "ema": "PFSEMA", "worst_case": "PFSWC"}
    assert len(rows) == 4 * 160
    for code, variant, pfs, cnsr, survival, alive in rows:
        assert found[code, names[variant]] == (pfs, cnsr)
        assert found[code, "OS"] == (survival, alive)


def rounded(days: int, to: int) -> int:
    """To a multiple, halves away from zero."""
    return (abs(days) * 2 + to) // (2 * to) * to * (1 if days >= 0 else -1)


@pytest.mark.parametrize(
    ("table", "form", "column"),
    [
        ("prior_therapies", "patients_prior_therapy", "start_date"),
        ("cycles", "patients_cycle", "start_date"),
        ("assessments", "patients_assessment", "date"),
        ("local_therapies", "patients_local_therapy", "date"),
        ("systemic_therapies", "patients_systemic_therapy", "start_date"),
        ("follow_ups", "patients_follow_up", "date"),
        ("subjects", "patients_patient", "primary_diagnosis_date"),
    ],
)
def test_days_are_those_of_the_calendar(
    world: World, superuser: psycopg.Connection, table: str, form: str, column: str
) -> None:
    """Leap day, clocks, days before the first dose; dates known to the month or year as coarse as that."""
    job = world.built[RESEARCH]
    codes = dict(
        superuser.execute(
            "select patient_id, code from pseudonym.subject where project_id = %s", [job.project_id]
        ).fetchall()
    )
    starts = dict(
        superuser.execute(
            "select patient_id, min(start_date::text)::date from patients_cycle group by 1"
        ).fetchall()
    )
    assert date(2000, 2, 29) in starts.values()
    key = "id" if table == "subjects" else "patient_id"
    wanted: Counter[tuple[str, int, str]] = Counter()
    for patient, text in superuser.execute(f"select {key}, {column}::text from {form}").fetchall():
        if patient in codes and (point := Span.parse(text).point) <= CUTOFF:
            days = (point - starts[patient]).days
            precision = {10: "day", 7: "month", 4: "year"}[len(text)]
            day = {"day": days, "month": rounded(days, 30), "year": rounded(days, 365)}[precision]
            wanted[codes[patient], day, precision] += 1
    stem = "" if column == "date" else column.replace("_date", "_")
    found = Counter(
        (line["subject"], int(line[f"{stem}day"]), line[f"{stem}precision"])
        for line in csv.DictReader(lines(job, f"{table}.csv"))
    )
    assert wanted
    assert found == wanted


def test_codes_issued_anew_change_codes_and_order_alone(
    world: World, superuser: psycopg.Connection
) -> None:
    job = world.built[RESEARCH]
    for table in ("subject", "center"):
        superuser.execute(f"delete from pseudonym.{table} where project_id = %s", [job.project_id])
    other = build(world, RESEARCH)
    for table in job.recipe["tables"]:
        files = [list(csv.DictReader(lines(one, f"{table}.csv"))) for one in (job, other)]
        first, second = ({line.pop("subject") for line in file} for file in files)
        assert not first & second
        bare = [sorted(str(line | {"center": ""}) for line in file) for file in files]
        assert bare[0] == bare[1]
        assert len(first) == len(second)
