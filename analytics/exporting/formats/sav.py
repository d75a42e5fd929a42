"""SPSS: codes as numbers with value labels."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pyreadstat

from analytics.exporting.formats.base import Release, Written, patch
from analytics.exporting.formats.frames import frame, value_labels
from analytics.exporting.spool import Spooled

MEDIA_TYPE: Final = "application/x-spss-sav"
# Bytes of the header that hold day and time of writing.
_FROM, _TO = 92, 109
_FIXED: Final = b"01 Jan 8000:00:00"


def write(release: Release, folder: Path) -> list[Written]:
    """A file a table."""
    written = []
    for spooled in release.tables.values():
        name = f"{spooled.table.name}.sav"
        write_table(spooled, folder / name)
        written.append(Written(name, MEDIA_TYPE, spooled.table.name, spooled.rows))
    return written


def write_table(spooled: Spooled, path: Path) -> None:
    """The time of writing is replaced by a fixed one."""
    columns = spooled.table.columns
    pyreadstat.write_sav(
        frame(spooled, coded=True),
        str(path),
        file_label=spooled.table.title,
        column_labels=[column.label for column in columns],
        variable_value_labels=value_labels(columns),
    )
    patch(path, lambda content: content[:_FROM] + _FIXED + content[_TO:])
