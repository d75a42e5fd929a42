"""The formats of an export: a module each, behind one small interface (base.py).

A module is loaded when its format is first written: the libraries behind some take a second and 100 MB,
which web processes and commands never need.
"""

from __future__ import annotations

from collections.abc import Collection
from importlib import import_module
from typing import Final, cast

from analytics.exporting.choices import FORMATS
from analytics.exporting.formats.base import Release, TooManyRows, Writer

MODULES: Final = {
    "csv": "csv_package",
    "parquet": "parquet",
    "adam": "adam",
    "xpt": "xpt",
    "sav": "sav",
    "dta": "dta",
    "xlsx": "xlsx",
}
assert tuple(MODULES) == tuple(FORMATS)
# Rows of a table at most: what a sheet of a workbook holds; what libraries that need it whole put into
# about 2 GB of memory. CSV and Parquet are written at flat memory, whatever the number.
_IN_MEMORY: Final = 6_000_000
MOST_ROWS: Final = {"xlsx": 1_048_575, **dict.fromkeys(("adam", "xpt", "sav", "dta"), _IN_MEMORY)}


def check_size(release: Release, formats: Collection[str]) -> None:
    """Raises TooManyRows when a table is too large for one of the formats."""
    rows = max(spooled.rows for spooled in release.tables.values())
    if any(rows > MOST_ROWS.get(name, rows) for name in formats):
        raise TooManyRows


def writer(name: str) -> Writer:
    """What writes this format, by its name in FORMATS."""
    module = import_module(f"{__name__}.{MODULES[name]}")
    return cast("Writer", module.write)
