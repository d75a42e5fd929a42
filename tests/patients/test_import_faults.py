"""Bad bundles, wrong use and failing databases: a clear report each, nothing written."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from centers.models import Center
from tests.patients.bundles import record, row, write_folder, write_xlsx
from tests.patients.import_tools import HEADER, LINE, counted, findings, run

BAD: dict[str, tuple[str, bytes, str]] = {
    "byte order mark": ("follow_ups", b"\xef\xbb\xbf" + HEADER + LINE, "file.byte_order_mark"),
    "UTF-16": ("follow_ups", (HEADER + LINE).decode().encode("utf-16"), "file.encoding"),
    "cp1252": ("follow_ups", HEADER + "C01,Zo\xeb,2003,alive\n".encode("cp1252"), "file.encoding"),
    "NUL": ("follow_ups", HEADER + b"C01,R1,2003,al\0ive\n", "file.nul"),
    "ragged row": ("follow_ups", HEADER + LINE + b"C01,R1,2003\n", "row.ragged"),
    "unclosed quote": ("follow_ups", HEADER + b'C01,R1,"2003,alive\n' + LINE * 9, "file.quote"),
    "1 MB cell": ("follow_ups", HEADER + b"C01,R1," + b"2" * (1 << 20) + b",alive\n", "row.too_long"),
    "long cell": ("follow_ups", HEADER + b"C01," + b"2" * 9_999 + b",2003,alive\n", "value.length"),
    "unknown column": ("follow_ups", HEADER.replace(b"date", b"day") + LINE, "header.unknown"),
    "no header": ("follow_ups", LINE, "header.missing"),
    "30 February": ("follow_ups", HEADER + LINE.replace(b"2003", b"2019-02-30"), "value.partial_date"),
    "day without month": ("follow_ups", HEADER + LINE.replace(b"2003", b"2019--05"), "value.partial_date"),
    "month 00": ("follow_ups", HEADER + LINE.replace(b"2003", b"2019-00-05"), "value.partial_date"),
    "foreign center": ("follow_ups", HEADER + LINE.replace(b"C01", b"C02"), "center.unknown"),
    "formula": ("prior_therapies", b'center,record_id,therapy_class,agent\nC01,R1,surgery,"=CMD()"\n', "value.formula"),
    "future": ("follow_ups", HEADER + LINE.replace(b"2003", b"2190"), "date.future"),
    "empty file": ("follow_ups", b"", "file.empty"),
    "keys twice": ("courses", b"center,record_id,course_number\nC01,R1,1\nC01,R1,1\n", "row.duplicate"),
}  # fmt: skip


@pytest.mark.parametrize("fault", list(BAD))
def test_bad_bundle_is_reported_and_nothing_written(
    center: Center, tmp_path: Path, fault: str
) -> None:
    form, content, check = BAD[fault]
    folder = write_folder(tmp_path / "b", {**record(), form: content})
    before = counted()
    found = findings(folder)
    assert {(f[0], f[3]) for f in found} >= {(f"{form}.csv", check)}
    # One fault, one finding: no trail of others behind it.
    assert {f[3] for f in found} <= {check, "header.missing", "header.unknown"}
    assert counted() == before


def test_bad_workbook_is_reported_and_nothing_written(center: Center, tmp_path: Path) -> None:
    rows = {**record(), "prior_therapies": [row("prior_therapies", agent="=1+1")]}
    path = write_xlsx(tmp_path / "b.xlsx", rows)
    assert findings(path) == [("prior_therapies", "2", "agent", "value.formula")]
    assert counted()["Patient"] == 0


def test_database_that_refuses_without_a_check_is_told_without_values(
    center: Center, tmp_path: Path, superuser: psycopg.Connection
) -> None:
    folder = write_folder(tmp_path / "b", record("CANARY"))
    superuser.execute(
        "alter table ident.patient_identity add constraint other check (record_id <> 'CANARY')"
    )
    try:
        report = tmp_path / "report.csv"
        status, out, err = run(folder, f"--report={report}")
    finally:
        superuser.execute("alter table ident.patient_identity drop constraint other")
    assert status == 1
    assert "database.refused" in report.read_text()
    assert "CANARY" not in out + err + report.read_text()


def test_database_that_fails_has_status_one(
    center: Center, tmp_path: Path, superuser: psycopg.Connection
) -> None:
    folder = write_folder(tmp_path / "b", record("CANARY"))
    superuser.execute("alter table patients_course rename to gone")
    try:
        status, out, err = run(folder)
    finally:
        superuser.execute("alter table gone rename to patients_course")
    assert (status, out) == (1, "")
    assert "nothing was written" in err
    assert "CANARY" not in err
    assert counted()["Patient"] == 0


def test_report_that_cannot_be_written_has_status_one(center: Center, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "b", record())
    status, _, err = run(folder, "--report=/dev/full")
    assert (status, "No space left" in err) == (1, True)
    assert "The records were imported" in err


def test_record_with_too_many_rows_is_refused(
    center: Center, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("patients.importing.staging.MAX_RECORD_ROWS", 10)
    rows = {**record(), "follow_ups": [row("follow_ups", date=str(n)) for n in range(2001, 2015)]}
    assert [f[3] for f in findings(write_folder(tmp_path / "b", rows))] == ["record.too_large"]


def test_report_counts_what_it_does_not_list(center: Center, tmp_path: Path) -> None:
    lines = b"C01,R1,2003\n" * 1_200
    folder = write_folder(tmp_path / "b", {**record(), "follow_ups": HEADER + lines})
    report = tmp_path / "report.csv"
    _, out, _ = run(folder, f"--report={report}")
    assert "... and 1,150 more. By check:\n  row.ragged: 1,200" in out
    assert report.read_text().splitlines()[-1].endswith("200 more findings are not listed")


@pytest.mark.parametrize(
    "options",
    [
        ("--center=C77",),
        ("--all", "--actor=nobody"),
        ("--all", "--report=/nowhere/at/all.csv"),
    ],
)
def test_wrong_use_has_status_two(center: Center, tmp_path: Path, options: tuple[str, ...]) -> None:
    folder = write_folder(tmp_path / "b", record())
    status, out, err = run(folder, *options)
    assert (status, out) == (2, "")
    assert err.startswith(options[-1].split("=")[0])


def test_absent_bundle_has_status_two(center: Center, tmp_path: Path) -> None:
    assert run(tmp_path / "absent")[0] == 2
