"""SAS transport, version 5 (TS-140): names of at most 8 characters, labels of at most 40."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pandas as pd
import pyreadstat

from analytics.exporting.columns import Column
from analytics.exporting.formats.base import Release, Written, patch
from analytics.exporting.formats.frames import frame

MEDIA_TYPE: Final = "application/x-sas-xport"
# The library writes the time of writing into the headers, which end before the names of columns.
_STAMP: Final = re.compile(rb"\d\d[A-Z]{3}\d\d:\d\d:\d\d:\d\d")
_FIXED: Final = b"01JAN80:00:00:00"
_HEADERS_END: Final = b"NAMESTR HEADER RECORD"


def write(release: Release, folder: Path) -> list[Written]:
    """A file a table, of the dataset's name."""
    written = []
    for spooled in release.tables.values():
        name = f"{spooled.table.name}.xpt"
        write_frame(frame(spooled), spooled.table.columns, spooled.table.dataset, folder / name)
        written.append(Written(name, MEDIA_TYPE, spooled.table.name, spooled.rows))
    return written


def write_frame(data: pd.DataFrame, columns: tuple[Column, ...], dataset: str, path: Path) -> None:
    """One dataset; `columns` give names and labels."""
    pyreadstat.write_xport(
        data.set_axis([column.short for column in columns], axis=1),
        str(path),
        table_name=dataset,
        column_labels=[column.label for column in columns],
        file_format_version=5,
    )
    patch(path, _without_time)


def _without_time(content: bytes) -> bytes:
    end = content.index(_HEADERS_END)
    return _STAMP.sub(_FIXED, content[:end]) + content[end:]
