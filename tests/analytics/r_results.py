"""The three public data sets and what R's survival package says about them.

`tests/data/survival/manifest.json` explains the keys and the tolerances.
"""

from __future__ import annotations

import csv
import json
import math
from collections import defaultdict
from pathlib import Path
from typing import Any

from analytics.stats.counts import DayCounts

FOLDER = Path(__file__).resolve().parents[1] / "data" / "survival"
CASES = ("aml", "kidney", "veteran_celltype")


def expected(case: str) -> dict[str, Any]:
    """R's results for one case."""
    loaded: dict[str, Any] = json.loads((FOLDER / f"{case}.json").read_text())
    return loaded


def rows(case: str) -> list[dict[str, str]]:
    """The subjects of one case."""
    with (FOLDER / f"{case}.csv").open(newline="") as handle:
        return list(csv.DictReader(handle))


def counts_by(case: str, *columns: str) -> dict[tuple[str, ...], DayCounts]:
    """Day counts of one case, split by the values of `columns`."""
    split: dict[tuple[str, ...], list[tuple[int, int]]] = defaultdict(list)
    for row in rows(case):
        key = tuple(row[column] for column in columns)
        split[key].append((int(row["time"]), int(row["event"])))
    return {key: DayCounts.from_subjects(subjects) for key, subjects in split.items()}


def curves(case: str) -> list[tuple[DayCounts, dict[str, Any]]]:
    """(counts, R's results) for the whole case and for each of its groups."""
    result = expected(case)
    groups = counts_by(case, "group")
    pairs = [(counts_by(case)[()], result["overall"])]
    pairs += [(groups[(one["group"],)], one) for one in result["by_group"]]
    return pairs


def same(ours: float | None, theirs: float | str | None, relative: float) -> bool:
    """Equal within a relative tolerance; R's NA, NaN, "NaN" match None and NaN here."""
    missing = ours is None or math.isnan(ours)
    if theirs is None or theirs == "NaN":
        return missing
    if missing or ours is None:
        return False
    return math.isclose(ours, float(theirs), rel_tol=relative, abs_tol=1e-300)
