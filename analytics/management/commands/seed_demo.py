"""`manage.py seed_demo`: fills an empty demo registry with the synthetic cohort."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.demo.centers import DEMO_CENTERS, DEMO_PASSWORD
from analytics.demo.plan import STANDARD
from analytics.demo.seeding import seed


class Command(BaseCommand):
    """Refuses to run outside the demo; does nothing when there is a center already."""

    help = "Fill an empty demo registry with synthetic centers, accounts and records."

    def add_arguments(self, parser: CommandParser) -> None:
        """How many records."""
        parser.add_argument(
            "--records",
            type=int,
            default=STANDARD,
            metavar="N",
            help=f"records in all, at least the standard {STANDARD}. What is more (for load tests) keeps the "
            "mix of the records that are not eligible: the 100 eligible ones and their figures stay as they are.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit status 1 and a message when this is not the demo."""
        if not settings.DEMO:
            raise CommandError(
                "This is a deployment: it takes no demo data and no demo accounts. "
                "Set REGISTRY_DEMO=1 on an empty database of its own to see the demo."
            )
        if options["records"] < STANDARD:
            raise CommandError(f"The demo has at least {STANDARD} records: --records {STANDARD}.")
        seeded = seed(options["records"], self._say)
        if seeded is None:
            self._say("The registry has centers already: nothing was done.")
            return
        self._say(
            f"Seeded {seeded.records} synthetic records in {seeded.centers} invented centers."
        )
        self._say("")
        for line in accounts_hint():
            self._say(line)

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def accounts_hint() -> list[str]:
    """The demo accounts, for people."""
    first, last = DEMO_CENTERS[0].code.lower(), DEMO_CENTERS[-1].code.lower()
    return [
        f"Demo accounts (one password: {DEMO_PASSWORD}):",
        f"  coordinator-{first} .. coordinator-{last}   enter and amend the center's records",
        f"  pi-{first} .. pi-{last}                     principal investigators",
        f"  monitor-{first} .. monitor-{last}           monitors: read the center's records",
        "  investigator                           pooled figures of all centers",
        "  data-manager                           monitor of all centers",
        "  administrator                          centers and accounts, no clinical data",
        "An API client: manage.py create_api_client --help",
    ]
