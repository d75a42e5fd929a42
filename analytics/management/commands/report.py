"""`manage.py report`: the cohort in the manner of the paper, as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from analytics.derivation.engine import current_cutoff
from analytics.management.arguments import FAILURE, day
from analytics.models import DataCut
from analytics.report import report_html
from centers.access import acting, system_scope


class Command(BaseCommand):
    """Over all centers, every number: for people who may see them."""

    help = (
        "Write the report of the cohort: counts, flow, Table 1, curves, each with its definition."
    )
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """--cut or --cutoff, --out."""
        moment = parser.add_mutually_exclusive_group()
        moment.add_argument("--cut", metavar="NAME", help="a data cut: its cutoff, as known then")
        moment.add_argument("--cutoff", type=day, metavar="D", help="YYYY-MM-DD, as known now")
        parser.add_argument("--out", type=Path, metavar="FILE", help="default: standard output")

    def handle(self, *_: Any, **options: Any) -> None:
        """Exit status 1 when there is no such cut or the file cannot be written."""
        with acting(system_scope()):
            cut = _find(options["cut"]) if options["cut"] else None
            cutoff = cut.cutoff if cut else options["cutoff"] or current_cutoff()
            text = report_html(cutoff, cut)
        if options["out"] is None:
            self.stdout.write(text)
            return
        try:
            options["out"].write_text(text, encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{options['out']}: {error.strerror}", returncode=FAILURE) from error
        self.stderr.write(f"{options['out']}: written")


def _find(name: str) -> DataCut:
    with transaction.atomic():
        cut = DataCut.objects.filter(name=name).first()
    if cut is None:
        raise CommandError(
            "There is no data cut of that name; see: data_cut list", returncode=FAILURE
        )
    return cut
