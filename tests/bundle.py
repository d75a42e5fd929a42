"""Read a CSV bundle of data-dictionary.md into the oracle's records (values kept as text, no checks)."""

from __future__ import annotations

import csv
from pathlib import Path

from tests.oracle import Record, Row

CODED = {"", "NASK", "NAVAIL", "UNK", "NA"}
FORMS = {
    "cycles": ("cycle", "start_date"),
    "assessments": ("assessment", "date"),
    "local_therapies": ("local_therapy", "date"),
    "systemic_therapies": ("systemic_therapy", "start_date"),
    "follow_ups": ("follow_up", "date"),
}
PATIENT_FIELDS = ("disease", "birth_date", "metastatic_diagnosis_date", "date_of_death", "consent")


def rows(path: Path) -> list[dict[str, str | None]]:
    """Rows of one CSV file, empty and coded cells as None."""
    with path.open(encoding="utf-8", newline="") as source:
        return [
            {key: None if value in CODED else value for key, value in line.items()}
            for line in csv.DictReader(source)
        ]


def read(folder: Path) -> list[Record]:
    """The records of a bundle, sorted by center and record id."""
    found: dict[tuple[str, str], Record] = {}
    for line in rows(folder / "patients.csv"):
        key = (str(line["center"]), str(line["record_id"]))
        values = {name: line[name] for name in PATIENT_FIELDS}
        found[key] = Record(*key, id=len(found) + 1, **values)  # type: ignore[arg-type]
    for form, (table, dated) in FORMS.items():
        path = folder / f"{form}.csv"
        for number, line in enumerate(rows(path) if path.exists() else [], start=1):
            record = found[str(line.pop("center")), str(line.pop("record_id"))]
            retracted = line.get("status") == "retracted"
            record.rows.append(Row(table, number, line[dated], line, retracted))
    return [found[key] for key in sorted(found)]
