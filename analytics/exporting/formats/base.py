"""What a format is: a function that writes the spooled tables of a release into a folder.

Same rows, same bytes: no writer may let a clock, a name of a machine or an order of a set into a file.
Where a format must hold a time, it is `EPOCH`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from analytics.exporting.columns import Column
from analytics.exporting.spool import Spooled

# The first moment that a zip entry can have.
EPOCH: Final = datetime(1980, 1, 1, tzinfo=UTC)
# Where formats have their time of writing.
_HEAD: Final = 4096


@dataclass(frozen=True, slots=True)
class Written:
    """A file of an export: its name in the folder, media type, and the table and rows it holds."""

    name: str
    media_type: str
    table: str = ""
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """What formats write: the profile and its spooled tables."""

    profile: str
    tables: Mapping[str, Spooled]


class TooManyRows(ValueError):
    """A table has more rows than one of the formats takes."""


Writer = Callable[[Release, Path], Sequence[Written]]


def is_open(column: Column) -> bool:
    """Whether a column's values are not all listed: only such can begin like a formula."""
    return column.kind in ("text", "codes") and not column.codes


def patch(path: Path, change: Callable[[bytes], bytes]) -> None:
    """Rewrite the first bytes of a file where they are: times that a library insists on.

    Raises ValueError when their number changes.
    """
    with path.open("r+b") as file:
        found = file.read(_HEAD)
        changed = change(found)
        if len(changed) != len(found):
            raise ValueError("A patch leaves every byte after it where it is.")
        file.seek(0)
        file.write(changed)
