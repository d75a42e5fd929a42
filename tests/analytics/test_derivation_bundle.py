"""The example bundle: SQL, command and oracle against the files of an independent implementation."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import psycopg
import pytest
from django.core.management import call_command
from pytest_django.plugin import DjangoDbBlocker

from tests import bundle
from tests.comparing import differences
from tests.loader import load
from tests.oracle import Record
from tests.oracle_outcome import derive

FOLDER = Path(__file__).parents[1] / "data" / "bundle-example"
FILES = sorted(FOLDER.glob("expected-*.csv"))
Cells = dict[tuple[str, str], dict[str, str]]


def parts(path: Path) -> tuple[str, date]:
    """Variant and cutoff of an expected file."""
    _, variant, *day = path.stem.split("-")
    return variant, date.fromisoformat("-".join(day))


def cells(source: io.StringIO | str) -> Cells:
    """Rows by center and record id, flags in one order."""
    text = source.getvalue() if isinstance(source, io.StringIO) else source
    rows = {(row["center"], row["record_id"]): row for row in csv.DictReader(io.StringIO(text))}
    for row in rows.values():
        row["flags"] = ";".join(sorted(row["flags"].split(";")))
    return rows


def both(got: Cells, wanted: Cells) -> Cells:
    """`got` in the columns that `wanted` has too."""
    columns = next(iter(wanted.values())).keys()
    return {key: {name: row[name] for name in columns} for key, row in got.items()}


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return bundle.read(FOLDER / "records")


@pytest.fixture(scope="module")
def loaded(
    django_db_blocker: DjangoDbBlocker,
    superuser: psycopg.Connection,
    _cleaning_sql: str,
    records: list[Record],
) -> Iterator[None]:
    with django_db_blocker.unblock():
        load(superuser, records)
        yield
    superuser.execute(_cleaning_sql)


def test_there_are_four_variants_at_two_cutoffs() -> None:
    assert len(FILES) == 8


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_derive_prints_the_expected_cells(path: Path, loaded: None) -> None:
    variant, cutoff = parts(path)
    out = io.StringIO()
    call_command("derive", cutoff=cutoff, variant=variant, stdout=out)
    wanted = cells(path.read_text(encoding="utf-8"))
    assert both(cells(out), wanted) == wanted


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_oracle_derives_the_expected_cells(path: Path, records: list[Record]) -> None:
    variant, cutoff = parts(path)
    wanted = cells(path.read_text(encoding="utf-8"))
    for record in records:
        outcome = derive(record, cutoff, variant)
        assert outcome is not None
        got = {
            "center": record.center,
            "record_id": record.record_id,
            "flags": ";".join(sorted(outcome.flags)),
        }
        row = wanted[record.center, record.record_id]
        for name in row:
            value = outcome.columns.get(name)
            got.setdefault(name, "" if value is None else str(value))
        assert got == row


@pytest.mark.parametrize("cutoff", sorted({parts(path)[1] for path in FILES}))
@pytest.mark.parametrize("years", [1, 5, 10])
def test_sql_equals_oracle_in_every_detail(
    cutoff: date, years: int, loaded: None, records: list[Record]
) -> None:
    assert differences(records, cutoff, years=years) == []


def test_json_says_the_same_as_csv(loaded: None) -> None:
    as_csv, as_json = io.StringIO(), io.StringIO()
    call_command("derive", stdout=as_csv)
    call_command("derive", "--format", "json", stdout=as_json)
    rows = json.loads(as_json.getvalue())
    assert rows == sorted(rows, key=lambda row: (row["center"].encode(), row["record_id"].encode()))
    flat = [
        {
            name: ";".join(value) if name == "flags" else "" if value is None else str(value)
            for name, value in row.items()
        }
        for row in rows
    ]
    assert flat == list(csv.DictReader(io.StringIO(as_csv.getvalue())))
