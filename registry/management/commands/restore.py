"""`manage.py restore BACKUP`: bring a backup back into an empty database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from registry.backups import (
    BackupError,
    key_fingerprint,
    read_manifest,
    restore_backup,
    unpacked_files,
)
from registry.stack import roles


class Command(BaseCommand):
    """Exit status 1 when it is not restored; then nothing is written."""

    help = (
        "Restore a backup into the empty database of DATABASE_OWNER_URL, and the files of exports."
    )
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Which backup."""
        parser.add_argument("backup", type=Path, help="the folder that `backup` wrote")
        parser.add_argument(
            "--another-key",
            action="store_true",
            help="restore although the identifier key is not the one of the backup",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Progress on standard error."""
        folder, url = options["backup"], roles.address("DATABASE_OWNER_URL")
        if not url:
            raise CommandError("Set DATABASE_OWNER_URL: the login that makes tables.")
        try:
            if read_manifest(folder)["identifier_key"] != key_fingerprint():
                self._other_key(options["another_key"])
            with unpacked_files(folder, settings.REGISTRY_EXPORT_DIR):
                restore_backup(folder, url, self.stderr.write)
        except BackupError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{folder.name} is restored. Next: manage.py verify_audit")

    def _other_key(self, accepted: bool) -> None:
        text = "REGISTRY_IDENTIFIER_KEY is not the key of this backup: its identifiers could not be read."
        if not accepted:
            raise CommandError(f"{text} Set that key, or give --another-key.")
        self.stderr.write(text)
