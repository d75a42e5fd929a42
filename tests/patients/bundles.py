"""Small bundles for the import tests: whole rows with defaults, written as CSV, zip or XLSX."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from openpyxl import Workbook

from patients.rules.dictionary import FORMS

Rows = Sequence[Mapping[str, object]]
EXAMPLE = Path(__file__).parent.parent / "data" / "bundle-example" / "records"
DEFAULTS: dict[str, dict[str, str]] = {
    "centers": {"center": "C01", "name": "North", "status": "active"},
    "patients": {
        "birth_date": "1950-06",
        "sex": "female",
        "disease": "melanoma",
        "cohort": "retrospective",
        "consent": "signed",
        "primary_diagnosis_date": "2000",
        "metastatic_diagnosis_date": "2001-05",
    },
    "courses": {"course_number": "1", "intent": "initial", "dose_level": "600000"},
    "cycles": {
        "course_number": "1",
        "cycle_number": "1",
        "start_date": "2001-06-04",
        "doses_given": "9",
    },
    "assessments": {"date": "2001-09-01", "response": "PR", "basis": "imaging"},
    "prior_therapies": {"start_date": "2000-03", "therapy_class": "surgery"},
    "local_therapies": {"date": "2002-01-09", "modality": "metastasectomy", "site": "lung"},
    "systemic_therapies": {"start_date": "2004-02", "therapy_class": "chemotherapy"},
    "follow_ups": {"date": "2003-01-15", "source": "visit", "vital_status": "alive"},
}


def row(form: str, record_id: str = "R1", **values: object) -> dict[str, object]:
    """A valid row of the form, with the values given on top."""
    keys: dict[str, object] = {} if form == "centers" else {"center": "C01", "record_id": record_id}
    return {**keys, **DEFAULTS[form], **values}


def record(record_id: str = "R1", **patient: object) -> dict[str, list[dict[str, object]]]:
    """One whole valid record: patient, course, cycle, assessment, contact."""
    return {
        "patients": [row("patients", record_id, **patient)],
        "courses": [row("courses", record_id)],
        "cycles": [row("cycles", record_id)],
        "assessments": [row("assessments", record_id)],
        "follow_ups": [row("follow_ups", record_id)],
    }


def columns(form: str, rows: Rows) -> list[str]:
    """The columns that the rows use, in the dictionary's order, others behind."""
    used = {name for one in rows for name in one}
    known = [name for name in (*FORMS[form].columns, "row_id") if name in used]
    return list(dict.fromkeys(known + sorted(used - set(known))))


def csv_text(form: str, rows: Rows) -> str:
    """The rows as CSV."""
    out = io.StringIO()
    writer = csv.DictWriter(out, columns(form, rows), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def write_folder(path: Path, bundle: Mapping[str, Rows | str | bytes]) -> Path:
    """A folder of CSV files; text and bytes are written as they are."""
    path.mkdir(parents=True, exist_ok=True)
    for form, rows in bundle.items():
        if isinstance(rows, str):
            content = rows.encode()
        elif isinstance(rows, bytes):
            content = rows
        else:
            content = csv_text(form, rows).encode()
        (path / f"{form}.csv").write_bytes(content)
    return path


def write_zip(path: Path, bundle: Mapping[str, Rows], folder: str = "") -> Path:
    """A zip of CSV files, in a folder of it when named."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for form, rows in bundle.items():
            archive.writestr(f"{folder}{form}.csv", csv_text(form, rows))
    return path


def write_xlsx(path: Path, bundle: Mapping[str, Rows]) -> Path:
    """A workbook with a sheet a form; values keep their Python types."""
    workbook = Workbook()
    workbook.remove(workbook.worksheets[0])
    for form, rows in bundle.items():
        sheet = workbook.create_sheet(form)
        names = columns(form, rows)
        sheet.append(names)
        for one in rows:
            sheet.append([one.get(name) for name in names])
    workbook.save(path)
    return path
