"""Cells of files for spreadsheets: none of them runs as a formula."""

from __future__ import annotations

from typing import Final, TypeVar

# Spreadsheets take what begins so for a formula (OWASP, CSV injection): the wide signs in East
# Asian settings, a tab or the end of a line because they may drop it.
FORMULA_STARTS: Final = tuple("=+-@|\t\r\n\uff1d\uff0b\uff0d\uff20")

Cell = TypeVar("Cell")


def harmless(cell: Cell) -> Cell | str:
    """An apostrophe before a text that begins like a formula; numbers stay as they are."""
    if isinstance(cell, str) and cell.startswith(FORMULA_STARTS):
        return f"'{cell}"
    return cell
