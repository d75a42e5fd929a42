"""The formats of an export: a module each, behind one small interface (base.py).

A module is loaded when its format is first written: the libraries behind some take a second and 100 MB,
which web processes and commands never need.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final, cast

from analytics.exporting.choices import FORMATS
from analytics.exporting.formats.base import Writer

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


def writer(name: str) -> Writer:
    """What writes this format, by its name in FORMATS."""
    module = import_module(f"{__name__}.{MODULES[name]}")
    return cast("Writer", module.write)
