"""`manage.py rotate_identifier_key`: from REGISTRY_IDENTIFIER_KEY to REGISTRY_IDENTIFIER_KEY_NEW."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from centers.access import system_scope
from patients.actions.key_rotation import BATCH, NoNewKey, Rotation, rotate_identifier_key

NEXT = (
    "Now set REGISTRY_IDENTIFIER_KEY to the value of REGISTRY_IDENTIFIER_KEY_NEW, unset"
    " REGISTRY_IDENTIFIER_KEY_NEW, and restart every process. Keep the old key, apart from the"
    " database, as long as you keep backups from before: only it opens the identifiers in them."
)
AGAIN = (
    "Either a process still runs without REGISTRY_IDENTIFIER_KEY_NEW: restart it and run this"
    " again. Or no key that is set opens them. Keep both keys set."
)


class Command(BaseCommand):
    """Exit status 0: complete; 1: keys are left; 2: there is no new key. Safe to run again."""

    help = (
        "Wrap the keys of the identifiers with REGISTRY_IDENTIFIER_KEY_NEW; goes on where it ended."
    )
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """How much at once."""
        parser.add_argument(
            "--batch", type=int, default=BATCH, help="keys a transaction (default: %(default)s)"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Progress on standard error; what to set then, on standard output."""
        try:
            rotation = rotate_identifier_key(
                actor=system_scope(), batch=max(options["batch"], 1), progress=self._progress
            )
        except NoNewKey as error:
            raise CommandError(str(error), returncode=2) from error
        self.stdout.write(f"{rotation.rewrapped} keys wrapped anew.")
        self._tell_unreadable(rotation)
        if not rotation.is_complete:
            text = f"Still wrapped with another key: {rotation.left}. {AGAIN}"
            raise CommandError(text, returncode=1)
        self.stdout.write(NEXT)

    def _tell_unreadable(self, rotation: Rotation) -> None:
        if rotation.is_index_unreadable:
            self.stdout.write("The key of the blind index cannot be opened.")
        if rotation.unreadable:
            first = ", ".join(map(str, rotation.unreadable[:20]))
            more = f" and {len(rotation.unreadable) - 20} more" * (len(rotation.unreadable) > 20)
            self.stdout.write(f"Keys that cannot be opened, of the records with id {first}{more}.")

    def _progress(self, done: int) -> None:
        self.stderr.write(f"{done} keys", self.style.HTTP_INFO)
