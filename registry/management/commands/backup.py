"""`manage.py backup`: the whole registry into a folder, whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from registry.backups import BackupError, expire
from registry.runs import noted_backup
from registry.stack.paths import default_places


class Command(BaseCommand):
    """Exit status 1 when there is no backup; then nothing is left of it."""

    help = "Back up the database and the files of exports. The identifier key is not in it: keep it apart."
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to, and how many are kept."""
        default = settings.REGISTRY_BACKUP_DIR or str(default_places().data / "backups")
        parser.add_argument("--to", type=Path, default=Path(default), help="default: %(default)s")
        parser.add_argument("--keep", type=int, help="remove all but the newest N afterwards")

    def handle(self, *_: Any, **options: Any) -> None:
        """Progress on standard error, the folder on standard output."""
        try:
            folder = noted_backup(options["to"], self.stderr.write)
        except BackupError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(str(folder))
        if options["keep"]:
            for path in expire(options["to"], options["keep"]):
                self.stderr.write(f"removed {path.name}")
