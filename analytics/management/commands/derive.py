"""`manage.py derive`: every record's derived row, to check the registry against other implementations."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Iterator
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser, OutputWrapper
from django.db import DatabaseError

from analytics.derivation.engine import current_cutoff
from analytics.management.arguments import FAILURE, add_reading_arguments, worker_alias
from analytics.queries.outcomes import COLUMNS, registry_rows
from centers.access import system_scope
from centers.scope import acting


class Command(BaseCommand):
    """Prints rows sorted by center and record id; stores nothing."""

    help = "Print every record's derived row (docs/derivation.md) as CSV or JSON."
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """--cutoff, --variant, --format."""
        add_reading_arguments(parser)
        parser.add_argument("--format", choices=("csv", "json"), default="csv")

    def handle(self, *_: Any, **options: Any) -> None:
        """Stream the rows to standard output."""
        write = write_csv if options["format"] == "csv" else write_json
        using = worker_alias()
        try:
            with acting(system_scope()):
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
