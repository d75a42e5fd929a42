"""`manage.py index_persons`: the index of persons of records that were saved before there was one."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from centers.access import system_scope
from patients.actions.person_indexing import BATCH, index_persons


class Command(BaseCommand):
    """Exit status 0. Safe to run again, beside running work."""

    help = "Fill the index by which data managers find one person's records of two centers."

    def add_arguments(self, parser: CommandParser) -> None:
        """How much at once."""
        parser.add_argument(
            "--batch", type=int, default=BATCH, help="records a transaction (default: %(default)s)"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Progress on standard error, the number on standard output."""
        done = 0
        for done in index_persons(actor=system_scope(), batch=max(options["batch"], 1)):
            self.stderr.write(f"{done} records", self.style.HTTP_INFO)
        self.stdout.write(f"{done} records indexed.")
