"""`manage.py data_cut`: make, list, reproduce and compare data cuts."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from analytics.actions.data_cuts import make_cut, reproduce
from analytics.derivation.engine import current_cutoff
from analytics.management.arguments import FAILURE, day, worker_alias
from analytics.models import DataCut
from analytics.queries.data_cuts import causes, cut_rows, differences, seal_of
from centers.access import acting, system_scope


class Command(BaseCommand):
    """Works as the worker's role, over all centers."""

    help = "Data cuts: outcomes at a cutoff as known at a seal of the audit trail, reproducible."
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """One of four verbs."""
        verbs = parser.add_subparsers(dest="verb", required=True)
        make = verbs.add_parser("make", help="make a cut of what is committed now")
        make.add_argument("name")
        make.add_argument(
            "--cutoff", type=day, metavar="D", help="YYYY-MM-DD (default: registry's)"
        )
        verbs.add_parser("list", help="list the cuts, newest first")
        verify = verbs.add_parser("verify", help="derive a cut again; exit status 1 if it differs")
        verify.add_argument("name")
        compare = verbs.add_parser("compare", help="records that differ, with the events between")
        compare.add_argument("first")
        compare.add_argument("second")

    def handle(self, *_: Any, **options: Any) -> None:
        """Exit status 1 when a cut is absent, refused or no longer comes out as it was."""
        worker_alias()
        with acting(system_scope()):
            getattr(self, f"_{options['verb']}")(options)

    def _make(self, options: dict[str, Any]) -> None:
        try:
            cut = make_cut(
                actor=system_scope(),
                name=options["name"],
                cutoff=options["cutoff"] or current_cutoff(),
            )
        except ValidationError as error:
            raise CommandError(" ".join(error.messages), returncode=FAILURE) from error
        self._print(cut)

    def _list(self, options: dict[str, Any]) -> None:
        with transaction.atomic(using="worker"):
            for cut in DataCut.objects.using("worker"):
                self._print(cut)

    def _verify(self, options: dict[str, Any]) -> None:
        cut = _find(options["name"])
        if wrong := reproduce(cut):
            raise CommandError(" ".join(wrong), returncode=FAILURE)
        self.stdout.write(f"{cut.name}: the same {cut.records} records, {cut.content_hash}")

    def _compare(self, options: dict[str, Any]) -> None:
        """One JSON object a line: what differs, and the events that may be why."""
        first, second = _find(options["first"]), _find(options["second"])
        found = list(
            differences(
                cut_rows(seal_of(first), first.cutoff), cut_rows(seal_of(second), second.cutoff)
            )
        )
        why = causes(first, second, [one.registry_number for one in found])
        for one in found:
            events = [asdict(cause) for cause in why.get(one.registry_number, [])]
            self.stdout.write(json.dumps(asdict(one) | {"events": events}, ensure_ascii=False))
        self.stderr.write(f"{len({one.registry_number for one in found})} records differ.")

    def _print(self, cut: DataCut) -> None:
        self.stdout.write(
            f"{cut.name}: cutoff {cut.cutoff}, seal {cut.seal}, rule set {cut.rule_set}, "
            f"{cut.records} records, {cut.content_hash}"
        )


def _find(name: str) -> DataCut:
    with transaction.atomic(using="worker"):
        cut = DataCut.objects.using("worker").filter(name=name).first()
    if cut is None:
        raise CommandError(
            "There is no data cut of that name; see: data_cut list", returncode=FAILURE
        )
    return cut
