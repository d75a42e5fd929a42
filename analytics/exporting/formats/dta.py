"""Stata (version 15 files): codes as numbers with value labels."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pyreadstat

from analytics.exporting.formats.base import Release, Written, patch
from analytics.exporting.formats.frames import frame, value_labels
from analytics.exporting.spool import Spooled

MEDIA_TYPE: Final = "application/x-stata-dta"
_TAG: Final = b"<timestamp>"
_FIXED: Final = b"01 Jan 1980 00:00"


def write(release: Release, folder: Path) -> list[Written]:
    """A file a table."""
    written = []
    for spooled in release.tables.values():
        name = f"{spooled.table.name}.dta"
        write_table(spooled, folder / name)
        written.append(Written(name, MEDIA_TYPE, spooled.table.name, spooled.rows))
    return written


def write_table(spooled: Spooled, path: Path) -> None:
    """The time of writing is replaced by a fixed one."""
    columns = spooled.table.columns
    pyreadstat.write_dta(
        frame(spooled, coded=True),
        str(path),
        file_label=spooled.table.title,
        column_labels=[column.label for column in columns],
        variable_value_labels=value_labels(columns),
        version=15,
    )
    patch(path, _without_time)


def _without_time(content: bytes) -> bytes:
    start = content.index(_TAG) + len(_TAG)
    length = content[start]
    if length != len(_FIXED):
        raise ValueError("The Stata header is not of the form that is made reproducible here.")
    return content[: start + 1] + _FIXED + content[start + 1 + length :]
