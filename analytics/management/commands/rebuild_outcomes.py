"""`manage.py rebuild_outcomes`: derive every record into the outcome table."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from analytics.derivation.engine import current_cutoff, refresh_all
from analytics.management.arguments import worker_alias
from centers.access import system_scope
from centers.scope import acting


class Command(BaseCommand):
    """Safe beside a running worker; rows that say the same are left alone."""

    help = "Derive every record at the registry's cutoff into the outcome table, with progress."
    requires_system_checks: tuple[str, ...] = ()

    def handle(self, *_: Any, **__: Any) -> None:
        """Progress on standard error, the result on standard output."""
        using = worker_alias()
        cutoff = current_cutoff()
        with acting(system_scope()):
            changed = refresh_all(self._progress, cutoff, using)
        self.stdout.write(f"{changed} outcomes changed; all stand at cutoff {cutoff}.")

    def _progress(self, done: int, total: int) -> None:
        self.stderr.write(f"{done} of {total} records", self.style.HTTP_INFO)
