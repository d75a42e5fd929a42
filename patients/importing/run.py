"""An import from start to end, in one transaction: read, stage, match, save, all or nothing."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from dataclasses import field as default
from functools import reduce
from itertools import groupby
from operator import or_
from pathlib import Path
from typing import Final

from django.db import IntegrityError, connection, reset_queries, transaction
from django.db.models import Q

from centers.access import Scope, acting, system_scope
from centers.audit import EventKind, record_event, record_events
from centers.models import SYSTEM_USER_ID, Center
from patients.actions.pending import RETRACTED
from patients.actions.records import RecordChange, Refused, save_records
from patients.importing.bundle import open_bundle, open_upload
from patients.importing.centers import CenterGate
from patients.importing.columns import Columns, renamed
from patients.importing.findings import FindingLog, ImportFinding
from patients.importing.matching import BundleRow, Match, Origin, match_record
from patients.importing.report import ImportResult
from patients.importing.sources import Table
from patients.importing.staging import MAX_RECORD_ROWS, StagedRecord, StagedRow, Staging
from patients.importing.tables import CellReader, Header, read_header, read_rows
from patients.importing.watching import Watcher
from patients.models import PatientIdentity, RecordVersion
from patients.queries.records import load_records
from patients.rules.dictionary import CENTERS, PATIENTS, RECORD_FORMS
from patients.rules.record import Finding, RecordState
from patients.rules.values import Value

# One import at a time: the second waits. Any constant that nobody else uses.
IMPORT_LOCK: Final = 4_937_122_001
_SECONDS_BETWEEN: Final = 1.0
STATUS: Final = "status"  # the column that says whether a row is retracted
_KEYS: Final = frozenset(("center", "record_id", "row_id", STATUS))


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What to import: `center` is the code of the only center allowed, None for all.

    `bundle` is a path (of command-line work alone) or the content of an upload, whose files and
    columns may be called as `columns` tells.
    """

    bundle: Path | bytes
    center: str | None = None
    create_centers: bool = False
    reason: str = ""
    dry_run: bool = False
    columns: Columns = default(default_factory=Columns)


def import_bundle(
    *,
    actor: Scope,
    options: ImportOptions,
    progress: Callable[[str], None],
    watcher: Watcher | None = None,
) -> ImportResult:
    """Import a bundle, all or nothing; faults are in the result's log. `watcher` looks on.

    Raises BundleError when there is no bundle, and what the database raises when it fails.
    """
    job = _Import(actor, options, progress, watcher or Watcher())
    with (
        _opened(options, job.log) as tables,
        acting(actor),
        transaction.atomic(),
    ):
        job.run(tables)
        job.result.written = job.result.changes and not (options.dry_run or job.log.refused)
        if not job.result.written:
            transaction.set_rollback(True)
    return job.result


def _opened(options: ImportOptions, log: FindingLog) -> AbstractContextManager[list[Table]]:
    if isinstance(options.bundle, bytes):
        return open_upload(options.bundle, options.columns.names, log)
    return open_bundle(options.bundle, log)


class _Import:
    """The state of one import; everything that grows with the bundle is in the staging table."""

    def __init__(
        self,
        actor: Scope,
        options: ImportOptions,
        progress: Callable[[str], None],
        watcher: Watcher,
    ) -> None:
        self.watcher = watcher
        self.actor = actor
        self.options = options
        self.log = FindingLog()
        self.result = ImportResult(self.log, dry_run=options.dry_run)
        self.reader = CellReader()
        self.headers: dict[int, Header] = {}
        self.gate = CenterGate(actor, options.center, options.create_centers, self.log)
        self._records_written: Counter[int] = Counter()
        self._progress = progress
        self._told = time.monotonic()

    def run(self, tables: Sequence[Table]) -> None:
        """Everything inside the transaction."""
        self._take_turn()
        if self.actor.actor_id == SYSTEM_USER_ID:
            # Another import may have made centers while this one waited.
            self.actor = replace(system_scope(), request_id=self.actor.request_id)
        with acting(self.actor):
            self._run(tables)

    def _run(self, tables: Sequence[Table]) -> None:
        self.gate.actor = self.actor
        self.gate.ids.update(Center.objects.values_list("code", "id"))
        for table in tables:
            if table.form is CENTERS:
                self.gate.read(table, self.reader)
        staging = Staging()
        self.result.rows_read = staging.fill(self._staged(tables))
        self._tell(f"{self.result.rows_read:,} rows read", always=True)
        if self.log.blocked:
            return
        self.watcher.begin(self.log)
        staging.link()
        scope = self.gate.settle(self.options.reason)
        self.result.centers = self.gate.tally
        if self.log.blocked:
            return
        with acting(scope):
            self._save_all(staging, scope)
            if self.result.changes and not self.log.refused:
                kinds = Counter(
                    {k: n for (_, k), n in self.result.rows.items() if k != "unchanged"}
                )
                record_event(
                    EventKind.IMPORT, {"records": dict(self.result.records), "rows": kinds.total()}
                )
                # Each center's reviewers see theirs alone.
                records = self._records_written.items()
                record_events(EventKind.IMPORT, {key: {"records": n} for key, n in records})

    def _take_turn(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("select pg_try_advisory_xact_lock(%s)", [IMPORT_LOCK])
            if not cursor.fetchone()[0]:
                self._tell("another import is running: waiting for it", always=True)
                cursor.execute("select pg_advisory_xact_lock(%s)", [IMPORT_LOCK])

    def _staged(self, tables: Sequence[Table]) -> Iterator[StagedRow]:
        for place, form in enumerate(RECORD_FORMS):
            for table in tables:
                if table.form is form:
                    yield from self._staged_table(place, renamed(table, self.options.columns))

    def _staged_table(self, place: int, table: Table) -> Iterator[StagedRow]:
        rows = table.rows(self.log)
        header = read_header(table, next(rows, None), self.log)
        if header is None:
            return
        self.headers[place] = header
        names = [field.name for field in header.fields]
        link_at = names.index("same_person_as") if "same_person_as" in names else None
        checked = read_rows(header, table, rows, self.reader, self.log, self.gate.problem)
        for count, (line, center, record_id, cells) in enumerate(checked, start=1):
            linked = cells[link_at].strip() if cells and link_at is not None else ""
            yield StagedRow(place, line, center, record_id, linked or None, cells)
            if count % 1_000 == 0:
                self._tell(f"{table.label}: {count:,} rows read")

    def _save_all(self, staging: Staging, scope: Scope) -> None:
        total, done = staging.record_count(), 0
        for chunk in staging.chunks():
            self._save_chunk(chunk, scope)
            done += len(chunk)
            # With DEBUG Django keeps the text of every statement.
            reset_queries()
            self._tell(f"{done:,} of {total:,} records", always=done == total)

    def _save_chunk(self, chunk: Sequence[StagedRecord], scope: Scope) -> None:
        ids = self._saved_ids(chunk)
        states = load_records(list(ids.values()))
        changes: list[RecordChange] = []
        for _, records in groupby(chunk, key=lambda record: (record.center, record.group)):
            group: list[RecordChange] = []
            refused = False
            for record in records:
                patient_id = ids.get((self.gate.ids.get(record.center, 0), record.record_id))
                existing = states.get(patient_id or 0)
                rows = self._rows(record)
                match = self._match(rows, existing)
                self.watcher.matched(record, rows, match, existing)
                refused = refused or match.refused
                if match.changes:
                    center_id = self.gate.ids[record.center]
                    group.append(RecordChange(center_id, patient_id, match.changes))
            # A person's records stand or fall together: one may name the other.
            if not refused:
                changes += group
        if changes:
            self._save(changes, scope, states)
        self.watcher.chunk_done()

    def _saved_ids(self, chunk: Sequence[StagedRecord]) -> dict[tuple[int, str], int]:
        """The saved records of the chunk, locked against other writers until the end."""
        by_center: dict[int, list[str]] = {}
        for record in chunk:
            center_id = self.gate.ids.get(record.center)
            if center_id is not None:
                by_center.setdefault(center_id, []).append(record.record_id)
        if not by_center:
            return {}
        wanted = reduce(
            or_, (Q(center_id=c, record_id__in=names) for c, names in by_center.items())
        )
        found = {
            (center, name): patient
            for center, name, patient in PatientIdentity.objects.filter(wanted).values_list(
                "center_id", "record_id", "patient_id"
            )
        }
        locks = RecordVersion.objects.select_for_update().filter(patient_id__in=found.values())
        self.watcher.found(dict(locks.order_by("patient_id").values_list("patient_id", "version")))
        return found

    def _rows(self, record: StagedRecord) -> list[BundleRow] | None:
        """The record's rows, read; None when one of them was refused or there are too many."""
        if record.overflow:
            row = record.rows[-1]
            message = f"The record has more than {MAX_RECORD_ROWS} rows. Check its record ID."
            label = self.headers[row.form].label
            self.log.hard(label, row.line, "record_id", "record.too_large", message)
        if record.overflow or any(row.cells is None for row in record.rows):
            return None
        return [self._parsed(row) for row in record.rows]

    def _match(self, rows: Sequence[BundleRow] | None, existing: RecordState | None) -> Match:
        """Match one record and count it; a record with a refused row is not looked at further."""
        if rows is None:
            return Match(refused=True)
        match = match_record(rows, existing, self.log)
        if not match.refused:
            kind = "new" if existing is None else "changed" if match.changes else "unchanged"
            self.result.records[kind] += 1
            self.result.rows += match.tally
        return match

    def _parsed(self, row: StagedRow) -> BundleRow:
        header = self.headers[row.form]
        read = self.reader.read
        values: dict[str, Value] = {}
        keys: dict[str, str] = {}
        for field, cell in zip(header.fields, row.cells or (), strict=True):
            if field.name in _KEYS:
                keys[field.name] = cell.strip()
            else:
                values[field.name] = read(field, cell)
        if header.form is PATIENTS:
            values["record_id"] = row.record_id
        return BundleRow(
            header.form,
            Origin(header.label, row.line),
            values,
            int(keys["row_id"]) if keys.get("row_id") else None,
            keys.get(STATUS) == RETRACTED,
        )

    def _save(
        self, changes: list[RecordChange], scope: Scope, states: dict[int, RecordState]
    ) -> None:
        self.watcher.saving(changes)
        try:
            saved = save_records(actor=scope, changes=changes, reason=self.options.reason)
        except Refused as refused:
            self._report(refused.findings, changes, states)
        except IntegrityError:
            # Its text holds values of the row.
            message = "The database refused records of this bundle: others changed the same data."
            self.log.hard("bundle", None, "", "database.refused", f"{message} Import it again.")
        else:
            self._records_written.update(change.center_id for change in changes)
            self.watcher.saved(changes, saved, states)
            self._report([f for record in saved for f in record.soft], changes, states)

    def _report(
        self,
        findings: Sequence[Finding],
        changes: Sequence[RecordChange],
        states: dict[int, RecordState],
    ) -> None:
        """Log findings where the bundle has their row, else at the record's first row in it."""
        firsts = {c.patient_id: c.rows[0].source for c in changes if c.patient_id is not None}
        owners: dict[tuple[str, int | None], int] = {}
        if any(not isinstance(finding.row.source, Origin) for finding in findings):
            for patient_id in firsts:
                state = states[patient_id]
                owners["patients", state.patient.id] = patient_id
                for form, rows in state.rows.items():
                    owners.update({(form, row.id): patient_id for row in rows})
        for finding in findings:
            origin, note = finding.row.source, ""
            if not isinstance(origin, Origin):
                owner = owners.get((finding.form, finding.row.id))
                origin = firsts.get(owner) if owner is not None else None
                note = f" (In {finding.form} as saved before.)"
            file, line = origin if isinstance(origin, Origin) else (finding.form, None)
            self.log.add(
                ImportFinding(
                    file,
                    line,
                    STATUS if finding.field == RETRACTED else finding.field,
                    finding.check,
                    finding.severity,
                    finding.message + note,
                )
            )

    def _tell(self, text: str, *, always: bool = False) -> None:
        now = time.monotonic()
        if always or now - self._told >= _SECONDS_BETWEEN:
            self._told = now
            self._progress(text)
