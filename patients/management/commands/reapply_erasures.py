"""`manage.py reapply_erasures`: erase again after a restored backup brought identifiers back."""

from __future__ import annotations

import json
import uuid
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from centers.access import acting, system_scope
from patients.actions.erasure import Listed, reapply_erasures
from patients.models import Erasure

USAGE = 2


class Command(BaseCommand):
    """Exit status 0: all records on the lists are erased; 2: the list cannot be read or written."""

    help = (
        "Erase the identifiers of records on the list again; --write FILE keeps the list apart from"
        " the database. It names records by their public id and holds no identifier."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """A list to read, or to write."""
        parser.add_argument("file", nargs="?", type=Path, help="a list that --write has made")
        parser.add_argument("--write", type=Path, metavar="FILE", help="write the list and end")

    def handle(self, *_: Any, **options: Any) -> None:
        """Write the list, or erase what it and the database name."""
        try:
            if options["write"]:
                self._write(options["write"])
                return
            listed = _read(options["file"]) if options["file"] else []
        except OSError as problem:
            raise CommandError(f"The list: {problem.strerror}.", returncode=USAGE) from None
        done = reapply_erasures(actor=system_scope(), listed=listed)
        self.stdout.write(f"{done.erased} erased, {done.unchanged} were erased already.")
        if done.unknown:
            self.stdout.write(
                f"Not in this database (the backup is older): {', '.join(done.unknown)}."
            )

    def _write(self, path: Path) -> None:
        with acting(system_scope()), transaction.atomic():
            rows = list(
                Erasure.objects.order_by("erased_at", "patient_id").values_list(
                    "patient__public_id", "requested_on"
                )
            )
        lines = [json.dumps({"record": str(r), "requested_on": f"{day}"}) + "\n" for r, day in rows]
        # Whole or not at all: a broken list would lose erasures.
        half = path.with_name(f"{path.name}.part")
        half.write_text("".join(lines), encoding="utf-8")
        half.replace(path)
        self.stdout.write(f"{len(rows)} erasures written.")


def _read(path: Path) -> list[Listed]:
    listed = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            entry = json.loads(line)
            record = str(uuid.UUID(entry["record"]))
            listed.append(Listed(record, date.fromisoformat(entry["requested_on"])))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise CommandError(
                f"Line {number} is no line of such a list.", returncode=USAGE
            ) from None
    return listed
