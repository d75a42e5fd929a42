"""Files of exports, read by the tools of those who receive them; each check with a file that must fail it."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow
import pyreadstat
import pytest
from django.conf import settings
from django.db import transaction
from frictionless import Package
from openpyxl import load_workbook
from pyarrow import parquet

from analytics.exporting.manifest import problems, public_key_pem
from analytics.exporting.tables import ENDPOINTS, RELEASES
from analytics.models import ExportJob
from analytics.projects import RESEARCH, SAFE_HARBOR
from analytics.queries.survival import Analysis, survival_groups
from analytics.stats.counts import DayCounts
from analytics.stats.counts import pooled as together
from analytics.stats.kaplan_meier import kaplan_meier
from centers.access import acting, pooled, scope_of
from tests.analytics.exports_world import (
    CUTOFF,
    World,
    build,
    fetched,
)
from tests.deep.export_world import ROOT, build_both, environment, lines
from tests.snapshot import start_from

READERS = {
    "sav": pyreadstat.read_sav,
    "dta": pyreadstat.read_dta,
    "xpt": pyreadstat.read_xport,
}


@pytest.fixture(scope="module", autouse=True)
def _store(tmp_path_factory: pytest.TempPathFactory) -> None:
    settings.REGISTRY_EXPORT_DIR = tmp_path_factory.mktemp("exports")


@pytest.fixture
def world(database: None, superuser: psycopg.Connection) -> World:
    return start_from("exports of files", lambda: build_both(superuser), superuser)


def whole(world: World, profile: str, tmp_path: Path) -> tuple[ExportJob, Path]:
    folder = tmp_path / profile
    folder.mkdir()
    job = world.built[profile]
    return job, fetched(job, folder)


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
        rows = rows_of(folder, f"{table.name}.csv")[1:]
        path = folder / f"{table.name}.parquet"
        read = parquet.read_table(path)
        assert tuple(read.column_names) == table.names
        assert read.schema.field(0).metadata[b"label"].decode() == table.columns[0].label
        again_read = duckdb.sql(f"select * from read_parquet('{path}')").fetchall()
        assert len(again_read) == len(rows) == read.num_rows
        assert not any(pyarrow.types.is_temporal(field.type) for field in read.schema)
        assert not any(differs(*pair) for pair in zip(rows, again_read, strict=True))
        columns = zip(*read.to_pydict().values(), strict=True)
        assert not any(differs(*pair) for pair in zip(rows, columns, strict=True))
        assert not rows or differs(["?", *rows[0][1:]], again_read[0]), (
            "another code went unnoticed"
        )
    broken = folder / "subjects.parquet"
    broken.write_bytes(broken.read_bytes()[:-20])
    with pytest.raises(Exception, match=r"[Pp]arquet|magic"):
        parquet.read_table(broken)


def rows_of(folder: Path, name: str) -> list[list[str]]:
    return list(csv.reader((folder / name).read_text().splitlines()))


def differs(cells: Sequence[str], values: Sequence[Any]) -> bool:
    """Whether a row that a reader gives is another than the row of the CSV."""
    for cell, value in zip(cells, values, strict=True):
        if isinstance(value, str):
            same = value == cell
        elif value is None or value != value:
            same = cell == ""
        else:
            same = cell != "" and float(cell) == value
        if not same:
            return True
    return False


def unlike(path: Path, kind: str, rows: list[list[str]]) -> int:
    """How many rows of a statistical file are not those of the CSV."""
    labels = {} if kind == "xpt" else {"apply_value_formats": True, "formats_as_category": False}
    data, _ = READERS[kind](str(path), **labels)
    assert len(data) == len(rows)
    read = data.itertuples(index=False)
    return sum(differs(cells, values) for cells, values in zip(rows, read, strict=True))


@pytest.mark.parametrize("profile", [SAFE_HARBOR, RESEARCH])
@pytest.mark.parametrize("kind", READERS)
def test_statistical_files_come_back_as_the_csv(
    world: World, tmp_path: Path, kind: str, profile: str
) -> None:
    _, folder = whole(world, profile, tmp_path)
    for table in RELEASES[profile].values():
        path = folder / f"{table.name}.{kind}"
        rows = rows_of(folder, f"{table.name}.csv")[1:]
        assert unlike(path, kind, rows) == 0
        _, meta = READERS[kind](str(path))
        assert meta.column_names == [c.short if kind == "xpt" else c.name for c in table.columns]
        assert meta.column_labels == [column.label for column in table.columns]
        kinds = map(str, meta.original_variable_types.values())
        assert not any(name.startswith(("DATE", "%t", "%d")) for name in kinds)
        if rows:
            code = rows[0][0].encode()
            path.write_bytes(path.read_bytes().replace(code, code[::-1]))
            assert unlike(path, kind, rows) > 0, "a changed file went unnoticed"


def test_adam_and_the_workbook_come_back_as_the_csv(world: World, tmp_path: Path) -> None:
    _, folder = whole(world, RESEARCH, tmp_path)
    for stem in ("adsl", "adtte"):
        rows, path = rows_of(folder, f"{stem}.csv"), folder / f"{stem}.xpt"
        assert unlike(path, "xpt", rows[1:]) == 0
        assert READERS["xpt"](str(path))[1].column_names == rows[0]
        code = rows[1][0].encode()
        path.write_bytes(path.read_bytes().replace(code, code[::-1]))
        assert unlike(path, "xpt", rows[1:]) > 0, "a changed file went unnoticed"
    tables = {
        table.name: rows_of(folder, f"{table.name}.csv") for table in RELEASES[RESEARCH].values()
    }
    assert off_the_sheets(folder / "export.xlsx", tables) == []
    book = load_workbook(folder / "export.xlsx")
    book["subjects"].cell(row=2, column=1).value = "?"
    book.save(folder / "changed.xlsx")
    assert off_the_sheets(folder / "changed.xlsx", tables) == [("subjects", 2)]


def off_the_sheets(path: Path, tables: Mapping[str, list[list[str]]]) -> list[tuple[str, int]]:
    """Sheets and numbers of rows that are not those of the CSV."""
    found = []
    with closing(load_workbook(path, read_only=True)) as book:
        for name, rows in tables.items():
            sheet = list(book[name].iter_rows(values_only=True, max_col=len(rows[0])))
            assert len(sheet) == len(rows)
            pairs = enumerate(zip(rows, sheet, strict=True), start=1)
            found += [(name, number) for number, pair in pairs if differs(*pair)]
    return found


def manage(folder: Path, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / words[0]), *words[1:]],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.requirement("E2")
def test_one_flipped_byte_of_any_file_fails_the_documented_check(
    world: World, tmp_path: Path
) -> None:
    job, folder = whole(world, RESEARCH, tmp_path)
    pem = public_key_pem()
    (tmp_path / "export-key.pem").write_text(pem)
    command = json.loads((folder / "manifest.json").read_text())["verify"]
    words = command.replace("FOLDER", folder.name).split()
    good = manage(tmp_path, words)
    assert (good.returncode, "signed" in good.stdout) == (0, True), good.stderr
    for number, entry in enumerate(job.files or ()):
        path = folder / entry["name"]
        content = path.read_bytes()
        at = (len(content) * (number + 1) * 7919) % len(content) or len(content) // 2
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        (found,) = problems(folder, pem.encode())
        assert entry["name"].removesuffix(".sig") in found
        if number == 3:
            bad = manage(tmp_path, words)
            assert (bad.returncode, entry["name"] in bad.stderr) == (1, True)
        path.write_bytes(content)
    assert problems(folder, pem.encode()) == []


@pytest.mark.parametrize("records", ["treated", "eligible"])
def test_curves_from_the_adtte_are_those_of_the_dashboard(world: World, records: str) -> None:
    """Every endpoint of the ADTTE, and one that says of an event that it is none."""
    job = world.built[RESEARCH]
    if records == "eligible":
        job = build(world, RESEARCH, population=records, formats=["adam"])
    adtte = list(csv.DictReader(lines(job, "adtte.csv")))
    analyses = {"OS": Analysis("os", records=records)}
    for code, (_, stem) in ENDPOINTS.items():
        if code != "OS":
            variant = "primary" if code == "PFS" else stem
            analyses[code] = Analysis("pfs", variant, records)
    for code, analysis in analyses.items():
        with acting(pooled(scope_of(world.asker))), transaction.atomic():
            groups = survival_groups(analysis, CUTOFF, own_centers=False)
        page = together((groups.counts or {}).values())
        chosen = [line for line in adtte if line["PARAMCD"] == code]
        assert len(chosen) == page.n == (160 if records == "treated" else 100)
        assert off_the_curve(chosen, page) == []
        event = next((line for line in chosen if line["CNSR"] == "0"), None)
        if event is not None:
            event["CNSR"] = "1"
            assert off_the_curve(chosen, page), code


def off_the_curve(chosen: list[dict[str, str]], page: DayCounts) -> list[int]:
    """Days on which the product limit of the lines is not the dashboard's, or numbers differ."""
    curve = kaplan_meier(page)
    ends = [(int(line["AVAL"]), line["CNSR"] == "0") for line in chosen]
    found = []
    survival = Fraction(1)
    for day in sorted({day for day, _ in ends}):
        at_risk = sum(end >= day for end, _ in ends)
        events = sum(end == day and happened for end, happened in ends)
        survival *= 1 - Fraction(events, at_risk)
        if abs(curve.survival[curve.index_at(day)] - float(survival)) > 1e-12:
            found.append(day)
    return found if sum(happened for _, happened in ends) == page.events.sum() else [*found, -1]
