"""`manage.py codebook`: the codebook of a release profile, for machines or for people."""

from __future__ import annotations

import json
from typing import Any

from django.core.management import BaseCommand, CommandParser

from analytics.exporting.codebook import codebook, codebook_markdown
from analytics.projects import PROFILES, RESEARCH


class Command(BaseCommand):
    """Prints every column that a profile releases, its unit, codes and origin."""

    help = "Print the codebook of de-identified exports."

    def add_arguments(self, parser: CommandParser) -> None:
        """Profile and format."""
        parser.add_argument("--profile", choices=list(PROFILES), default=RESEARCH)
        parser.add_argument("--format", choices=["text", "json"], default="text")

    def handle(self, *_: Any, **options: Any) -> None:
        """To standard output."""
        profile = options["profile"]
        if options["format"] == "json":
            text = json.dumps(codebook(profile), indent=1, ensure_ascii=False)
        else:
            text = codebook_markdown(profile)
        self.stdout.write(text)
