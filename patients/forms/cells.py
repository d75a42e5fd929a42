"""Cells of a grid: one text a value. Words, codes and unique beginnings of either are read."""

from __future__ import annotations

import re

from patients.forms.boxes import Box
from patients.forms.dates import split_date
from patients.labels import code_label
from patients.rules.dictionary import MISSING_REASONS, Field

_BETWEEN = re.compile(r"[;,]")


def cell_text(box: Box) -> str:
    """What the cell shows: dates by month name, codes in words, as typed when it was refused."""
    if box.error and box.typed_parts:
        return box.typed_parts[0]
    if box.error or not box.cell or box.reason:
        return box.cell
    kind = box.field.kind
    if kind == "partial_date":
        parts = split_date(box.cell)
        return "-".join(part.rjust(2, "0") if part.isdigit() else part for part in parts if part)
    if kind in ("code", "codes"):
        words = [code_label(box.field, code) for code in box.cell.split(";")]
        return "; ".join(words)
    return box.cell


def resolve_cell(field: Field, text: str) -> str:
    """The CSV text of what stands in a cell; what fits nothing comes back as it was."""
    text = text.strip()
    reasons = MISSING_REASONS if field.takes_missing_reason else {}
    if text.upper() in reasons:
        return text.upper()
    if field.kind == "code":
        return _resolve(_names(field), text)
    if field.kind == "codes":
        names = _names(field)
        parts = (part.strip() for part in _BETWEEN.split(text))
        return ";".join(_resolve(names, part) for part in parts if part)
    return text


def _names(field: Field) -> dict[str, tuple[str, str]]:
    return {code: (code.casefold(), code_label(field, code).casefold()) for code in field.codes}


def _resolve(names: dict[str, tuple[str, str]], text: str) -> str:
    wanted = text.casefold()
    exact = [code for code, words in names.items() if wanted in words]
    begun = [c for c, words in names.items() if any(word.startswith(wanted) for word in words)]
    for found in (exact, begun):
        if wanted and len(found) == 1:
            return found[0]
    return text
