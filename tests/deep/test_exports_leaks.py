"""Nothing that could name a person leaves in an export: canaries and shapes of dates, in every byte.

And nothing else is lost on the way: codes of two projects cannot be joined, intervals are the registry's.
"""

from __future__ import annotations

import logging
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
    plant,
    quiet,
    server_log,
)
from tests.snapshot import start_from


@pytest.fixture(scope="module", autouse=True)
def _store(tmp_path_factory: pytest.TempPathFactory) -> None:
    settings.REGISTRY_EXPORT_DIR = tmp_path_factory.mktemp("exports")


@pytest.fixture
def world(database: None, superuser: psycopg.Connection) -> World:
    return start_from("exports of leaks", lambda: build_marked(superuser), superuser)


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
