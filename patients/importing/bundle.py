"""Open a bundle: a folder, a zip of CSV files (or of one folder of them), or an XLSX workbook.

Nothing is extracted to disk, and members are opened only by the names of the forms.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from io import BytesIO
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
from patients.rules.dictionary import FORMS, Form

MAX_MEMBERS: Final = 1_000
_NO_ARCHIVE: Final = "The archive cannot be opened: it is damaged or no zip. Make the bundle again."
# Bytes unpacked, of all members; of what a workbook keeps in memory; packed size times RATIO.
MAX_UNPACKED: Final = 1 << 30
MAX_SHARED: Final = 1 << 26
MAX_RATIO: Final = 250
_SMALL: Final = 10 << 20
_WORKBOOK_PART: Final = "[Content_Types].xml"
_MACROS: Final = "vbaProject.bin"
# Where the sheets lie, which are streamed; openpyxl holds other parts in memory as a whole.
_SHEETS: Final = PurePosixPath("xl/worksheets")
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


# Names of files or sheets as they stand -> the form they hold; "" leaves one out.
Names = Mapping[str, str]
Opener = Callable[[], BinaryIO]
UPLOAD: Final = "bundle"


@contextmanager
def open_bundle(path: Path, log: FindingLog) -> Iterator[list[Table]]:
    """The tables of the bundle in the order of the forms, open while the context lasts.

    Faults of the bundle's make go to the log. Raises BundleError when there is no bundle at `path`.
    """
    with ExitStack() as stack:
        if path.is_dir():
            tables = _folder(path, log)
        elif path.is_file():
            tables = _file(path, stack, log)
        else:
            raise BundleError(f"There is no bundle at {path}: give a folder, a .zip or an .xlsx.")
        yield _in_order(tables, shown_name(path.name), log)


@contextmanager
def open_upload(content: bytes, names: Names, log: FindingLog) -> Iterator[list[Table]]:
    """As open_bundle, of an uploaded zip or workbook that was never on a disk.

    `names` tells the forms of files and sheets that are called otherwise.
    """
    with ExitStack() as stack:
        try:
            archive = stack.enter_context(ZipFile(BytesIO(content)))
        except _DAMAGED:
            log.hard(UPLOAD, None, "", "file.damaged", _NO_ARCHIVE, blocks=True)
            yield []
            return
        if any(member.filename.endswith(_MACROS) for member in archive.infolist()):
            message = "The workbook holds macros. Save it as XLSX without macros."
            log.hard(UPLOAD, None, "", "file.macro", message, blocks=True)
            yield []
            return
        tables = _archive(archive, lambda: BytesIO(content), UPLOAD, stack, log, names)
        yield _in_order(tables, UPLOAD, log)


def _in_order(tables: list[Table], label: str, log: FindingLog) -> list[Table]:
    if not tables and not log.refused:
        message = (
            "The bundle has no form. Files are named by forms: " + ", ".join(FORMS) + " (.csv)."
        )
        log.hard(label, None, "", "file.none", message, blocks=True)
    return sorted(tables, key=lambda table: list(FORMS).index(table.form.name))


def _form_named(name: str, names: Names) -> Form | None:
    """The form of a file or sheet: by what a person said of its name, else by the name itself."""
    return FORMS.get(names.get(name, name.removesuffix(".csv")))


def _folder(path: Path, log: FindingLog) -> list[Table]:
    """The CSV files of the folder, or of the one folder in it that has forms."""
    names = [
        PurePosixPath(found.relative_to(path).as_posix())
        for pattern in ("*", "*/*")
        for found in sorted(path.glob(pattern))
        if found.is_file()
    ]
    return _csv_tables(names, lambda name: (path / name).open("rb"), log, {})


def _csv_tables(
    files: list[PurePosixPath],
    opened: Callable[[PurePosixPath], object],
    log: FindingLog,
    names: Names,
) -> list[Table]:
    folder = _forms_folder(files, log, names)
    tables: list[Table] = []
    for name in files:
        if name.parent != folder or name.suffix.lower() != ".csv" or name.name.startswith("."):
            continue
        if names.get(name.name) == "":
            continue
        form = _form_named(name.name, names)
        if form is None:
            log.unknown_names.append(name.name)
            message = "No form has this name. Forms: " + ", ".join(f"{f}.csv" for f in FORMS) + "."
            log.hard(shown_name(name.name), None, "", "file.unknown", message, blocks=True)
        elif any(table.form is form for table in tables):
            message = "The archive holds this file twice. Keep one."
            log.hard(name.name, None, "", "file.duplicate", message, blocks=True)
        else:
            tables.append(Table(form, name.name, partial(_csv_rows, opened, name)))
    return tables


def _forms_folder(files: list[PurePosixPath], log: FindingLog, names: Names) -> PurePosixPath:
    """Where the forms lie: at the top or in one folder below it; reports forms in several.

    Without any form by its own name: where the CSV files lie, when that is one folder.
    """
    kept = [name for name in files if name.parts[0] != "__MACOSX"]
    folders = {name.parent for name in kept if _form_named(name.name, names) is not None}
    if not folders:
        folders = {name.parent for name in kept if name.suffix.lower() == ".csv"}
        return folders.pop() if len(folders) == 1 else PurePosixPath()
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


def _file(path: Path, stack: ExitStack, log: FindingLog) -> list[Table]:
    label = shown_name(path.name)
    try:
        archive = stack.enter_context(ZipFile(path))
    except _DAMAGED:
        if path.suffix.lower() not in (".zip", ".xlsx", ".xlsm"):
            raise BundleError(
                "The bundle is neither a folder nor a zip of CSV files nor an XLSX workbook."
            ) from None
        log.hard(label, None, "", "file.damaged", _NO_ARCHIVE, blocks=True)
        return []
    return _archive(archive, lambda: path.open("rb"), label, stack, log, {})


def _archive(
    archive: ZipFile, again: Opener, label: str, stack: ExitStack, log: FindingLog, names: Names
) -> list[Table]:
    """The tables of an open archive; `again` opens it a second time."""
    members = [member for member in archive.infolist() if not member.is_dir()]
    problem = _archive_problem(members)
    if problem is not None:
        log.hard(label, None, "", *problem, blocks=True)
        return []
    if any(member.filename == _WORKBOOK_PART for member in members):
        return _workbook_tables(archive, again, label, stack, log, names)
    by_name = {PurePosixPath(member.filename): member for member in members}
    everything = [PurePosixPath(member.filename) for member in members]
    return _csv_tables(everything, lambda name: archive.open(by_name[name]), log, names)


def _archive_problem(members: list[ZipInfo]) -> tuple[str, str] | None:
    """Check and message of an archive that must not be unpacked."""
    if len(members) > MAX_MEMBERS:
        return (
            "file.members",
            f"The archive has more than {MAX_MEMBERS} files. Send the forms only.",
        )
    if sum(member.file_size for member in members) > MAX_UNPACKED:
        return "file.too_large", "The archive unpacks to more than 1 GiB. Split the bundle."
    is_workbook = any(member.filename == _WORKBOOK_PART for member in members)
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
        if is_workbook and name.parent != _SHEETS and member.file_size > MAX_SHARED:
            return "file.too_large", "The workbook has too much text for one. Send CSV files."
    return None


def _workbook_tables(
    archive: ZipFile, again: Opener, label: str, stack: ExitStack, log: FindingLog, names: Names
) -> list[Table]:
    try:
        refuse_entities(archive)
        workbook = stack.enter_context(open_workbook(stack.enter_context(again())))
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
        if names.get(sheet) == "":
            continue
        if (form := FORMS.get(names.get(sheet, sheet))) is not None:
            rows = partial(_sheet_rows, partial(read_sheet, workbook, sheet), sheet)
            tables.append(Table(form, sheet, rows, pads=True))
        elif sheet.lower() not in _NOTES:
            log.unknown_names.append(sheet)
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
