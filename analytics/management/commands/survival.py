"""`manage.py survival FILE.csv`: every survival statistic of a file, to check it against R."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.management.arguments import FAILURE, USAGE
from analytics.stats.observations import Observations, UnreadableError, read_observations
from analytics.stats.table import survival_table


def moments(text: str) -> list[float]:
    """Times separated by commas, each from 0 up."""
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = [-1.0]
    if not all(0.0 <= moment < math.inf for moment in found):
        raise argparse.ArgumentTypeError("write times from 0 up, separated by commas: 365,730")
    return found


class Command(BaseCommand):
    """Reads one file and prints; uses no database."""

    help = (
        "Print every survival statistic of a CSV file with the columns time, event (1/0) and"
        " perhaps group, stratum and x (1/0). Rows with a missing value are left out."
    )
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """FILE, --json, --landmarks, --tau."""
        parser.add_argument("file", metavar="FILE", type=Path)
        parser.add_argument("--json", action="store_true", help="all statistics as one JSON object")
        parser.add_argument(
            "--landmarks",
            type=moments,
            metavar="T,T,...",
            help="times of the landmark rates, in the file's unit (default: 0, 30 days to 20 years, and the last time)",
        )
        parser.add_argument(
            "--tau",
            type=moments,
            metavar="T,T,...",
            help="ends of the restricted means (default: 30 days to 20 years within every group's follow-up, and its end)",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Print the statistics."""
        observations = self.observations(options["file"])
        found = survival_table(observations, options["landmarks"], options["tau"])
        if options["json"]:
            self.stdout.write(json.dumps(found, ensure_ascii=False, allow_nan=False))
            return
        for line in readable(found):
            self.stdout.write(line)

    def observations(self, path: Path) -> Observations:
        """The file's rows. Raises CommandError."""
        try:
            with path.open(encoding="utf-8-sig", newline="") as lines:
                found = read_observations(lines)
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}.", returncode=USAGE) from error
        except UnicodeDecodeError as error:
            raise CommandError(
                f"{path}: the file is not UTF-8; save it as CSV UTF-8.", returncode=FAILURE
            ) from error
        except UnreadableError as error:
            raise CommandError(f"{path}, {error}", returncode=FAILURE) from error
        if found.unknown_columns:
            self.stderr.write(f"{path}: columns not used: {', '.join(found.unknown_columns)}.")
        return found


def readable(found: dict[str, Any]) -> Iterator[str]:
    """A short table: medians with log-log intervals, log-rank test, hazard ratio."""
    yield f"{found['n_used']} of {found['n_rows_csv']} rows used"
    yield f"{'group':<20} {'n':>7} {'events':>7} {'median (95% CI, log-log)':>32} {'follow-up':>10}"
    for curve in ({"group": "all"} | found["overall"], *found["by_group"]):
        median, follow_up = curve["quantiles"]["log-log"], curve["reverse_km"]["log-log"]
        interval = f"{shown(median['summary_lcl'])} to {shown(median['summary_ucl'])}"
        yield (
            f"{curve['group']:<20} {curve['n']:>7} {curve['events']:>7}"
            f" {shown(median['summary_median']) + ' (' + interval + ')':>32}"
            f" {shown(follow_up['summary_median']):>10}"
        )
    for key, name in (("logrank", "Log-rank test"), ("logrank_stratified", "Stratified log-rank")):
        if found[key]:
            yield tested(name, found[key])
    if found["cox"]:
        yield ratio("Hazard ratio, x = 1 to x = 0 (Efron)", found["cox"]["efron"])
        if "efron_stratified" in found["cox"]:
            yield ratio("  stratified", found["cox"]["efron_stratified"])


def tested(name: str, test: dict[str, Any]) -> str:
    """One line of a test."""
    if test["chisq"] is None:
        return f"{name}: not computable"
    return f"{name}: chi-square {test['chisq']:.4g}, {test['df']} df, p = {test['p']:.4g}"


def ratio(name: str, fit: dict[str, Any]) -> str:
    """One line of a hazard ratio."""
    if fit["hr"] is None:
        return f"{name}: not estimable"
    return f"{name}: {fit['hr']:.4g} ({fit['lower']:.4g} to {fit['upper']:.4g}), p = {fit['p']:.4g}"


def shown(value: float | None) -> str:
    """A time to six digits; NR where it is not reached."""
    return "NR" if value is None else f"{value:.6g}"
