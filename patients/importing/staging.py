"""The staging table: all rows of a bundle in the database, so that none need to fit in memory.

A temporary table of the transaction: rows go in by COPY in the order of the files and come out by
record, a page at a time. It is the session's own, out of reach of others, and gone at its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final, NamedTuple

from django.db import connections

# Stands between cells; cells hold no control characters.
_CELL_END: Final = "\x1f"
_PAGE: Final = 2_000
CHUNK_RECORDS: Final = 300
CHUNK_ROWS: Final = 6_000
# A record of 40 years of monthly contacts has some 600 rows.
MAX_RECORD_ROWS: Final = 5_000
# Persons have as many records as diseases; longer chains are no persons.
_LINK_ROUNDS: Final = 8


class StagedRow(NamedTuple):
    """One row on its way; `cells` is None when a cell was refused, `linked` a same_person_as."""

    form: int
    line: int
    center: str
    record_id: str
    linked: str | None
    cells: list[str] | None


@dataclass(slots=True)
class StagedRecord:
    """All rows of one record in order of form and line; `overflow` when they were too many to keep.

    Records of one person share a `group`; it stays in one chunk, so that links find their target.
    """

    center: str
    record_id: str
    group: str
    rows: list[StagedRow] = field(default_factory=list)
    overflow: bool = False


class Staging:
    """The staging table of one transaction on the given database alias."""

    def __init__(self, using: str = "default") -> None:
        self._connection = connections[using]
        with self._connection.cursor() as cursor:
            cursor.execute(
                'create temporary table import_row (form smallint, line integer, center text collate "C",'
                ' record_id text collate "C", linked text collate "C", cells text) on commit drop'
            )
            cursor.execute(
                'create temporary table import_link (center text collate "C",'
                ' record_id text collate "C", label text collate "C",'
                " primary key (center, record_id)) on commit drop"
            )

    def fill(self, rows: Iterable[StagedRow]) -> int:
        """COPY the rows in; the number of rows."""
        count = 0
        with (
            self._connection.cursor() as cursor,
            cursor.copy(
                "copy import_row (form, line, center, record_id, linked, cells) from stdin"
            ) as copy,
        ):
            for count, row in enumerate(rows, start=1):  # noqa: B007 - counted for the answer
                cells = None if row.cells is None else _CELL_END.join(row.cells)
                copy.write_row((row.form, row.line, row.center, row.record_id, row.linked, cells))
        return count

    def link(self) -> None:
        """Give the records of one person one group: the least record ID among them."""
        with self._connection.cursor() as cursor:
            cursor.execute("analyze import_row")
            cursor.execute(_LINK_NODES)
            for _ in range(_LINK_ROUNDS if cursor.rowcount else 0):
                cursor.execute(_LINK_ROUND)
                if not cursor.rowcount:
                    break

    def record_count(self) -> int:
        """How many records the bundle touches."""
        with self._connection.cursor() as cursor:
            cursor.execute(
                "select count(*) from (select distinct center, record_id from import_row) r"
            )
            return int(cursor.fetchone()[0])

    def chunks(self) -> Iterator[list[StagedRecord]]:
        """Records in the order of the registry, some hundred at a time, groups unbroken."""
        chunk: list[StagedRecord] = []
        rows = 0
        for record in self._records():
            full = len(chunk) >= CHUNK_RECORDS or rows >= CHUNK_ROWS
            apart = chunk and (record.center, record.group) != (chunk[-1].center, chunk[-1].group)
            if full and (apart or len(chunk) >= 4 * CHUNK_RECORDS or rows >= 4 * CHUNK_ROWS):
                yield chunk
                chunk, rows = [], 0
            chunk.append(record)
            rows += len(record.rows)
        if chunk:
            yield chunk

    def _records(self) -> Iterator[StagedRecord]:
        for (center, record_id), rows in groupby(self._rows(), key=lambda row: (row[2], row[3])):
            record: StagedRecord | None = None
            for form, line, _, _, cells, group in rows:
                if record is None:
                    record = StagedRecord(center, record_id, group)
                if len(record.rows) >= MAX_RECORD_ROWS:
                    record.overflow = True
                    continue
                split = None if cells is None else cells.split(_CELL_END)
                record.rows.append(StagedRow(form, line, center, record_id, None, split))
            if record is not None:
                yield record

    def _rows(self) -> Iterator[tuple[int, int, str, str, str | None, str]]:
        with self._connection.chunked_cursor() as cursor:
            cursor.execute(_IN_ORDER)
            while page := cursor.fetchmany(_PAGE):
                yield from page


_LINK_NODES: Final = """
    insert into import_link
    select distinct e.center, e.record_id, e.record_id
    from import_row l
    cross join lateral (values (l.center, l.record_id), (l.center, l.linked)) e (center, record_id)
    where l.linked is not null
"""
_LINK_ROUND: Final = """
    update import_link k set label = n.label
    from (
        select e.center, e.record_id, min(o.label) as label
        from import_row l
        cross join lateral (values (l.center, l.record_id, l.linked), (l.center, l.linked, l.record_id))
            e (center, record_id, other)
        join import_link o on o.center = e.center and o.record_id = e.other
        where l.linked is not null
        group by e.center, e.record_id
    ) n
    where k.center = n.center and k.record_id = n.record_id and n.label < k.label
"""
_IN_ORDER: Final = """
    select r.form, r.line, r.center, r.record_id, r.cells, coalesce(k.label, r.record_id)
    from import_row r
    left join import_link k on k.center = r.center and k.record_id = r.record_id
    order by r.center, coalesce(k.label, r.record_id), r.record_id, r.form, r.line
"""
