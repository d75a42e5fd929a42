"""The audit trail checked from outside: every hash, every tree, the chain, and what should be there.

It shares no code with the functions that wrote the trail, so an error or a change there shows here.
Findings name tables, row ids, event ids and seals, never a value. No framework in here.
"""

from __future__ import annotations

import re
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice, pairwise
from typing import Final, Protocol

from centers.audit_format import (
    Fields,
    Seal,
    leaf,
    merkle_root,
    moment,
    read_seal,
    row_hash,
    seal_hash,
)

# Of one kind so many findings are kept; the others are counted.
KEPT_OF_A_KIND: Final = 50
PROGRESS_EVENTS: Final = 100_000
UNSEALED_LIMIT: Final = timedelta(minutes=10)
_NAME = re.compile(r"[a-z_0-9]{1,63}")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it was written."""

    kind: str
    text: str


@dataclass
class Report:
    """What a verification found. `seconds` is the time that the events took, rows not counted."""

    events: int = 0
    seals: int = 0
    unsealed: int = 0
    oldest_unsealed: timedelta = timedelta()
    tables: int = 0
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, text: str, count: int = 1) -> None:
        """Count a finding, and keep it while there are few of its kind."""
        if self.counts[kind] < KEPT_OF_A_KIND:
            self.findings.append(Finding(kind, text))
        self.counts[kind] += count


@dataclass(frozen=True, slots=True)
class Anchor:
    """A chain's head as written down elsewhere: seal, its hash, events sealed up to it."""

    number: int
    hash: str
    events: int


class Source(Protocol):
    """A live database or a dump: one state of it, whatever is written meanwhile."""

    # The running cluster and its time; None where the state is only a copy.
    cluster: int | None
    now: datetime | None

    def seals(self) -> Iterator[Fields]:
        """All seals, columns as SEAL_COLUMNS."""

    def events(self) -> Iterator[Fields]:
        """All events in any order, columns as EVENT_COLUMNS."""

    def check_rows(self, report: Report) -> None:
        """Compare the rows of every audited table with their events."""


def check_chain(seals: Sequence[Seal], report: Report) -> None:
    """Each seal's own hash, its place in the chain, and that what it says of itself agrees."""
    previous = ""
    for place, seal in enumerate(seals, start=1):
        name = f"seal {seal.number}"
        if seal.number != place:
            report.add("seal", f"{name}: stands where seal {place} should stand")
        if seal_hash(seal) != seal.hash:
            report.add("seal", f"{name}: its hash does not fit its content")
        if seal.previous_hash != previous:
            report.add("seal", f"{name}: does not continue the seal before it")
        ends = (seal.ranges[0][0], seal.ranges[-1][1]) if seal.ranges else (None, None)
        if (seal.first, seal.last) != ends or seal.events != _size(seal):
            report.add("seal", f"{name}: its counts do not fit its events")
        previous = seal.hash


def check_anchors(seals: Sequence[Seal], anchors: Iterable[Anchor], report: Report) -> None:
    """What was written down elsewhere must still be in the chain."""
    events = 0
    known: dict[int, tuple[str, int]] = {}
    for seal in seals:
        events += seal.events
        known[seal.number] = (seal.hash, events)
    for anchor in anchors:
        if anchor.number not in known:
            report.add("anchor", f"seal {anchor.number}: is in the anchor, but no longer here")
        elif known[anchor.number] != (anchor.hash, anchor.events):
            report.add("anchor", f"seal {anchor.number}: is another one than in the anchor")


class EventCheck:
    """Checks events in whatever order they come; holds only what seals not yet complete need."""

    def __init__(self, seals: Sequence[Seal], cluster: int | None, report: Report) -> None:
        self._report = report
        self._seals = seals
        self._spans = sorted(
            (low, high, place) for place, seal in enumerate(seals) for low, high in seal.ranges
        )
        self._starts = [span[0] for span in self._spans]
        self._span = (0, -1, -1)
        self._open: dict[int, list[tuple[int, int, bytes]]] = {}
        self._left = [_size(seal) for seal in seals]
        self._highest = max((high for _, high, _ in self._spans), default=0)
        self._horizon = seals[-1].horizon if seals else 0
        # Transaction ids compare within one cluster; a copy is taken for one of the last seal's.
        self._is_current = bool(seals) and cluster in (None, seals[-1].cluster)
        self.oldest_unsealed: datetime | None = None
        self.newest: datetime | None = None
        for (_, end, _), (start, _, place) in pairwise(self._spans):
            if start <= end:
                report.add("seal", f"seal {seals[place].number}: names events of another seal")

    def feed(self, fields: Fields) -> None:
        """One event (EVENT_COLUMNS)."""
        self._report.events += 1
        try:
            event_id, xact, at = int(fields[0]), int(fields[1]), moment(fields[3])
            content = row_hash(fields, at)
            entry = (xact, event_id, leaf(event_id, xact, content))
        except (ValueError, OverflowError):
            self._report.add("event", f"{_named(fields)}: cannot be read")
            return
        if fields[2] != b"\\\\x" + content.hex().encode():
            self._report.add("event", f"{_named(fields)}: its hash does not fit its content")
        place = self._place(event_id)
        if place < 0:
            self._unsealed(fields, event_id, xact, at)
        elif not self._left[place]:
            self._report.add("extra", f"{_named(fields)}: is there twice")
        else:
            self._left[place] -= 1
            self._open.setdefault(place, []).append(entry)
            if not self._left[place]:
                self._close(place)

    def finish(self) -> None:
        """After the last event: seals that are not complete."""
        for place, seal in enumerate(self._seals):
            if self._left[place] or not seal.ranges:
                self._close(place)

    def _place(self, event_id: int) -> int:
        """The place of the seal that names the event, or -1."""
        if not self._span[0] <= event_id <= self._span[1]:
            found = bisect_right(self._starts, event_id) - 1
            if found < 0 or event_id > self._spans[found][1]:
                return -1
            self._span = self._spans[found]
        return self._span[2]

    def _close(self, place: int) -> None:
        seal, entries = self._seals[place], self._open.pop(place, [])
        there = {event_id for _, event_id, _ in entries}
        gone = (i for low, high in seal.ranges for i in range(low, high + 1) if i not in there)
        missing = _size(seal) - len(there)
        for event_id in islice(gone, min(missing, KEPT_OF_A_KIND)):
            self._report.add("missing", f"event {event_id} of seal {seal.number}: is missing")
        if missing > KEPT_OF_A_KIND:
            self._report.counts["missing"] += missing - KEPT_OF_A_KIND
        leaves = [content for _, _, content in sorted(entries)]
        if merkle_root(leaves).hex() != seal.merkle_root:
            span = f" (events {seal.first} to {seal.last})" if seal.ranges else ""
            text = f"seal {seal.number}{span}: its events are not those that were sealed"
            self._report.add("content", text)

    def _unsealed(self, fields: Fields, event_id: int, xact: int, at: datetime) -> None:
        if xact < self._horizon and (self._is_current or event_id < self._highest):
            self._report.add("extra", f"{_named(fields)}: was inserted among sealed events")
            return
        self._report.unsealed += 1
        self.oldest_unsealed = min(self.oldest_unsealed or at, at)
        self.newest = max(self.newest or at, at)


def verify(
    source: Source,
    anchors: Iterable[Anchor] = (),
    progress: Callable[[int], None] = lambda _: None,
    unsealed_limit: timedelta = UNSEALED_LIMIT,
) -> Report:
    """Check everything; `progress` hears of every 100,000 events."""
    report, began = Report(), time.perf_counter()
    seals = _read_seals(source, report)
    check_chain(seals, report)
    check_anchors(seals, anchors, report)
    check = EventCheck(seals, source.cluster, report)
    for fields in source.events():
        check.feed(fields)
        if report.events % PROGRESS_EVENTS == 0:
            progress(report.events)
    check.finish()
    report.seconds = time.perf_counter() - began
    _check_unsealed(source, seals, check, report, unsealed_limit)
    source.check_rows(report)
    return report


def _read_seals(source: Source, report: Report) -> list[Seal]:
    seals = []
    for fields in source.seals():
        report.seals += 1
        try:
            seals.append(read_seal(fields))
        except ValueError:
            report.add("seal", f"seal {fields[0].decode(errors='replace')}: cannot be read")
    return sorted(seals, key=lambda seal: seal.number)


def _check_unsealed(
    source: Source, seals: Sequence[Seal], check: EventCheck, report: Report, limit: timedelta
) -> None:
    """How long the oldest unsealed event has waited; in a copy, up to the newest time in it."""
    if check.oldest_unsealed is None or check.newest is None:
        return
    sealed = seals[-1].sealed_at if seals else check.newest
    now = source.now or max(check.newest, sealed)
    report.oldest_unsealed = max(now - check.oldest_unsealed, timedelta())
    if report.oldest_unsealed > limit:
        report.add(
            "unsealed",
            f"{report.unsealed} events are not sealed, the oldest for"
            f" {report.oldest_unsealed.total_seconds():.0f} seconds: does the sealing job run?",
        )


def _size(seal: Seal) -> int:
    return sum(high - low + 1 for low, high in seal.ranges)


def _named(fields: Fields) -> str:
    """An event by its id, table and row: nothing else of it may be printed."""
    event_id, table, row = (fields[i].decode(errors="replace") for i in (0, 8, 9))
    about = f" ({table} {row})" if _NAME.fullmatch(table) and row.isdigit() else ""
    return f"event {event_id if event_id.isdigit() else '?'}{about}"
