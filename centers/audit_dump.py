"""A plain dump as a source of verification: what `pg_dump` writes, read without a database.

Kept in memory: of every live row its last event. The file is read a few times.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO

from centers.audit_format import EVENT_COLUMNS, NULL, SEAL_COLUMNS, Fields, unescape
from centers.audit_rows import (
    BUILT_IN,
    AuditedTable,
    changed_texts,
    check_row,
    check_step,
    check_trigger,
    load,
    same_text,
)
from centers.verification import Report

_COPY = re.compile(rb'COPY "?(\w+)"?\."?(\w+)"? \((.*)\) FROM stdin;\n')
_TRIGGER = re.compile(
    rb"CREATE TRIGGER \w+ AFTER .* ON (\w+)\.(\w+) FOR EACH ROW"
    rb" EXECUTE FUNCTION audit\.write_event\('(\w+)', '\w+', '\w+', '\{([\w,]*)\}'\);"
)
_DISABLED = re.compile(rb"ALTER TABLE (\w+)\.(\w+) DISABLE TRIGGER audit;")
Name = tuple[str, str]


class UnreadableDump(Exception):
    """The file is no plain dump of a registry; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class _Block:
    """Where the rows of a table begin in the file (bytes), and their columns."""

    columns: tuple[str, ...]
    offset: int


class DumpSource:
    """Reads a dump. Raises UnreadableDump when it has no audit trail."""

    cluster: int | None = None
    now: datetime | None = None

    def __init__(self, path: Path) -> None:
        self._path = path
        self._blocks: dict[Name, _Block] = {}
        self._tables: dict[Name, AuditedTable] = {}
        off: set[Name] = set()
        with path.open("rb") as file:
            while line := file.readline():
                self._note(line, file, off)
        for name in off & set(self._tables):
            table = self._tables[name]
            self._tables[name] = AuditedTable(
                table.schema, table.name, table.key, table.left_out, is_on=False
            )
        for name in (("audit", "event"), ("audit", "seal")):
            if name not in self._blocks:
                raise UnreadableDump(
                    f"{path} has no rows of {'.'.join(name)}. Give a plain dump (pg_dump without"
                    " --format and --inserts), or one of verify_audit --export-dump."
                )

    def seals(self) -> Iterator[Fields]:
        """All seals."""
        return self._fields(("audit", "seal"), SEAL_COLUMNS)

    def events(self) -> Iterator[Fields]:
        """All events, as they lie."""
        return self._fields(("audit", "event"), EVENT_COLUMNS)

    def check_rows(self, report: Report) -> None:
        """Compare the rows of every audited table with their events."""
        if not self._tables:
            report.notes.append("This dump has no triggers: rows were not compared with events.")
            return
        try:
            self._check_rows(report)
        except ValueError:
            # Not JSON, no number, no UTF-8: the event's hash says which.
            report.add("row", "the comparison of rows ended at one that cannot be read")

    def _check_rows(self, report: Report) -> None:
        by_name = {table.name: table for table in self._tables.values()}
        last, without_trigger = self._follow(by_name, report)
        for name in sorted(without_trigger & {name for _, name in self._blocks}):
            report.add("trigger", f"{name}: has events, but no audit trigger")
        for table in self._tables.values():
            report.tables += 1
            check_trigger(report, table)
            self._compare(table, last, report)
        for (name, key), after in last.items():
            if after is not None and name in by_name:
                check_row(report, by_name[name], key, load(after), None)

    def _compare(
        self, table: AuditedTable, last: dict[tuple[str, int], bytes | None], report: Report
    ) -> None:
        """The rows of a table; takes their events out of `last`."""
        block = self._blocks.get((table.schema, table.name))
        if block is None:
            return
        for fields in self._fields((table.schema, table.name), block.columns):
            texts = [None if part == NULL else unescape(part).decode() for part in fields]
            found = dict(zip(block.columns, texts, strict=True))
            key = int(found[table.key] or 0)
            event = load(last.pop((table.name, key), None))
            built_in = BUILT_IN.get((table.name, key))
            if event is None and built_in is not None:
                if any(not same_text(value, found.get(name)) for name, value in built_in.items()):
                    report.add("row", f"{table.name} {key}: is not as the first migration made it")
            elif event is None:
                check_row(report, table, key, None, {})
            elif changed_texts(event, found, table.left_out):
                report.add("row", f"{table.name} {key}: differs from its last event")

    def _follow(
        self, tables: dict[str, AuditedTable], report: Report
    ) -> tuple[dict[tuple[str, int], bytes | None], set[str]]:
        """Each row's last `after`, and tables without trigger that events speak of.

        On the way, each event's `before` is held against the event before it.
        """
        last: dict[tuple[str, int], bytes | None] = {}
        unknown: set[str] = set()
        for fields in self._events_in_order():
            name = fields[8].decode()
            if name not in tables:
                unknown.add(name)
            if name not in tables or fields[9] == NULL:
                continue
            key, place = int(fields[9]), (name, int(fields[9]))
            before, after = (None if f == NULL else unescape(f) for f in fields[11:13])
            known = last.get(place)
            if before != known:
                check_step(report, tables[name], key, int(fields[0]), load(known), load(before))
            last[place] = after
        return last, unknown

    def _events_in_order(self) -> Iterator[Fields]:
        block = self._blocks["audit", "event"]
        ids, offsets = array("q"), array("q")
        pick = self._picker(block, EVENT_COLUMNS)
        with self._path.open("rb") as file:
            offset = block.offset
            for line in self._lines(file, block):
                ids.append(int(pick(line)[0]))
                offsets.append(offset)
                offset += len(line)
            for place in sorted(range(len(ids)), key=ids.__getitem__):
                if file.tell() != offsets[place]:
                    file.seek(offsets[place])
                yield pick(file.readline())

    def _note(self, line: bytes, file: BinaryIO, off: set[Name]) -> None:
        """What a line outside of rows says; passes over the rows of a table."""
        if found := _COPY.fullmatch(line):
            name = (found[1].decode(), found[2].decode())
            columns = tuple(part.strip(' "') for part in found[3].decode().split(","))
            block = self._blocks[name] = _Block(columns, file.tell())
            for _ in self._lines(file, block):
                pass
        elif found := _TRIGGER.match(line):
            schema, table, key, left_out = (part.decode() for part in found.groups())
            names = frozenset(filter(None, left_out.split(",")))
            self._tables[schema, table] = AuditedTable(schema, table, key, names)
        elif found := _DISABLED.match(line):
            off.add((found[1].decode(), found[2].decode()))

    def _lines(self, file: BinaryIO, block: _Block) -> Iterator[bytes]:
        file.seek(block.offset)
        while (line := file.readline()) != b"\\.\n":
            if not line:
                raise UnreadableDump(f"{self._path} ends in the middle of a table.")
            yield line

    def _fields(self, name: Name, columns: tuple[str, ...]) -> Iterator[Fields]:
        block = self._blocks[name]
        pick = self._picker(block, columns)
        with self._path.open("rb") as file:
            yield from map(pick, self._lines(file, block))

    def _picker(self, block: _Block, columns: tuple[str, ...]) -> Callable[[bytes], Fields]:
        """Takes the columns out of a line, in the order asked for."""
        try:
            choose = itemgetter(*(block.columns.index(column) for column in columns))
        except ValueError:
            raise UnreadableDump(f"{self._path} lacks a column of the audit trail.") from None

        def pick(line: bytes) -> Fields:
            fields = line[:-1].split(b"\t")
            if len(fields) != len(block.columns):
                raise UnreadableDump(f"{self._path} has a row with too few or too many columns.")
            chosen: Fields = choose(fields)
            return chosen

        return pick
