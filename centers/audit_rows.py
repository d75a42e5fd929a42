"""Rows against their events: what a row must look like, given the last event about it.

Tolerant of migrations only: a column that is gone is not compared, a column that the event does
not know must be empty. Values come from jsonb, or from a dump as COPY prints them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from centers.verification import Report

Row = Mapping[str, Any]
# Made by the first migration, before its table had a trigger: the only row without an event.
BUILT_IN: Final[Mapping[tuple[str, int], Row]] = {
    ("centers_user", 1): {
        "id": 1,
        "username": "system",
        "full_name": "System",
        "email": "",
        "is_active": False,
        "is_demo": False,
    }
}
# What a column added by a migration holds in rows that nobody has touched since.
_EMPTY: Final[tuple[Any, ...]] = (None, "", False, [], {})
_EMPTY_TEXTS: Final = ("", "f", "{}", "[]")
_ARRAY_ITEM = re.compile(r'"((?:[^"\\]|\\.)*)"|([^",{}]+)')


@dataclass(frozen=True, slots=True)
class AuditedTable:
    """A table and the arguments of its audit trigger."""

    schema: str
    name: str
    key: str
    left_out: frozenset[str]
    is_on: bool = True


def load(text: str | bytes | None) -> Row | None:
    """A row from jsonb's text; numbers keep their digits."""
    if text is None:
        return None
    row: Row = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    return row


def same_value(expected: Any, found: Any) -> bool:
    """Equal, or the same moment printed in two time zones."""
    return expected == found or (
        isinstance(expected, str)
        and isinstance(found, str)
        and _moment(expected) is not None
        and _moment(expected) == _moment(found)
    )


def same_text(expected: Any, text: str | None) -> bool:
    """Whether a column as COPY prints it (None: NULL) is the value from jsonb."""
    if expected is None or text is None:
        return expected is None and text is None
    if isinstance(expected, bool):
        return text == ("t" if expected else "f")
    if isinstance(expected, Decimal):
        return _number(text) == expected
    if isinstance(expected, str):
        return same_value(expected, text)
    if isinstance(expected, list) and text.startswith("{"):
        return expected == [
            re.sub(r"\\(.)", r"\1", quoted) if quoted or not plain else plain
            for quoted, plain in _ARRAY_ITEM.findall(text)
        ]
    try:
        return bool(load(text) == expected)
    except ValueError:
        return False


def changed(expected: Row, found: Row, left_out: Iterable[str] = ()) -> bool:
    """Whether a row differs from its last event; both from jsonb."""
    return any(
        not same_value(value, found[name]) for name, value in expected.items() if name in found
    ) or any(
        value not in _EMPTY
        for name, value in found.items()
        if name not in expected and name not in left_out
    )


def changed_texts(
    expected: Row, found: Mapping[str, str | None], left_out: Iterable[str] = ()
) -> bool:
    """Whether a row of a dump differs from its last event."""
    return any(
        not same_text(value, found[name]) for name, value in expected.items() if name in found
    ) or any(
        text is not None and text not in _EMPTY_TEXTS
        for name, text in found.items()
        if name not in expected and name not in left_out
    )


def check_row(
    report: Report, table: AuditedTable, key: int, event: Row | None, found: Row | None
) -> None:
    """One live row (None: there is none) against its last event's `after` (None: deleted)."""
    name = f"{table.name} {key}"
    if event is None and found is not None:
        built_in = BUILT_IN.get((table.name, key))
        if built_in is None:
            report.add("row", f"{name}: is there without an event that says so")
        elif any(found.get(column) != value for column, value in built_in.items()):
            report.add("row", f"{name}: is not as the first migration made it")
    elif event is not None and found is None:
        report.add("row", f"{name}: is gone without an event that says so")
    elif event is not None and found is not None and changed(event, found, table.left_out):
        report.add("row", f"{name}: differs from its last event")


def check_step(
    report: Report,
    table: AuditedTable,
    key: int,
    event_id: int,
    last: Row | None,
    before: Row | None,
) -> None:
    """An event's `before` against the `after` of the event before it about the same row."""
    if last is None:
        if before is None or (table.name, key) in BUILT_IN:
            return
    elif before is not None and not changed(last, before, table.left_out):
        return
    report.add("row", f"{table.name} {key}: had changed without an event before event {event_id}")


def check_trigger(report: Report, table: AuditedTable) -> None:
    """A table's audit trigger must be on."""
    if not table.is_on:
        report.add("trigger", f"{table.name}: its audit trigger is off")


def _moment(text: str) -> datetime | None:
    if len(text) < 19 or text[10] not in "T ":
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else None


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None
