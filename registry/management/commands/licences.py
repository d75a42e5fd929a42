"""`manage.py licences`: write docs/licences.md, or say that it is out of date."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from registry.licences import licence_page

PAGE = Path(settings.BASE_DIR) / "docs" / "licences.md"


class Command(BaseCommand):
    """Exit status 1 with `--check` when the page is not what the code says."""

    help = "Write the page of licences of the libraries that run."
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to write, or only compare."""
        parser.add_argument("--check", action="store_true", help="write nothing; compare")
        parser.add_argument("--file", type=Path, default=PAGE, help="the page (default: docs/)")

    def handle(self, *_: Any, **options: Any) -> None:
        """Write or compare the page."""
        file, text = options["file"], licence_page()
        if not options["check"]:
            file.write_text(text, encoding="utf-8")
            self.stdout.write(f"Written: {file}")
        elif not file.exists() or file.read_text(encoding="utf-8") != text:
            raise CommandError(f"{file.name} is out of date: run manage.py licences.")
