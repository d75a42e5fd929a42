"""Events as files: CSV for people, JSON lines for programs; masked like the pages.

A file is written within the request, in one transaction with its export event, and then sent: a slow
reader holds no transaction open. Numbers that count over all centers (ids of events, rows and
transactions) are in no file: `event` names an event by the hash of its content.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from itertools import islice
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Final

from django.db.models import QuerySet
from django.http import FileResponse
from django.utils.translation import override

from centers.cells import harmless
from centers.event_words import EventLine, lines_of
from centers.models import AuditEvent

FORMATS: Final = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}
CHUNK: Final = 1_000
_IN_MEMORY: Final = 1_000_000
# Keys of rows, and numbers that count over all centers; `public_id` names a row.
_KEY: Final = re.compile(r"id|(?!public_).*_id|patient_ids|seal_number|.*_event|xact")
_HEADER: Final = (
    "event",
    "at",
    "person",
    "role",
    "center",
    "record",
    "action",
    "what",
    "field",
    "old",
    "new",
    "reason",
    "request",
    "version",
)


def event_file(events: QuerySet[AuditEvent], name: str, form: str) -> tuple[FileResponse, int]:
    """The events as a download of the format, and how many they are. `name` identifies nobody."""
    # A file is the same in every language of the pages.
    with ExitStack() as stack, override(None):
        file: IO[bytes] = stack.enter_context(SpooledTemporaryFile(max_size=_IN_MEMORY))
        count = _WRITERS[form](file, _lines(events))
        stack.pop_all()  # from here on the response closes it
    file.seek(0)
    response = FileResponse(
        file, as_attachment=True, filename=f"{name}.{form}", content_type=FORMATS[form]
    )
    return response, count


def _lines(events: QuerySet[AuditEvent]) -> Iterator[EventLine]:
    rows = events.iterator(chunk_size=CHUNK)
    while chunk := list(islice(rows, CHUNK)):
        yield from lines_of(chunk)


class _Echo:
    """What csv.writer writes to: it hands the line back."""

    def write(self, text: str) -> str:
        return text


def _write_csv(file: IO[bytes], lines: Iterable[EventLine]) -> int:
    """One line a changed field, or one for an event without fields."""
    writer = csv.writer(_Echo(), lineterminator="\r\n")
    file.write(str(writer.writerow(_HEADER)).encode())
    count = 0
    for line in lines:
        count += 1
        head, tail = _cells(line)
        changes = [(c.label, c.old, c.new) for c in line.changes] or [("", "", "")]
        for change in changes:
            cells = [harmless(text) for text in (*head, *change, *tail)]
            file.write(str(writer.writerow(cells)).encode())
    return count


def _cells(line: EventLine) -> tuple[tuple[str, ...], tuple[str, ...]]:
    event = line.event
    head = (
        bytes(event.row_hash).hex(),
        event.at.isoformat(),
        event.actor.full_name,
        line.role,
        line.center,
        line.record.label if line.record else "",
        line.action,
        line.what,
    )
    return head, (event.reason or "", str(event.request_id or ""), event.app_version)


def _write_jsonl(file: IO[bytes], lines: Iterable[EventLine]) -> int:
    """One object a line: every column of the event that its reader may see."""
    count = 0
    for line in lines:
        count += 1
        file.write(json.dumps(_object(line), ensure_ascii=False).encode() + b"\n")
    return count


def _object(line: EventLine) -> dict[str, Any]:
    event = line.event
    return {
        "event": bytes(event.row_hash).hex(),
        "at": event.at.isoformat(),
        "person": str(event.actor.public_id),
        "name": event.actor.full_name,
        "role": event.role,
        "center": line.center,
        "record": line.record.label if line.record else "",
        "table": event.table_name,
        "operation": event.operation,
        "before": _shown(event.before),
        "after": _shown(event.after),
        "reason": event.reason,
        "request": str(event.request_id) if event.request_id else None,
        "version": event.app_version,
    }


def _shown(row: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A row without keys of the database and without sealed bytes; its public id names it."""
    if row is None:
        return None
    return {name: value for name, value in row.items() if not _is_hidden(name, value)}


def _is_hidden(name: str, value: object) -> bool:
    return bool(_KEY.fullmatch(name)) or (isinstance(value, str) and value.startswith("\\x"))


_WRITERS: Final[dict[str, Callable[[IO[bytes], Iterable[EventLine]], int]]] = {
    "csv": _write_csv,
    "jsonl": _write_jsonl,
}
