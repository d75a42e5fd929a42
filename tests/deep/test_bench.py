"""The benchmarks' own parts: generated records are possible, bundles import, reports keep what was measured before."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from centers.access import acting, system_scope
from patients.queries.records import load_records as read_records
from patients.rules.checks import check_record
from registry.bench import cluster, data, importing, people, report, saving, soak, starting, workers
from registry.bench.measure import (
    Effort,
    Table,
    effort,
    quantile,
    show_ratio,
    show_ratios,
    show_seconds,
)

RECORDS = 120


@pytest.fixture
def dsn(database: None) -> str:
    """The superuser's connection string of a database with generated records."""
    found = os.environ["TEST_SUPERUSER_DSN"]
    data.load_records(found, RECORDS, centers=5)
    data.seal_identities(found)
    return found


def test_generated_records_pass_every_hard_check(dsn: str, superuser: psycopg.Connection) -> None:
    superuser.execute("select patients_refuse_impossible(id) from patients_patient")
    with acting(system_scope()), transaction.atomic():
        records = read_records(range(1, RECORDS + 1))
    found = [f for r in records.values() for f in check_record(r, today=date(2020, 1, 1))]
    assert len(records) == RECORDS
    assert [f.check for f in found if f.severity == "hard"] == []


def test_generated_records_are_the_same_each_time(dsn: str, superuser: psycopg.Connection) -> None:
    look = (
        "select string_agg(concat_ws(',', patient_id, date, response, basis), ';' order by id)"
        " from patients_assessment"
    )
    first = superuser.execute(look).fetchone()
    superuser.execute(importing.EMPTY)
    superuser.execute("truncate ident.data_key restart identity")
    data.load_records(dsn, RECORDS, centers=5)
    assert superuser.execute(look).fetchone() == first


def test_exported_bundle_imports_whole_and_again_changes_nothing(
    dsn: str, superuser: psycopg.Connection, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = importing.export_bundle(dsn, tmp_path / "bundle", RECORDS)
    tables = ("patients_patient", *data.FORM_TABLES)
    assert rows == sum(data.count_rows(superuser, table) for table in tables)
    superuser.execute(importing.EMPTY)
    superuser.execute("truncate ident.data_key")
    for _ in range(2):
        call_command("import_records", tmp_path / "bundle", "--all", "--create-centers")
        assert rows == sum(data.count_rows(superuser, table) for table in tables)


def test_new_record_of_the_saving_benchmark_is_accepted(dsn: str) -> None:
    actor = system_scope()
    save = saving.entering(actor)
    (saved,) = save(1)
    assert saved.created
    assert saved.changed == len(saving.NEW_RECORD)


@pytest.fixture
def measured(database: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty database named to the benchmarks, and people in a hurry."""
    monkeypatch.setenv(cluster.DSN, os.environ["TEST_SUPERUSER_DSN"])
    monkeypatch.setattr(people, "PAUSE", (0.1, 0.3))
    monkeypatch.setattr(soak, "EVERY", 1.0)


def test_people_work_in_the_running_product_without_an_error(measured: None) -> None:
    memory, meanwhile, answers = soak.run(RECORDS, minutes=0.15)
    requests = {row[1]: int(row[2]) for row in answers.rows}
    assert requests[people.SAVE] > 0
    assert requests[people.OPEN] == requests[people.SAVE]
    assert meanwhile.rows[0][2] == "0", answers.notes
    assert int(meanwhile.rows[0][3].split()[0]) > 0  # derived
    processes = {"web", "web, child 1", "web, child 2", "worker", "beat", "Valkey", soak.POSTGRES}
    assert processes <= {row[0] for row in memory.rows}
    assert all(float(row[1]) > 0 and float(row[5]) > 0 for row in memory.rows)


def test_marks_are_worked_off_by_one_process_and_by_two(
    measured: None, superuser: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "ROUNDS", 1)
    (table,) = workers.run(RECORDS)
    assert [row[0] for row in table.rows] == list(workers.WORKS)
    assert data.count_rows(superuser, "analytics_stale") == 0
    assert data.count_rows(superuser, "analytics_outcome") > 0


def test_whole_registry_starts_on_a_new_folder_and_on_a_used_one() -> None:
    (table,) = starting.run(RECORDS, again=1)
    assert [row[:2] for row in table.rows] == [["new data folder", "1"], ["used data folder", "1"]]


def test_report_replaces_one_section_and_keeps_the_others(tmp_path: Path) -> None:
    path = tmp_path / "benchmarks.md"
    dsn = os.environ["TEST_SUPERUSER_DSN"]
    for name, value in (("save", "1"), ("derive", "2"), ("save", "3")):
        table = Table("One", ["a", "b"], [[value, "x"]], ["note"])
        report.replace_section(path, name, report.section(name, [table], dsn, 0.5))
    text = path.read_text()
    assert text.startswith("# Benchmarks")
    assert "| 1 | x |" not in text
    assert text.index("## Derivation") < text.index("| 2 | x |") < text.index("## Saving")
    assert "| 3 | x |" in text
    assert text.count("## Saving") == 1


def test_numbers_are_shown_with_their_units() -> None:
    assert show_seconds(2.345) == "2.3 s"
    assert show_seconds(0.25) == "250 ms"
    assert show_seconds(0.001234) == "1.23 ms"
    assert show_ratio(3.0, 2.0) == "1.50x"
    assert quantile([5, 1, 4, 2, 3], 0.95) == 5
    assert quantile([1, 2], 0.5) == 1
    assert show_ratios(Effort(2, 3), Effort(1, 2)) == "2.00x (1.50x)"


def test_effort_counts_the_processor_time_of_a_server_process() -> None:
    took = effort(lambda: sum(range(1_000_000)), os.getpid())
    assert took.wall > 0
    assert took.cpu > 0
    assert took.scaled(2) == Effort(2 * took.wall, 2 * took.cpu)


def test_too_few_records_are_refused() -> None:
    with pytest.raises(CommandError, match="at least 100"):
        call_command("bench", "--records", "5")
