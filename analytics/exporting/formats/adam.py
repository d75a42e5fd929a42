"""ADaM: ADSL and ADTTE with their standard names, as SAS transport and CSV.

Days are relative to the first dose (day 0): ASTDY and ADY stand for STARTDT and ADT, which would be
dates; AVAL = ADY - ASTDY. CNSR: 0 event, else the reason of censoring (docs/derivation.md).
Source: CDISC ADaM Basic Data Structure for Time-to-Event Analyses 1.0.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Final

from analytics.exporting.choices import SUBJECTS, TIME_TO_EVENT
from analytics.exporting.columns import Column
from analytics.exporting.formats.base import Release, Written
from analytics.exporting.formats.csv_package import MEDIA_TYPE as CSV_TYPE
from analytics.exporting.formats.frames import frame
from analytics.exporting.formats.xpt import MEDIA_TYPE as XPT_TYPE
from analytics.exporting.formats.xpt import write_frame
from analytics.exporting.spool import Spooled
from centers.cells import harmless

STUDY: Final = "HDIL2"
TREATMENT: Final = "High-dose interleukin-2"
_CONSTANTS: Final = {
    SUBJECTS: (
        Column("studyid", "STUDYID", "Study Identifier", "text", "", ()),
        Column("trt01a", "TRT01A", "Actual Treatment for Period 01", "text", "", ()),
    ),
    TIME_TO_EVENT: (
        Column("studyid", "STUDYID", "Study Identifier", "text", "", ()),
        Column("trta", "TRTA", "Actual Treatment", "text", "", ()),
    ),
}


def write(release: Release, folder: Path) -> list[Written]:
    """Two files for each of ADSL and ADTTE that the release holds."""
    written = []
    for name in (SUBJECTS, TIME_TO_EVENT):
        if spooled := release.tables.get(name):
            stem = spooled.table.dataset.lower()
            written += _write(spooled, folder, stem)
    return written


def _write(spooled: Spooled, folder: Path, stem: str) -> list[Written]:
    table = spooled.table
    constants = _CONSTANTS[table.name]
    columns = (constants[0], *table.columns, constants[1])
    data = frame(spooled)
    data.insert(0, constants[0].name, STUDY)
    data[constants[1].name] = TREATMENT
    write_frame(data, columns, table.dataset, folder / f"{stem}.xpt")
    with (folder / f"{stem}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([column.short for column in columns])
        with spooled.path.open(encoding="utf-8", newline="") as rows:
            for cells in csv.reader(rows):
                texts = [
                    cell if column.kind in ("integer", "number") else harmless(cell)
                    for cell, column in zip(cells, table.columns, strict=True)
                ]
                writer.writerow([STUDY, *texts, TREATMENT])
    return [
        Written(f"{stem}.xpt", XPT_TYPE, table.name, spooled.rows),
        Written(f"{stem}.csv", CSV_TYPE, table.name, spooled.rows),
    ]
