"""`manage.py verify_audit`: is the audit trail what was written, and do the rows agree with it?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connections

from centers.anchors import UnreadableAnchor, read_anchors
from centers.audit_dump import DumpSource, UnreadableDump
from centers.audit_live import LiveSource, reading
from centers.verification import UNSEALED_LIMIT, Anchor, Report, Source, verify

FOUND, NOT_VERIFIED = 1, 2
READER_NEEDED = (
    "The live database is verified by a login that sees every row: set DATABASE_AUDITOR_URL (or"
    " DATABASE_OWNER_URL), or give a dump with --dump FILE."
)
ROWS_HIDDEN = (
    "Row-level security may hide rows of {} from this login: verify with DATABASE_OWNER_URL alone."
)


class Command(BaseCommand):
    """Exit status 0: nothing found; 1: something found; 2: it could not be verified."""

    help = "Verify the audit trail of the live database or of a plain dump, and rows against it."
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """What to verify, and against what."""
        parser.add_argument(
            "--dump", metavar="FILE", type=Path, help="a plain dump in place of the live database"
        )
        parser.add_argument(
            "--anchor", metavar="FILE", type=Path, help="anchors written by audit_anchor"
        )
        parser.add_argument(
            "--export-dump",
            metavar="FILE",
            type=Path,
            help="write such a dump, verify nothing; it holds clinical data",
        )
        parser.add_argument(
            "--max-unsealed",
            metavar="SECONDS",
            type=int,
            default=int(UNSEALED_LIMIT.total_seconds()),
            help="longest time that an event may wait for its seal (default: %(default)s)",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Progress on standard error, the report on standard output."""
        limit = timedelta(seconds=options["max_unsealed"])
        try:
            if path := options["export_dump"]:
                self._export(path)
                return
            anchors = read_anchors(options["anchor"]) if options["anchor"] else []
            with _source(options["dump"]) as source:
                report = verify(source, anchors, self._progress, limit)
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}.", returncode=2) from error
        except (UnreadableDump, UnreadableAnchor) as error:
            raise CommandError(str(error), returncode=NOT_VERIFIED) from error
        except DatabaseError as error:
            text = f"The database could not be read ({type(error).__name__})."
            raise CommandError(text, returncode=NOT_VERIFIED) from error
        self._print(report, anchors)
        if report.findings:
            text = f"{report.counts.total()} findings: the trail or the rows are not as written."
            raise CommandError(text, returncode=FOUND)

    def _export(self, path: Path) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file, _live() as source:
            source.export(file)
        self.stdout.write(f"{path} holds the audit trail and the audited tables.")

    def _progress(self, events: int) -> None:
        self.stderr.write(f"{events} events", self.style.HTTP_INFO)

    def _print(self, report: Report, anchors: list[Anchor]) -> None:
        for finding in report.findings:
            self.stdout.write(f"{finding.kind}: {finding.text}")
        for kind, count in report.counts.items():
            kept = sum(finding.kind == kind for finding in report.findings)
            if count > kept:
                self.stdout.write(f"{kind}: and {count - kept} more")
        for note in report.notes:
            self.stdout.write(note)
        rate = report.events / max(report.seconds, 1e-9)
        self.stdout.write(
            f"{report.events} events in {report.seals} seals verified in {report.seconds:.1f} s"
            f" ({rate:.0f} events/s); {report.tables} tables compared; {len(anchors)} anchors."
        )
        if report.unsealed:
            self.stdout.write(
                f"{report.unsealed} events are not sealed yet, the oldest for"
                f" {report.oldest_unsealed.total_seconds():.0f} s."
            )


@contextmanager
def _source(dump: Path | None) -> Iterator[Source]:
    if dump:
        yield DumpSource(dump)
    else:
        with _live() as source:
            yield source


@contextmanager
def _live() -> Iterator[LiveSource]:
    readers = [name for name in ("auditor", "owner") if name in connections]
    if not readers:
        raise CommandError(READER_NEEDED, returncode=NOT_VERIFIED)
    with reading(readers[0]) as source:
        if hidden := source.hidden_tables():
            raise CommandError(ROWS_HIDDEN.format(", ".join(hidden)), returncode=NOT_VERIFIED)
        yield source
