"""Arguments and connections that the derivation's commands share."""

from __future__ import annotations

import argparse
from datetime import date, datetime
from typing import Final

from django.core.management.base import CommandError, CommandParser
from django.db import connections

from analytics.derivation.engine import DEFAULT_VARIANT, VARIANTS

USAGE: Final = 2
FAILURE: Final = 1
WORKER: Final = "worker"


def day(text: str) -> date:
    """A date in the form YYYY-MM-DD; anything else is an error of usage."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or text != found.isoformat():
        raise argparse.ArgumentTypeError("write the cutoff as YYYY-MM-DD, such as 2017-06-30")
    return found


def moment(text: str) -> datetime | int:
    """A time with its zone, or the number of a seal; anything else is an error of usage."""
    if text.isdecimal():
        return int(text)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise argparse.ArgumentTypeError(
            "write a time with its zone, such as 2026-03-01T12:00:00Z, or the number of a seal"
        )
    return found


def add_reading_arguments(parser: CommandParser) -> None:
    """--cutoff and --variant."""
    parser.add_argument(
        "--cutoff", type=day, metavar="D", help="data cutoff YYYY-MM-DD (default: the registry's)"
    )
    parser.add_argument(
        "--variant",
        choices=VARIANTS,
        default=DEFAULT_VARIANT,
        help="reading of PFS (default: %(default)s)",
    )


def worker_alias() -> str:
    """The alias of command-line work. Raises CommandError where it is not configured."""
    if WORKER not in connections.settings:
        raise CommandError(
            "Set DATABASE_WORKER_URL: this command works as the worker's role.", returncode=FAILURE
        )
    return WORKER
