"""Reading of bundles without a database: CSV, zip, XLSX, headers, cells."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from datetime import date, datetime, time
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter
from openpyxl import Workbook

from patients.importing.bundle import MAX_MEMBERS, open_bundle
from patients.importing.csv_source import MAX_LINE, read_csv, split_line
from patients.importing.findings import FindingLog, ImportFinding, shown_name
from patients.importing.sources import BundleError, RawRow, Table
from patients.importing.tables import CellReader, CheckedRow, read_header, read_rows
from patients.rules.dictionary import FORMS, PATIENTS
from tests.patients.bundles import record, write_folder, write_xlsx, write_zip

at = datetime.fromisoformat
HEADER = b"center,record_id,date,vital_status\n"


def read(content: bytes) -> tuple[list[RawRow], list[tuple[int | None, str, str]], FindingLog]:
    log = FindingLog()
    rows = list(read_csv(io.BytesIO(content), "follow_ups.csv", log))
    return rows, [(f.row, f.column, f.check) for f in log.listed("hard")], log


def checked(
    form: str, content: bytes
) -> tuple[list[CheckedRow], list[tuple[int | None, str, str]]]:
    log = FindingLog()
    table = Table(FORMS[form], f"{form}.csv", lambda log: read_csv(io.BytesIO(content), form, log))
    rows = table.rows(log)
    header = read_header(table, next(rows, None), log)
    found = []
    if header is not None:
        found = list(read_rows(header, table, rows, CellReader(), log, lambda code: None))
    return found, [(f.row, f.column, f.check) for f in log.listed("hard")]


def test_csv_plain_and_quoted_cells_are_read_with_their_lines() -> None:
    rows, found, _ = read('a,b\r\n"x, ""y""",\n\n,\nlast,"é"'.encode())
    assert rows == [
        RawRow(1, ["a", "b"]),
        RawRow(2, ['x, "y"', ""]),
        RawRow(5, ["last", "é"]),
    ]
    assert found == []


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\xef\xbb\xbf" + HEADER, [(1, "", "file.byte_order_mark")]),
        (HEADER.decode().encode("utf-16"), [(1, "", "file.encoding")]),
        (HEADER.decode().encode("utf-16-le"), [(1, "", "file.encoding")]),
        (HEADER.decode().encode("utf-16-be"), [(1, "", "file.encoding")]),
        (HEADER + "C01,Müller,2001,alive\n".encode("cp1252"), [(2, "", "file.encoding")]),
        (HEADER + b"C01,R\0,2001,alive\n", [(2, "", "file.nul")]),
        (HEADER + b"C01,R1\rC01,R2\n", [(2, "", "file.line_ends")]),
        (HEADER.replace(b"\n", b"\r") * 2, [(1, "", "file.line_ends")]),
        (HEADER + b'C01,"R1,2001,alive\nC01,R2,2001,alive\n', [(2, "", "file.quote")]),
        (HEADER + b'C01,R"1,2001,a"live\n', [(2, "", "file.quote")]),
        (HEADER + b'C01,"R1"x,2001,alive\n', [(2, "", "file.quote")]),
        (HEADER + b"C01,R1,2001," + b"x" * 1_000_000 + b"\nC01,R2,2001,alive\n", [(2, "vital_status", "row.too_long")]),
        (b"x" * (MAX_LINE * 3), [(1, "", "row.too_long")]),
        (b"", [(None, "", "file.empty")]),
        (b"PK\x03\x04 something", [(1, "", "file.kind")]),
        (HEADER.replace(b",", b";"), [(1, "", "file.delimiter")]),
        (HEADER.replace(b",", b"\t"), [(1, "", "file.delimiter")]),
    ],
)  # fmt: skip
def test_csv_fault_is_found_at_its_line(
    content: bytes, expected: list[tuple[int | None, str, str]]
) -> None:
    _, found, log = read(content)
    assert found == expected
    assert log.refused


def test_csv_unclosed_quote_costs_one_row() -> None:
    rows, _, log = read(HEADER + b'C01,"R1,2001,alive\n' + b"C01,R2,2001,alive\n" * 1_000)
    assert len(rows) == 1 + 1_000
    assert log.blocked


def test_csv_mark_is_refused_but_the_rest_is_read() -> None:
    rows, _, log = read(b"\xef\xbb\xbf" + HEADER + b"C01,R1,2001,alive\n")
    assert rows[0].cells[0] == "center"
    assert not log.blocked


def test_split_line_takes_linear_time_on_hostile_quotes() -> None:
    assert split_line('"' * 60_001) is None
    assert split_line('""' * 30_000) == ['"' * 29_999]


def test_log_lists_a_bounded_number_and_counts_all() -> None:
    log = FindingLog(limit=3)
    for line in range(10):
        log.hard("f.csv", line, "", "row.ragged", "x")
    log.add(ImportFinding("f.csv", 1, "", "age.range", "soft", "x"))
    assert len(log.listed("hard")) == 3
    assert log.total("hard") == 10
    assert log.total("soft") == 1
    assert not log.blocked


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a.csv", "a.csv"),
        ("=cmd|.csv", "?cmd?.csv"),
        ("--x\n", "x?"),
        ("é" * 90, "?" * 60),
        ("", "?"),
    ],
)
def test_shown_name_is_plain(name: str, shown: str) -> None:
    assert shown_name(name) == shown


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (b"center,date,vital_status", [(1, "record_id", "header.missing")]),
        (b"center,record_id,datum,vital_status", [(1, "datum", "header.unknown")]),
        (b"center,record_id,x1234,vital_status", [(1, "", "header.unknown")]),
        (b"center,record_id,date,date", [(1, "date", "header.duplicate")]),
        (b"center,record_id" + b",z" * 300, [(1, "", "header.columns")]),
    ],
)
def test_header_fault_is_found(header: bytes, expected: list[tuple[int | None, str, str]]) -> None:
    rows, found = checked("follow_ups", header + b"\nC01,R1,2001,alive\n")
    assert found == expected
    assert rows == []


def test_header_absent_repeats_no_value() -> None:
    log = FindingLog()
    table = Table(FORMS["follow_ups"], "follow_ups.csv", lambda log: iter(()))
    assert read_header(table, RawRow(1, ["C01", "canary", "2001"]), log) is None
    assert all("canary" not in f.message + f.column for f in log.listed("hard"))
    assert {f.check for f in log.listed("hard")} == {"header.missing", "header.unknown"}


def test_header_unknown_column_names_the_nearest() -> None:
    log = FindingLog()
    table = Table(PATIENTS, "patients.csv", lambda log: iter(()))
    read_header(table, RawRow(1, ["center", "record_id", "birthdate"]), log)
    assert log.listed("hard")[0].message.endswith("Did you mean birth_date?")


@pytest.mark.parametrize(
    ("form", "cells", "column", "check"),
    [
        ("follow_ups", {"date": "2019-02-30"}, "date", "value.partial_date"),
        ("follow_ups", {"date": "2019--05"}, "date", "value.partial_date"),
        ("follow_ups", {"date": "2019-00-05"}, "date", "value.partial_date"),
        ("follow_ups", {"date": "24/3/2019"}, "date", "value.partial_date"),
        ("follow_ups", {"date": ""}, "date", "value.required"),
        ("follow_ups", {"date": "NASK"}, "date", "value.partial_date"),
        ("follow_ups", {"vital_status": "well"}, "vital_status", "value.code"),
        ("follow_ups", {"vital_status": "=1+1"}, "vital_status", "value.formula"),
        ("follow_ups", {"record_id": "=1+1"}, "record_id", "value.formula"),
        ("follow_ups", {"record_id": ""}, "record_id", "value.required"),
        ("follow_ups", {"record_id": "x" * 61}, "record_id", "value.length"),
        ("follow_ups", {"center": " "}, "center", "value.required"),
        ("follow_ups", {"row_id": "x"}, "row_id", "row.unknown"),
        ("follow_ups", {"row_id": "1" * 19}, "row_id", "value.length"),
        ("prior_therapies", {"agent": "=HYPERLINK(1)"}, "agent", "value.formula"),
        ("prior_therapies", {"agent": "+1"}, "agent", "value.formula"),
        ("prior_therapies", {"agent": "-1"}, "agent", "value.formula"),
        ("prior_therapies", {"agent": "@x"}, "agent", "value.formula"),
        ("prior_therapies", {"agent": "\tx"}, "agent", "value.formula"),
        ("prior_therapies", {"agent": " =x"}, "agent", "value.formula"),
        ("prior_therapies", {"agent": "a\x07"}, "agent", "value.text"),
        ("prior_therapies", {"agent": "x" * 50_000}, "agent", "value.length"),
        ("cycles", {"doses_given": "15"}, "doses_given", "value.range"),
        ("cycles", {"doses_given": "nine"}, "doses_given", "value.integer"),
    ],
)
def test_cell_fault_is_found_at_row_and_column(
    form: str, cells: dict[str, str], column: str, check: str
) -> None:
    values = {"center": "C01", "record_id": "R1"} | {
        "follow_ups": {"date": "2001", "vital_status": "alive"},
        "prior_therapies": {"therapy_class": "surgery"},
        "cycles": {"course_number": "1", "cycle_number": "1", "start_date": "2001"},
    }[form]
    values |= cells
    content = ",".join(values) + "\n" + ",".join(values.values()) + "\n"
    rows, found = checked(form, content.encode())
    assert found == [(2, column, check)]
    assert all(row.cells is None for row in rows)


def test_row_with_other_width_is_refused_and_the_next_is_read() -> None:
    rows, found = checked(
        "follow_ups", HEADER + b"C01,R1,2001\nC01,R2,2001,alive,\nC01,R3,2001,dead\n"
    )
    assert found == [(2, "", "row.ragged"), (3, "", "row.ragged")]
    assert [row.record_id for row in rows] == ["R3"]


def tables_of(path: Path) -> tuple[dict[str, list[RawRow]], list[tuple[str, str]]]:
    log = FindingLog()
    with open_bundle(path, log) as tables:
        read = {table.label: list(table.rows(log)) for table in tables}
    return read, [(f.file, f.check) for f in log.listed("hard")]


@pytest.mark.parametrize("folder", ["", "records/"])
def test_folder_and_zip_read_the_same(tmp_path: Path, folder: str) -> None:
    write_folder(tmp_path / "bundle" / folder, record())
    archive = write_zip(tmp_path / "bundle.zip", record(), folder)
    plain, no_fault = tables_of(tmp_path / "bundle")
    assert no_fault == []
    assert tables_of(archive) == (plain, [])
    assert list(plain) == [
        "patients.csv",
        "courses.csv",
        "cycles.csv",
        "assessments.csv",
        "follow_ups.csv",
    ]


def test_folder_with_other_files_names_unknown_csv(tmp_path: Path) -> None:
    write_folder(tmp_path, {**record(), "assesments": "center\n"})
    (tmp_path / "README.md").write_text("notes")
    (tmp_path / "._patients.csv").write_text("x")
    assert tables_of(tmp_path)[1] == [("assesments.csv", "file.unknown")]


def test_folder_with_forms_in_two_folders_is_refused(tmp_path: Path) -> None:
    write_folder(tmp_path / "a", record())
    write_folder(tmp_path / "b", record())
    assert tables_of(tmp_path)[1] == [("bundle", "file.folders")]


def test_bundle_without_forms_is_refused(tmp_path: Path) -> None:
    assert tables_of(tmp_path)[1][0][1] == "file.none"


@pytest.mark.parametrize("name", ["absent", "patients.csv"])
def test_path_that_is_no_bundle_is_wrong_use(tmp_path: Path, name: str) -> None:
    (tmp_path / "patients.csv").write_text("center\n")
    with pytest.raises(BundleError):
        tables_of(tmp_path / name)


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    ("members", "check"),
    [
        ({"../patients.csv": HEADER}, "file.path"),
        ({"/patients.csv": HEADER}, "file.path"),
        ({"a\\patients.csv": HEADER}, "file.path"),
        ({"patients.csv": b"0" * (40 << 20)}, "file.too_large"),
        ({f"{n}.txt": b"" for n in range(MAX_MEMBERS + 1)}, "file.members"),
        ({"[Content_Types].xml": b"nothing"}, "file.damaged"),
        ({"[Content_Types].xml": b"<Types/>", "xl/workbook.xml": b"<workbook/>"}, "file.damaged"),
        ({"[Content_Types].xml": b"<Types/>", "xl/sharedStrings.xml": b"0123456789" * 7_000_000}, "file.too_large"),
        ({"[Content_Types].xml": b"<Types/>", "xl/strings.dat": b"0123456789" * 7_000_000}, "file.too_large"),
        (
            {"[Content_Types].xml": b'<!DOCTYPE x [<!ENTITY a "aaaa">]><Types>&a;</Types>'},
            "file.xml",
        ),
    ],
)  # fmt: skip
def test_hostile_archive_is_refused(tmp_path: Path, members: dict[str, bytes], check: str) -> None:
    assert [c for _, c in tables_of(zipped(tmp_path / "b.zip", members))[1]] == [check]


BOMB = (
    b'<!DOCTYPE sst [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>&b;</t></si></sst>'
)
# Which part moves, and which part names it.
PARTS = {
    "strings": ("xl/sharedStrings.xml", "[Content_Types].xml"),
    "sheet": ("xl/worksheets/sheet1.xml", "xl/_rels/workbook.xml.rels"),
    "workbook": ("xl/workbook.xml", "[Content_Types].xml"),
}


def moved(
    source: Path, target: Path, part: str, name: str, change: Callable[[bytes], bytes]
) -> Path:
    """The workbook with a part under another name, and what becomes of its content."""
    old, naming = PARTS[part]
    with zipfile.ZipFile(source) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    members[name] = change(members.pop(old))
    if part == "workbook":
        rels = members.pop("xl/_rels/workbook.xml.rels")
        folder, _, last = name.rpartition("/")
        members[f"{folder}/_rels/{last}.rels"] = rels
    # Relationships of the workbook count from its folder.
    old, new = (text.removeprefix("xl/" if part == "sheet" else "") for text in (old, name))
    assert old.encode() in members[naming]
    members[naming] = members[naming].replace(old.encode(), new.encode())
    return zipped(target, members)


def with_shared_strings(path: Path) -> Path:
    """One follow-up row, its texts in a part of their own, as Excel saves them."""
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet("follow_ups")
        sheet.write_row(0, 0, ["center", "record_id", "date", "vital_status"])
        sheet.write_row(1, 0, ["C01", 17, "2001-05-03", "alive"])
    return path


def bare(content: bytes) -> bytes:
    """Without the XML declaration."""
    return re.sub(rb"^<\?xml[^>]*\?>", b"", content).lstrip()


@pytest.mark.parametrize("name", ["xl/parts.dat", "xl/parts", "xl/PARTS.XML", "xl/parts.xml.png"])
@pytest.mark.parametrize("part", PARTS)
def test_entities_in_a_part_of_any_name_are_refused(tmp_path: Path, part: str, name: str) -> None:
    # The parser of production: without these the test would hold another one.
    assert (openpyxl.LXML, openpyxl.DEFUSEDXML) == (False, False)
    source = with_shared_strings(tmp_path / "b.xlsx")
    plain = moved(source, tmp_path / "c.xlsx", part, name, lambda content: content)
    tables, found = tables_of(plain)
    assert found == []
    assert tables["follow_ups"][1].cells == ["C01", "17", "2001-05-03", "alive"]
    declared = b"<!DOCTYPE x [<!ENTITY a 'aaaa'>]>"
    for change in (
        lambda content: BOMB,
        lambda content: declared + bare(content),
        lambda content: (declared + bare(content)).decode().encode("utf-16"),
        lambda content: b" " * 70_000 + declared + bare(content),
    ):
        hostile = moved(source, tmp_path / "d.xlsx", part, name, change)
        assert tables_of(hostile)[1] == [("d.xlsx", "file.xml")]


def test_parts_that_are_no_xml_are_let_be(tmp_path: Path) -> None:
    source = workbook(tmp_path / "b.xlsx", "2001-05-03", "alive")
    with zipfile.ZipFile(source, "a") as archive:
        archive.writestr("xl/media/image1.png", b"\x89PNG\r\n\x1a\n" + bytes(70_000))
        archive.writestr("xl/printerSettings/printerSettings1.bin", bytes(70_000))
        archive.writestr("docProps/empty", b"")
    assert tables_of(source)[1] == []


def test_zip_with_a_file_twice_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("patients.csv", HEADER)
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("patients.csv", HEADER)
    assert tables_of(tmp_path / "b.zip")[1] == [("patients.csv", "file.duplicate")]


def test_zip_encrypted_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "b.zip", {"patients.csv": HEADER})
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    assert tables_of(path)[1] == [("b.zip", "file.encrypted")]


@pytest.mark.parametrize("suffix", [".zip", ".xlsx"])
def test_archive_damaged_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"b{suffix}"
    path.write_bytes(b"PK\x03\x04 no more of it")
    assert tables_of(path)[1] == [(path.name, "file.damaged")]


def test_zip_member_damaged_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "b.zip", record())
    content = bytearray(path.read_bytes())
    content[45:60] = b"\xff" * 15
    path.write_bytes(content)
    assert ("patients.csv", "file.damaged") in tables_of(path)[1]


def workbook(path: Path, *cells: object, number_format: str = "") -> Path:
    """One follow-up row in a workbook; the cells are date, vital_status."""
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = "follow_ups"
    sheet.append(["center", "record_id", "date", "vital_status"])
    sheet.append(["C01", 17.0, *cells])
    if number_format:
        sheet["C2"].number_format = number_format
    book.save(path)
    return path


@pytest.mark.parametrize(
    ("value", "number_format", "text"),
    [
        (at("2001-05-03"), "", "2001-05-03"),
        (date(2001, 5, 3), "dd/mm/yyyy", "2001-05-03"),
        (2001, "", "2001"),
        (2001.0, "", "2001"),
        (81.5, "", "81.5"),
        ("2001-05", "", "2001-05"),
    ],
)
def test_xlsx_cell_is_read(tmp_path: Path, value: object, number_format: str, text: str) -> None:
    path = workbook(tmp_path / "b.xlsx", value, "alive", number_format=number_format)
    read, found = tables_of(path)
    assert found == []
    assert read["follow_ups"][1] == RawRow(2, ["C01", "17", text, "alive"])


@pytest.mark.parametrize(
    ("value", "number_format", "check"),
    [
        (at("2001-05-03T12:30"), "", "value.date_time"),
        (time(12, 30), "", "value.date_time"),
        (at("2001-05-01"), "mmm-yy", "value.date_format"),
        (at("2001-05-01"), '[$-409]mmm "d" yyyy', "value.date_format"),
        ("=A1", "", "value.formula"),
        ("#N/A", "", "value.error"),
        (True, "", "value.code"),
    ],
)
def test_xlsx_cell_in_doubt_is_refused(
    tmp_path: Path, value: object, number_format: str, check: str
) -> None:
    read, found = tables_of(
        workbook(tmp_path / "b.xlsx", value, "alive", number_format=number_format)
    )
    assert found == []
    assert [(p.place, p.check) for p in read["follow_ups"][1].problems] == [(2, check)]


def test_xlsx_reads_as_csv_does(tmp_path: Path) -> None:
    write_folder(tmp_path / "folder", record())
    sheets, found = tables_of(write_xlsx(tmp_path / "b.xlsx", record()))
    plain, _ = tables_of(tmp_path / "folder")
    assert found == []
    assert {f"{name}.csv": rows for name, rows in sheets.items()} == plain


def test_xlsx_unknown_sheet_is_refused_and_notes_are_not(tmp_path: Path) -> None:
    book = Workbook()
    book.worksheets[0].title = "README"
    book.create_sheet("patient")
    book.save(tmp_path / "b.xlsx")
    assert tables_of(tmp_path / "b.xlsx")[1] == [("patient", "file.unknown")]


def test_xlsx_sheet_damaged_is_refused(tmp_path: Path) -> None:
    source = write_xlsx(tmp_path / "b.xlsx", record())
    target = tmp_path / "c.xlsx"
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, content[: len(content) // 2] if "sheet1" in name else content)
    assert ("patients", "file.damaged") in tables_of(target)[1]


def test_xlsx_row_far_down_is_refused_without_reading_on(tmp_path: Path) -> None:
    source = write_xlsx(tmp_path / "b.xlsx", {"follow_ups": [{"center": "C01"}]})
    target = tmp_path / "c.xlsx"
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = (
                old.read(name).replace(b'"A2"', b'"A900000000"').replace(b'r="2"', b'r="900000000"')
            )
            new.writestr(name, content)
    assert ("follow_ups", "file.too_large") in tables_of(target)[1]
