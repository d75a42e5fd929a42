"""The formats of an export: a module each, behind one small interface (base.py)."""

from __future__ import annotations

from typing import Final

from analytics.exporting.choices import FORMATS
from analytics.exporting.formats import adam, csv_package, dta, parquet, sav, xlsx, xpt
from analytics.exporting.formats.base import Writer

WRITERS: Final[dict[str, Writer]] = {
    "csv": csv_package.write,
    "parquet": parquet.write,
    "adam": adam.write,
    "xpt": xpt.write,
    "sav": sav.write,
    "dta": dta.write,
    "xlsx": xlsx.write,
}
assert tuple(WRITERS) == tuple(FORMATS)
