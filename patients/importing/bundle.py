"""Open a bundle: a folder, a zip of CSV files (or of one folder of them), or an XLSX workbook.

Nothing is extracted to disk, and members are opened only by the names of the forms.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final, cast
from zipfile import BadZipFile, ZipFile, ZipInfo

from patients.importing.csv_source import read_csv
from patients.importing.findings import FindingLog, shown_name
from patients.importing.sources import BundleError, RawRow, Table
from patients.importing.xlsx_source import (
    UnsafeXml,
    open_workbook,
    read_sheet,
    refuse_entities,
)
from patients.rules.dictionary import FORMS

MAX_MEMBERS: Final = 1_000
# Bytes unpacked, of all members; of what a workbook keeps in memory; packed size times RATIO.
MAX_UNPACKED: Final = 1 << 30
MAX_SHARED: Final = 1 << 26
MAX_RATIO: Final = 250
_SMALL: Final = 10 << 20
_WORKBOOK_PART: Final = "[Content_Types].xml"
# Parts that openpyxl holds in memory as a whole.
_SHARED_PARTS: Final = ("sharedStrings.xml", "styles.xml", "workbook.xml", ".rels")
# A sheet of notes, as templates have one.
_NOTES: Final = ("readme", "notes")
# What zlib, zipfile and openpyxl raise on damaged or hostile files.
_DAMAGED: Final = (
    BadZipFile,
    zlib.error,
    EOFError,
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
    IndexError,
    NotImplementedError,
    RuntimeError,
    SyntaxError,
    OSError,
)


@contextmanager
def open_bundle(path: Path, log: FindingLog) -> Iterator[list[Table]]:
    """The tables of the bundle in the order of the forms, open while the context lasts.

    Faults of the bundle's make go to the log. Raises BundleError when there is no bundle at `path`.
    """
    with ExitStack() as stack:
        if path.is_dir():
            tables = _folder(path, log)
        elif path.is_file():
            tables = _archive(path, stack, log)
        else:
            raise BundleError(f"There is no bundle at {path}: give a folder, a .zip or an .xlsx.")
        if not tables and not log.refused:
            message = (
                "The bundle has no form. Files are named by forms: " + ", ".join(FORMS) + " (.csv)."
            )
            log.hard(shown_name(path.name), None, "", "file.none", message, blocks=True)
        yield sorted(tables, key=lambda table: list(FORMS).index(table.form.name))


def _folder(path: Path, log: FindingLog) -> list[Table]:
    """The CSV files of the folder, or of the one folder in it that has forms."""
    names = [
        PurePosixPath(found.relative_to(path).as_posix())
        for pattern in ("*", "*/*")
        for found in sorted(path.glob(pattern))
        if found.is_file()
    ]
    return _csv_tables(names, lambda name: (path / name).open("rb"), log)


def _csv_tables(
    names: list[PurePosixPath], opened: Callable[[PurePosixPath], object], log: FindingLog
) -> list[Table]:
    folder = _forms_folder(names, log)
    tables: list[Table] = []
    for name in names:
        if name.parent != folder or name.suffix.lower() != ".csv" or name.name.startswith("."):
            continue
        form = FORMS.get(name.name.removesuffix(".csv"))
        if form is None:
            message = "No form has this name. Forms: " + ", ".join(f"{f}.csv" for f in FORMS) + "."
            log.hard(shown_name(name.name), None, "", "file.unknown", message, blocks=True)
        elif any(table.form is form for table in tables):
            message = "The archive holds this file twice. Keep one."
            log.hard(name.name, None, "", "file.duplicate", message, blocks=True)
        else:
            tables.append(Table(form, name.name, partial(_csv_rows, opened, name)))
    return tables


def _forms_folder(names: list[PurePosixPath], log: FindingLog) -> PurePosixPath:
    """Where the forms lie: at the top or in one folder below it; reports forms in several."""
    folders = {
        name.parent
        for name in names
        if name.name.removesuffix(".csv") in FORMS and name.parts[0] != "__MACOSX"
    }
    folders = {folder for folder in folders if len(folder.parts) < 2}
    if len(folders) > 1:
        message = "Forms lie in more than one folder. Put all of them into one."
        log.hard("bundle", None, "", "file.folders", message, blocks=True)
    return min(folders, default=PurePosixPath())


def _csv_rows(
    opened: Callable[[PurePosixPath], object], name: PurePosixPath, log: FindingLog
) -> Iterator[RawRow]:
    try:
        with cast(BinaryIO, opened(name)) as stream:
            yield from read_csv(stream, name.name, log)
    except (BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError):
        message = "The file cannot be read to its end: it is damaged. Make the bundle again."
        log.hard(name.name, None, "", "file.damaged", message, blocks=True)


def _archive(path: Path, stack: ExitStack, log: FindingLog) -> list[Table]:
    label = shown_name(path.name)
    try:
        archive = stack.enter_context(ZipFile(path))
    except _DAMAGED:
        if path.suffix.lower() not in (".zip", ".xlsx", ".xlsm"):
            raise BundleError(
                "The bundle is neither a folder nor a zip of CSV files nor an XLSX workbook."
            ) from None
        message = "The archive cannot be opened: it is damaged or no zip. Make the bundle again."
        log.hard(label, None, "", "file.damaged", message, blocks=True)
        return []
    members = [member for member in archive.infolist() if not member.is_dir()]
    problem = _archive_problem(members)
    if problem is not None:
        log.hard(label, None, "", *problem, blocks=True)
        return []
    if any(member.filename == _WORKBOOK_PART for member in members):
        return _workbook_tables(archive, path, label, stack, log)
    names = {PurePosixPath(member.filename): member for member in members}
    everything = [PurePosixPath(member.filename) for member in members]
    return _csv_tables(everything, lambda name: archive.open(names[name]), log)


def _archive_problem(members: list[ZipInfo]) -> tuple[str, str] | None:
    """Check and message of an archive that must not be unpacked."""
    if len(members) > MAX_MEMBERS:
        return (
            "file.members",
            f"The archive has more than {MAX_MEMBERS} files. Send the forms only.",
        )
    if sum(member.file_size for member in members) > MAX_UNPACKED:
        return "file.too_large", "The archive unpacks to more than 1 GiB. Split the bundle."
    for member in members:
        name = PurePosixPath(member.filename)
        if name.is_absolute() or ".." in name.parts or "\\" in member.filename:
            return "file.path", "The archive has a file name with a path that leads out of it."
        if member.flag_bits & 1:
            return "file.encrypted", "The archive is encrypted. Send it without a password."
        if member.file_size > _SMALL and member.file_size > MAX_RATIO * member.compress_size:
            return (
                "file.too_large",
                "A file unpacks to far more than its packed size. Pack it again.",
            )
        if name.name.endswith(_SHARED_PARTS) and member.file_size > MAX_SHARED:
            return "file.too_large", "The workbook has too much text for one. Send CSV files."
    return None


def _workbook_tables(
    archive: ZipFile, path: Path, label: str, stack: ExitStack, log: FindingLog
) -> list[Table]:
    try:
        refuse_entities(archive)
        workbook = stack.enter_context(open_workbook(stack.enter_context(path.open("rb"))))
        sheets = workbook.sheetnames
    except (UnsafeXml, *_DAMAGED) as problem:
        unsafe = isinstance(problem, UnsafeXml)
        check = "file.xml" if unsafe else "file.damaged"
        message = (
            "The workbook declares XML entities, as no spreadsheet program does. Save it again."
            if unsafe
            else "The workbook cannot be opened: it is damaged. Save it again as XLSX."
        )
        log.hard(label, None, "", check, message, blocks=True)
        return []
    tables = []
    for sheet in sheets:
        if (form := FORMS.get(sheet)) is not None:
            rows = partial(_sheet_rows, partial(read_sheet, workbook, sheet), sheet)
            tables.append(Table(form, sheet, rows, pads=True))
        elif sheet.lower() not in _NOTES:
            message = "No form has this sheet's name. Forms: " + ", ".join(FORMS) + "."
            log.hard(shown_name(sheet), None, "", "file.unknown", message, blocks=True)
    return tables


def _sheet_rows(
    rows: Callable[[FindingLog], Iterator[RawRow]], sheet: str, log: FindingLog
) -> Iterator[RawRow]:
    try:
        yield from rows(log)
    except _DAMAGED:
        message = "The sheet cannot be read to its end: it is damaged. Save it again as XLSX."
        log.hard(sheet, None, "", "file.damaged", message, blocks=True)
