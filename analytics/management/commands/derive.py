"""`manage.py derive`: every record's derived row, to check the registry against other implementations."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser, OutputWrapper
from django.db import DatabaseError

from analytics.derivation.engine import current_cutoff
from analytics.management.arguments import FAILURE, add_reading_arguments, moment, worker_alias
from analytics.queries.known import NotSealed, known_at, seal_before
from analytics.queries.outcomes import COLUMNS, registry_rows
from centers.access import system_scope
from centers.scope import acting


class Command(BaseCommand):
    """Prints rows sorted by center and record id; stores nothing."""

    help = "Print every record's derived row (docs/derivation.md) as CSV or JSON."
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """--cutoff, --variant, --as-of, --format."""
        add_reading_arguments(parser)
        parser.add_argument(
            "--as-of",
            type=moment,
            metavar="T",
            help="as known then: a time such as 2026-03-01T12:00:00Z (the last seal before it), or a seal's number",
        )
        parser.add_argument("--format", choices=("csv", "json"), default="csv")

    def handle(self, *_: Any, **options: Any) -> None:
        """Stream the rows to standard output."""
        write = write_csv if options["format"] == "csv" else write_json
        using = worker_alias()
        try:
            with acting(system_scope()), _known(options["as_of"], using):
                rows = registry_rows(
                    options["cutoff"] or current_cutoff(), options["variant"], using
                )
                write(self.stdout, rows)
        except BrokenPipeError:
            # Whoever reads has seen enough, as with `derive | head`; nothing is left to flush.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except DatabaseError as error:
            raise CommandError(
                f"The database refused ({type(error).__name__}); is it running and migrated?",
                returncode=FAILURE,
            ) from error


@contextmanager
def _known(as_of: datetime | int | None, using: str) -> Iterator[None]:
    """Nothing, or the registry as it was known at the moment."""
    if as_of is None:
        yield
        return
    try:
        seal = seal_before(as_of, using)
    except NotSealed:
        raise CommandError(
            "Nothing was sealed by then. Name a later moment; while `manage.py up` runs, changes are"
            " sealed within a minute.",
            returncode=FAILURE,
        ) from None
    with known_at(seal, using):
        yield


def cell(value: Any) -> Any:
    """A value as a CSV cell: flags joined by `;`, nothing as an empty cell."""
    if isinstance(value, list):
        return ";".join(value)
    return "" if value is None else value


def write_csv(out: OutputWrapper, rows: Iterator[tuple[Any, ...]]) -> None:
    """One header and one line a record, ended by LF."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([cell(value) for value in row] for row in rows)


def write_json(out: OutputWrapper, rows: Iterator[tuple[Any, ...]]) -> None:
    """An array with one object a line, keys in the order of COLUMNS, flags as an array."""
    out.write("[", ending="")
    for number, row in enumerate(rows):
        values = (v.isoformat() if isinstance(v, date) else v for v in row)
        text = json.dumps(dict(zip(COLUMNS, values, strict=True)), ensure_ascii=False)
        out.write(f"{',' if number else ''}\n{text}", ending="")
    out.write("\n]")
