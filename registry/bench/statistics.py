"""Survival statistics of a million subjects against a plain sort of their times; GROUP BY of stored outcomes."""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
from django.db import transaction
from numpy.typing import NDArray

from analytics.charts.km import Group, kaplan_meier_figure
from analytics.queries.accrual import accrual_by_center
from analytics.queries.filters import EVERYBODY
from analytics.queries.flow import flow
from analytics.queries.incidence import incidence_counts
from analytics.queries.overview import overview
from analytics.queries.survival import Analysis, survival_groups
from analytics.stats.counts import DayCounts
from analytics.stats.kaplan_meier import kaplan_meier
from analytics.stats.logrank import log_rank
from analytics.stats.summaries import quantile
from centers.access import acting, system_scope
from registry.bench.measure import Table, seconds, show_ratio, show_seconds

SUBJECTS: Final = 1_000_000
LAST_DAY: Final = 11_000
ROUNDS: Final = 7
SEED: Final = 20_170_630
# Names a Python that has lifelines, for the comparison with it.
LIFELINES: Final = "LIFELINES_PYTHON"

Whole = NDArray[np.int32]


def run(records: int) -> list[Table]:
    """Medians of several rounds, the sides in turn. `records` does not matter: the subjects are a million."""
    days, events, groups = _subjects()
    work: dict[str, Callable[[], Any]] = {
        "np.sort of the times, int32": lambda: np.sort(days),
        "counts a day of two groups": lambda: _counted(days, events, groups),
        "two curves with intervals, medians, log-rank, from the counts": lambda: _compared(counted),
        "all of it, from the subjects": lambda: _compared(_counted(days, events, groups)),
        "the drawing, positions of two curves": lambda: _drawn(counted),
    }
    counted = _counted(days, events, groups)
    took: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(ROUNDS):
        for name, each in work.items():
            took[name].append(seconds(each))
    middle = {name: statistics.median(values) for name, values in took.items()}
    floor = middle["np.sort of the times, int32"]
    table = Table(f"Kaplan-Meier and log-rank, {SUBJECTS} subjects", ["work", "median", "/ sort"])
    python = os.environ.get(LIFELINES)
    if python:
        middle["the same by lifelines, from the subjects"] = _lifelines(
            python, days, events, groups
        )
    table.rows.extend([n, show_seconds(v), show_ratio(v, floor)] for n, v in middle.items())
    table.notes.append(
        f"Times up to {LAST_DAY} days, {int(events.sum())} events. lifelines is measured where {LIFELINES} names a Python"
        " that has it."
    )
    return [table]


def _lifelines(python: str, days: Whole, events: Whole, groups: Whole) -> float:
    with tempfile.NamedTemporaryFile(suffix=".npz") as file:
        np.savez(file, days=days, events=events, groups=groups)
        file.flush()
        script = Path(__file__).with_name("lifelines_side.py")
        # -I: this folder's own `statistics` would stand before the library.
        command = [python, "-I", str(script), file.name, str(ROUNDS)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE)  # noqa: S603
    return float(done.stdout)


def _subjects() -> tuple[Whole, Whole, Whole]:
    chance = np.random.default_rng(SEED)
    days = np.minimum(chance.exponential(4000, SUBJECTS), LAST_DAY).astype(np.int32)
    events = chance.integers(0, 2, SUBJECTS, dtype=np.int32)
    return days, events, chance.integers(0, 2, SUBJECTS, dtype=np.int32)


def _counted(days: Whole, events: Whole, groups: Whole) -> list[DayCounts]:
    """What a GROUP BY gives: events and censorings a day and group."""
    size = LAST_DAY + 1
    cells = np.bincount(days + size * (events + 2 * groups), minlength=4 * size).reshape(4, size)
    found = []
    for group in range(2):
        censored, happened = cells[2 * group], cells[2 * group + 1]
        seen = np.flatnonzero(censored + happened)
        found.append(DayCounts(seen, happened[seen], censored[seen]))
    return found


def _compared(counted: list[DayCounts]) -> Any:
    return [quantile(kaplan_meier(group)) for group in counted], log_rank(counted)


def _drawn(counted: list[DayCounts]) -> Any:
    groups = [Group(str(n), kaplan_meier(one)) for n, one in enumerate(counted)]
    return kaplan_meier_figure("Drawn", groups)


def grouped(records: int, cutoff: date) -> Table:
    """What the dashboards read from the stored outcomes of all records at their standing cutoff."""
    analysis = Analysis("pfs", "primary", "treated", "disease")
    readings: dict[str, Callable[[], Any]] = {
        "survival by disease": lambda: survival_groups(analysis, cutoff, own_centers=True),
        "progression by disease": lambda: incidence_counts(analysis, cutoff, EVERYBODY),
        "overview": lambda: overview(cutoff, own_centers=True),
        "flow": lambda: flow(cutoff, own_centers=True),
        "accrual by month and center": lambda: accrual_by_center(cutoff, EVERYBODY, "treated"),
    }
    table = Table(f"GROUP BY of stored outcomes, {records} records", ["reading", "median", "worst"])
    with acting(system_scope()), transaction.atomic():
        for name, read in readings.items():
            took = [seconds(read) for _ in range(ROUNDS)]
            table.rows.append(
                [name, show_seconds(statistics.median(took)), show_seconds(max(took))]
            )
    table.notes.append(
        "As a reader of all centers, with row-level security; the first reading counts."
    )
    return table
