"""`derive`, `explain`, `rebuild_outcomes` as commands: output, errors, exit status."""

from __future__ import annotations

import io

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from analytics.derivation import wording
from analytics.derivation.engine import DERIVATION
from tests.derivation_cases import cycle, drug, scan
from tests.loader import load, number_rows
from tests.oracle import Record


@pytest.fixture
def records(database: None, superuser: psycopg.Connection) -> list[Record]:
    """A treated record, an untreated one, one withdrawn."""
    made = [
        Record("C01", "b", "melanoma", [cycle(), scan("2000-05-01", "SD"), drug("2001-01-01")]),
        Record("C01", "B", "renal_cell", [], None, "1999"),
        Record("C01", "c", "renal_cell", [cycle()], consent="withdrawn"),
    ]
    number_rows(made)
    load(superuser, made)
    return made


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def test_derive_sorts_by_code_points_and_leaves_the_withdrawn_out(records: list[Record]) -> None:
    lines = run("derive").splitlines()
    assert [line.split(",")[1] for line in lines] == ["record_id", "B", "b"]
    assert lines[1] == (
        "C01,B,IL2-000000002,renal_cell,,,,,,,,,,,yes,no,unknown,unknown,unknown,no,no,,,0,0,,1"
    )


def test_derive_of_an_empty_registry_prints_the_header(database: None) -> None:
    assert run("derive").count("\n") == 1
    assert run("derive", "--format", "json") == "[\n]\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--cutoff", "2017-02-31"),
        ("--cutoff", "20170630"),
        ("--variant", "best"),
        ("--format", "xml"),
        ("--as-of", "x"),
    ],
)
def test_derive_refuses_wrong_use(arguments: tuple[str, str]) -> None:
    with pytest.raises(CommandError):
        run("derive", *arguments)


def test_explain_names_reason_evidence_and_entry(records: list[Record]) -> None:
    text = run("explain", "IL2-000000001")
    assert "T0 2000-01-10" in text
    assert "censored, new_systemic_therapy on 2000-05-01" in text
    assert "start cycles 1, end assessments 1" in text
    assert "metastatic_disease: unknown - the date of metastatic disease is missing" in text
    assert "would be resolved by: the date of metastatic disease" in text
    assert "a follow-up contact, alive, on or after 2005-01-10" in text
    assert "no_later_systemic_therapy: no" in text
    assert "evidence: systemic_therapies 1" in text


def test_explain_takes_a_public_id_and_a_cutoff(
    records: list[Record], superuser: psycopg.Connection
) -> None:
    row = superuser.execute("select public_id from patients_patient where id = 2").fetchone()
    assert row is not None
    text = run("explain", f"{row[0]}", "--cutoff", "1999-01-01", "--variant", "fda")
    assert "Cutoff 1999-01-01, variant fda" in text
    assert "Not treated" in text
    assert "the day of metastatic disease" in text


@pytest.mark.parametrize(
    "record", ["IL2-999", "00000000-0000-0000-0000-000000000000", "-" * 36, "IL2-000000003"]
)
def test_explain_of_no_record_says_so(record: str, records: list[Record]) -> None:
    with pytest.raises(CommandError) as caught:
        run("explain", "--", record)
    assert caught.value.returncode == 1


def test_rebuild_says_how_many_changed(records: list[Record]) -> None:
    assert run("rebuild_outcomes").startswith("8 outcomes changed")
    assert run("rebuild_outcomes").startswith("0 outcomes changed")


def test_commands_without_a_worker_say_what_to_set(
    database: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = {name: value for name, value in connections.settings.items() if name != "worker"}
    monkeypatch.setattr(connections, "settings", without)
    with pytest.raises(CommandError, match="DATABASE_WORKER_URL"):
        run("derive")


def test_every_word_belongs_to_a_code_of_the_sql() -> None:
    source = DERIVATION
    reasons = [code for code in wording._REASONS if f"'{code}'" not in source]
    assert reasons == []
    entries = [code for code in wording._ENTRIES if f"resolving_entry('{code}'" not in source]
    assert entries == []


def test_no_entry_is_said_with_the_cutoff_that_may_help() -> None:
    later = {"code": "none", "day": "2018-01-01", "row": None}
    assert wording.resolving_entry("survival_5y", later).endswith(
        "a cutoff on or after 2018-01-01 may"
    )
    assert wording.resolving_entry("survival_5y", later | {"day": None}) == wording.NO_ENTRY
