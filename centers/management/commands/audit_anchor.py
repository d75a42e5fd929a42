"""`manage.py audit_anchor`: the head of the audit chain, to be kept outside of the database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from centers.anchors import add_anchor, anchor_line
from centers.sealing import head, seal_events


class Command(BaseCommand):
    """Seals what is new, then prints the head; with --write also appends it to a file."""

    help = "Print the head of the audit chain; --write FILE appends it as an anchor."
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to."""
        parser.add_argument(
            "--write", metavar="FILE", type=Path, help="append the anchor to this file"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Exit status 2 when there is nothing to anchor or the file cannot be written."""
        seal_events()
        found = head()
        if found is None:
            raise CommandError("There is no audit event yet.", returncode=2)
        if path := options["write"]:
            try:
                add_anchor(path, found)
            except OSError as error:
                raise CommandError(f"{path}: {error.strerror}.", returncode=2) from error
        self.stdout.write(anchor_line(found))
