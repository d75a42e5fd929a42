"""Builds of exports: the same bytes from any process, whole or absent, and no age of ninety in any column."""

from __future__ import annotations

import csv
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import psycopg
import pytest
from django.conf import settings

from analytics.actions.data_cuts import make_cut
from analytics.exporting import engine, freezing, frozen, store
from analytics.exporting.download import find_file
from analytics.models import ExportJob
from analytics.projects import RESEARCH, SAFE_HARBOR
from centers.access import system_scope
from tests.analytics.cohort_records import treated
from tests.analytics.exports_world import (
    ALL_FORMATS,
    CUTOFF,
    World,
    again,
    ask,
    build,
    build_world,
    hashes,
    release,
)
from tests.deep.export_world import ROOT, build_both, environment, lines, quiet
from tests.oracle import Record
from tests.snapshot import start_from
from tests.stack_support import becomes

MAKE = [sys.executable, str(ROOT / "manage.py"), "export", "make"]
# Where a build stops for good, until it is killed: before its rows are read, with all files written, with one kept.
STOPS = {
    "reading": "engine.spool = lambda *_: time.sleep(600)",
    "settling": "engine._settle = lambda *_: time.sleep(600)",
    "keeping": "keep = store.keep; store.keep = lambda path: (keep(path), time.sleep(600))[0]",
}
STOPPED = """
import django, time
django.setup()
from analytics.exporting import engine, store
{stop}
engine.build_waiting()
"""


@pytest.fixture(scope="module", autouse=True)
def _store(tmp_path_factory: pytest.TempPathFactory) -> None:
    settings.REGISTRY_EXPORT_DIR = tmp_path_factory.mktemp("exports")


@pytest.fixture
def world(database: None, superuser: psycopg.Connection) -> World:
    return start_from("exports of builds", lambda: build_both(superuser), superuser)


@pytest.mark.requirement("E2")
def test_another_process_zone_and_seed_give_the_same_bytes(
    world: World, superuser: psycopg.Connection
) -> None:
    first = world.built[RESEARCH]
    done = subprocess.run(
        [*MAKE, world.projects[RESEARCH].name, world.cut.name, "--formats", ",".join(ALL_FORMATS)],
        env=environment(TZ="Asia/Tokyo", PYTHONHASHSEED="12345", LC_ALL="C"),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "review" in done.stdout
    row = superuser.execute(
        "select files from analytics_export_job order by id desc limit 1"
    ).fetchone()
    assert row is not None
    assert {entry["name"]: entry["sha256"] for entry in row[0]} == hashes(first)


def test_old_cut_is_the_same_after_new_entries(world: World, superuser: psycopg.Connection) -> None:
    """Frozen anew, too: from the audit trail, not from rows kept."""
    for setting, value in (("actor", "1"), ("role", "system"), ("reason", "A contact of another")):
        superuser.execute("select set_config(%s, %s, false)", [f"registry.{setting}", value])
    superuser.execute("update patients_follow_up set retracted = true where id % 2 = 0")
    superuser.execute("update patients_patient set ecog = 1 where id % 3 = 0")
    frozen_rows = superuser.execute(
        "select format('frozen.%I', tablename) from pg_tables where schemaname = 'frozen'"
    ).fetchall()
    quiet(superuser, ";".join(f"delete from {table}" for (table,) in frozen_rows))
    for profile in (SAFE_HARBOR, RESEARCH):
        assert hashes(build(world, profile)) == hashes(world.built[profile])


@pytest.mark.parametrize("stop", STOPS)
def test_killed_worker_leaves_no_half_file_and_the_export_is_built_once(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: str
) -> None:
    monkeypatch.setattr(settings, "REGISTRY_EXPORT_DIR", tmp_path)
    objects = store.root() / "objects"
    job = ask(world, RESEARCH, population="eligible", formats=["csv", "parquet"])
    code = STOPPED.format(stop=STOPS[stop])
    worker = subprocess.Popen([sys.executable, "-c", code], env=environment(), cwd=ROOT)
    reached: dict[str, Callable[[], bool]] = {
        "reading": lambda: again(job).progress >= 20,
        "settling": lambda: again(job).progress >= 95,
        "keeping": lambda: any(objects.glob("*/*")),
    }
    try:
        assert becomes(reached[stop], 60)
        assert again(job).state == "running"
        # Its own: another worker does not take it up.
        assert engine.build_waiting() == 0
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    assert find_file(again(job), "subjects.csv") is None
    half = {path.name for path in objects.glob("*/*")}
    assert len(half) == (stop == "keeping")
    assert becomes(lambda: engine.build_waiting() == 1, 30)
    assert engine.build_waiting() == 0
    done = release(world, job)
    assert done.attempts == 2
    kept = {path.name for path in objects.glob("*/*")}
    assert kept == half | set(hashes(done).values())
    for path in objects.glob("*/*"):
        assert store.sha256_of(path) == path.name
    assert list((store.root() / "work").iterdir()) == []


def told_ages(job: ExportJob, unit: int) -> tuple[int, list[str]]:
    """How many subjects are banded 90+, and of whom the columns tell an age of 90 or more."""
    ends: dict[str, int] = {}
    for name in job.recipe["tables"]:
        for line in csv.DictReader(lines(job, f"{name}.csv")):
            for column in line:
                if column in ("ady", "day") or column.endswith("_day"):
                    day = int(line[column] or 0) * (unit if column == "ady" else 1)
                    ends[line["subject"]] = max(ends.get(line["subject"], 0), day)
    capped, told = 0, []
    for line in csv.DictReader(lines(job, "subjects.csv")):
        if line["age_band"] == "90+":
            capped += 1
            if line.get("age") or line.get("index_year") or line.get("index_era"):
                told.append(line["subject"])
        else:
            youngest = int(line.get("age") or line["age_band"].split("-")[0])
            if youngest + ends[line["subject"]] / 365.25 >= 90:
                told.append(line["subject"])
    return capped, told


def aged_records() -> list[Record]:
    """Ages from 60 to 95 at the first dose, followed for up to 30 years, births known to day, month or year."""
    records = []
    for number in range(216):
        start = date(1985, 1, 10) + timedelta(days=3 * number)
        followed = 200 + 8 * 365 * (number % 5) + number
        record = treated(
            number,
            "melanoma",
            start,
            free=min(followed, 3000),
            alive=followed,
            progressed=False,
            dead=number % 2 == 0,
        )
        birth = f"{start.year - 60 - number % 36}-06-1{number % 9}"
        record.birth_date = birth[: (10, 7, 4)[number % 3]]
        records.append(record)
    return records


def test_no_combination_of_columns_tells_an_age_of_ninety(
    database: None, superuser: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the oldest age at any released event; a cap by the age at the first dose is seen to leak."""
    world = build_world(superuser, aged_records())
    units = {RESEARCH: 1, SAFE_HARBOR: 7}
    for profile, unit in units.items():
        capped, told = told_ages(build(world, profile, formats=["csv"]), unit)
        assert told == []
        assert 20 < capped < 200
    fill = freezing.fill_statement
    monkeypatch.setattr(
        freezing, "fill_statement", lambda table: fill(table).replace(frozen._OLDEST, "o.age_at_t0")
    )
    cut = make_cut(actor=system_scope(), name="Capped at the first dose", cutoff=CUTOFF)
    for profile, unit in units.items():
        assert told_ages(build(world, profile, cut_id=cut.pk, formats=["csv"]), unit)[1]
