"""Files of exports: read by the tools of those who receive them, the same bytes from any process, whole or absent."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path

import duckdb
import psycopg
import pyreadstat
import pytest
from django.conf import settings
from frictionless import Package
from pyarrow import parquet

from analytics.exporting import engine, store
from analytics.exporting.tables import RELEASES
from analytics.models import ExportJob
from analytics.projects import RESEARCH, SAFE_HARBOR
from tests.analytics.cohort_records import treated
from tests.analytics.exports_world import (
    ALL_FORMATS,
    World,
    again,
    ask,
    build,
    build_world,
    fetched,
    hashes,
    release,
)
from tests.snapshot import start_from

ROOT = Path(__file__).resolve().parents[2]
MAKE = [sys.executable, str(ROOT / "manage.py"), "export", "make"]
# A build that stops with its files written and nothing kept, as a worker that is killed there.
STOPPED = """
import django, time
django.setup()
from analytics.exporting import engine
engine._settle = lambda *_: time.sleep(600)
engine.build_waiting()
"""


@pytest.fixture(scope="module", autouse=True)
def _store(tmp_path_factory: pytest.TempPathFactory) -> None:
    settings.REGISTRY_EXPORT_DIR = tmp_path_factory.mktemp("exports")


def _build(superuser: psycopg.Connection) -> World:
    world = build_world(superuser)
    for profile in (SAFE_HARBOR, RESEARCH):
        world.built[profile] = build(world, profile)
    return world


@pytest.fixture
def world(database: None, superuser: psycopg.Connection) -> World:
    return start_from("exports of files", lambda: _build(superuser), superuser)


def environment(**more: str) -> dict[str, str]:
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "registry.settings",
        "REGISTRY_EXPORT_DIR": str(settings.REGISTRY_EXPORT_DIR),
        **more,
    }


def whole(world: World, profile: str, tmp_path: Path) -> tuple[ExportJob, Path]:
    folder = tmp_path / profile
    folder.mkdir()
    job = world.built[profile]
    return job, fetched(job, folder)


def lines(job: ExportJob, name: str) -> list[str]:
    return store.place(hashes(job)[name]).read_text().splitlines()


@pytest.mark.parametrize("profile", [SAFE_HARBOR, RESEARCH])
def test_data_package_is_valid_and_errors_are_found(
    world: World, tmp_path: Path, profile: str
) -> None:
    _, folder = whole(world, profile, tmp_path)
    assert Package(str(folder / "datapackage.json")).validate().valid
    path = folder / "subjects.csv"
    good = path.read_text()
    mutants = {
        "a code that there is not": good.replace("melanoma", "gout", 1),
        "a subject twice": good + good.splitlines()[1] + "\n",
        "another column": good.replace("disease", "illness", 1),
    }
    for name, text in mutants.items():
        path.write_text(text)
        assert not Package(str(folder / "datapackage.json")).validate().valid, name


def test_parquet_is_read_by_pyarrow_and_duckdb_as_the_csv(world: World, tmp_path: Path) -> None:
    _, folder = whole(world, RESEARCH, tmp_path)
    for table in RELEASES[RESEARCH].values():
        rows = list(csv.reader((folder / f"{table.name}.csv").read_text().splitlines()))[1:]
        path = folder / f"{table.name}.parquet"
        read = parquet.read_table(path)
        assert tuple(read.column_names) == table.names
        assert read.schema.field(0).metadata[b"label"].decode() == table.columns[0].label
        again_read = duckdb.sql(f"select * from read_parquet('{path}')").fetchall()
        assert len(again_read) == len(rows) == read.num_rows
        for cells, values in zip(rows, again_read, strict=True):
            for cell, value in zip(cells, values, strict=True):
                assert (
                    cell == ""
                    if value is None
                    else float(cell) == value
                    if not isinstance(value, str)
                    else cell == value
                )
    broken = folder / "subjects.parquet"
    broken.write_bytes(broken.read_bytes()[:-20])
    with pytest.raises(Exception, match=r"[Pp]arquet|magic"):
        parquet.read_table(broken)


@pytest.mark.parametrize("kind", ["sav", "dta", "xpt"])
def test_statistical_files_come_back_as_the_csv(world: World, tmp_path: Path, kind: str) -> None:
    _, folder = whole(world, RESEARCH, tmp_path)
    read = {"sav": pyreadstat.read_sav, "dta": pyreadstat.read_dta, "xpt": pyreadstat.read_xport}[
        kind
    ]
    for table in RELEASES[RESEARCH].values():
        options = (
            {} if kind == "xpt" else {"apply_value_formats": True, "formats_as_category": False}
        )
        data, meta = read(str(folder / f"{table.name}.{kind}"), **options)
        names = [c.short if kind == "xpt" else c.name for c in table.columns]
        assert list(data.columns) == names
        assert meta.column_labels == [column.label for column in table.columns]
        rows = list(csv.reader((folder / f"{table.name}.csv").read_text().splitlines()))[1:]
        assert len(data) == len(rows)
        for cells, values in zip(rows, data.itertuples(index=False), strict=True):
            for cell, value in zip(cells, values, strict=True):
                if isinstance(value, str):
                    assert value == cell
                else:
                    assert cell == "" if value is None or value != value else float(cell) == value


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


def test_killed_worker_leaves_no_half_file_and_the_export_is_built_once(world: World) -> None:
    objects = store.root() / "objects"
    before = {path.name for path in objects.glob("*/*")}
    job = ask(world, RESEARCH, population="eligible", formats=["csv", "parquet"])
    worker = subprocess.Popen([sys.executable, "-c", STOPPED], env=environment(), cwd=ROOT)
    try:
        deadline = time.monotonic() + 60
        while again(job).progress < 95 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert again(job).state == "running"
        # Its own: another worker does not take it up.
        assert engine.build_waiting() == 0
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    assert {path.name for path in objects.glob("*/*")} == before
    deadline = time.monotonic() + 30
    while engine.build_waiting() == 0 and time.monotonic() < deadline:
        time.sleep(0.2)
    done = release(world, job)
    assert done.attempts == 2
    kept = {path.name for path in objects.glob("*/*")}
    assert kept == before | set(hashes(done).values())
    for path in objects.glob("*/*"):
        assert store.sha256_of(path) == path.name
    assert list((store.root() / "work").iterdir()) == []


def test_no_combination_of_columns_tells_an_age_of_ninety(
    database: None, superuser: psycopg.Connection
) -> None:
    """Ages from 60 to 95 at the first dose, followed for up to 30 years."""
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
        record.birth_date = f"{start.year - 60 - number % 36}-06-1{number % 9}"
        records.append(record)
    world = build_world(superuser, records)
    for profile, unit in ((RESEARCH, 1), (SAFE_HARBOR, 7)):
        job = build(world, profile, formats=["csv"])
        ends: dict[str, int] = {}
        for name in job.recipe["tables"]:
            for line in csv.DictReader(lines(job, f"{name}.csv")):
                for column in line:
                    if column in ("ady", "day") or column.endswith("_day"):
                        day = int(line[column] or 0) * (unit if column == "ady" else 1)
                        ends[line["subject"]] = max(ends.get(line["subject"], 0), day)
        capped = 0
        for line in csv.DictReader(lines(job, "subjects.csv")):
            if line["age_band"] == "90+":
                capped += 1
                assert not line.get("age")
                assert not line.get("index_year")
                assert not line.get("index_era")
            else:
                youngest = int(line.get("age") or line["age_band"].split("-")[0])
                assert youngest + ends[line["subject"]] / 365.25 < 90
        assert 20 < capped < 200
