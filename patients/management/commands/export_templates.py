"""`manage.py export_templates`: an empty import bundle, one CSV file a form with its header."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from patients.importing.templates import header_of
from patients.rules.dictionary import FORMS


class Command(BaseCommand):
    """Exit status: 0 written, 2 the folder cannot be written or has a file of that name already."""

    help = "Write the empty CSV files of an import bundle into a folder."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The folder is made when it does not exist."""
        parser.add_argument("folder", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the files; none that is there is overwritten."""
        folder: Path = options["folder"]
        paths = {form: folder / f"{form}.csv" for form in FORMS}
        if there := [path.name for path in paths.values() if path.exists()]:
            raise CommandError(
                f"Already there: {', '.join(there)}. Name another folder.", returncode=2
            )
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for form, path in paths.items():
                path.write_text(",".join(header_of(FORMS[form])) + "\n", encoding="utf-8")
        except OSError as problem:
            raise CommandError(f"Cannot be written: {problem.strerror}.", returncode=2) from None
        self.stdout.write(f"{len(paths)} files written.")
