"""`manage.py explain RECORD`: each criterion of one record, its reason, evidence and what would resolve it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.derivation.engine import RULE_SET, Derived, current_cutoff
from analytics.management.arguments import FAILURE, add_reading_arguments, worker_alias
from analytics.queries.outcomes import (
    Explanation,
    derived_record,
    explain_criteria,
    find_record,
)
from centers.access import system_scope
from centers.scope import acting


class Command(BaseCommand):
    """Derives the record now; stores nothing."""

    help = "Explain the derived row of one record: criteria, reasons, evidence, resolving entry."
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """RECORD, --cutoff, --variant."""
        parser.add_argument("record", metavar="RECORD", help="registry number or public id")
        add_reading_arguments(parser)

    def handle(self, *_: Any, **options: Any) -> None:
        """Print the explanation."""
        using = worker_alias()
        with acting(system_scope()):
            record = find_record(options["record"], using)
            if record is None:
                raise CommandError(
                    "No record has this registry number or public id; its page shows both.",
                    returncode=FAILURE,
                )
            cutoff = options["cutoff"] or current_cutoff()
            derived = derived_record(record, cutoff, options["variant"], using)
        if derived is None:
            raise CommandError(
                "The record is left out: its consent is withdrawn or it is retracted.",
                returncode=FAILURE,
            )
        for line in (*summary(derived), *details(derived)):
            self.stdout.write(line)


def summary(row: Derived) -> list[str]:
    """What is decided, in a few lines."""
    lines = [f"Cutoff {row.cutoff}, variant {row.variant}, rule set {RULE_SET}"]
    if row.t0 is None:
        lines.append("Not treated: no given cycle of HD IL-2 on or before the cutoff")
    else:
        pfs = row.pfs_event_type or f"censored, {row.pfs_censor_reason}"
        lines += [
            f"T0 {row.t0} (between {row.t0_lo} and {row.t0_hi})",
            f"PFS {row.pfs_days} days ({row.pfs_days_min} to {row.pfs_days_max}): {pfs} on {row.pfs_end}",
            f"  start {_rows([row.evidence['start']])}, end {_rows([row.evidence['end']])}",
            f"OS {row.os_days} days: {'death' if row.os_event else 'last known alive'} on {row.os_end}",
        ]
    lines.append(f"Flags: {', '.join(row.flags) or 'none'}")
    lines.append(f"Eligible: {row.eligible}; long-term PFS: {row.long_term_pfs}")
    return lines


def details(row: Derived) -> list[str]:
    """Each criterion with reason, evidence and resolving entry."""
    return [line for found in explain_criteria(row.criteria) for line in _criterion(found)]


def _criterion(found: Explanation) -> list[str]:
    lines = [f"{found.criterion}: {found.value} - {found.reason}"]
    if found.evidence:
        lines.append(f"  evidence: {_rows(found.evidence)}")
    if found.resolve:
        lines.append(f"  would be resolved by: {found.resolve}")
    return lines


def _rows(evidence: Sequence[Sequence[Any]]) -> str:
    return ", ".join(f"{form} {row_id}" for form, row_id in evidence)
