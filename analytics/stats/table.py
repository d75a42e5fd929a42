"""Every statistic of a file of survival times, as one nested table of plain values."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from analytics.stats.contrast_table import Pair, comparison_table, cox_table, mean_differences
from analytics.stats.counts import DayCounts
from analytics.stats.curve_table import Moments, curve_table
from analytics.stats.observations import Observations
from analytics.stats.summaries import common_tau
from analytics.stats.timeline import Timeline

LEVEL: Final = 0.95
# Days; whole days of 1, 2, 3, 5, 10, 15 and 20 years of 365.25 days.
HORIZONS: Final = (30, 90, 180, 365, 730, 1095, 1826, 3652, 5478, 7305)
# Up to here every whole number is a double.
_WHOLE: Final = 2.0**53
_Key = tuple[str, ...]


@dataclass(frozen=True)
class _Grid:
    """The observations counted on their timeline, split by any columns."""

    observations: Observations
    timeline: Timeline
    positions: Sequence[int]

    @classmethod
    def of(cls, observations: Observations) -> _Grid:
        timeline = Timeline.of(observations.time.tolist())
        positions = timeline.positions(observations.time.tolist())
        return cls(observations, timeline, positions.tolist())

    def split(self, *columns: Sequence[str]) -> dict[_Key, DayCounts]:
        """Counts for each combination of values that occurs."""
        rows: dict[_Key, list[tuple[int, int]]] = defaultdict(list)
        events = self.observations.event.tolist()
        for index, position in enumerate(self.positions):
            rows[tuple(column[index] for column in columns)].append((position, events[index]))
        return {key: DayCounts.from_subjects(subjects) for key, subjects in rows.items()}


def survival_table(
    observations: Observations,
    landmarks: Sequence[float] | None = None,
    taus: Sequence[float] | None = None,
) -> dict[str, Any]:
    """All statistics of `observations`, ready for JSON: None where not reached or not estimable.

    Keys and nesting are those of the results of R that the tests compare with. Landmark rates are
    read at `landmarks` (default: 0, `HORIZONS` and the last time), restricted means at `taus`
    (default: the horizons up to the smallest of the groups' last times, and that time).
    """
    grid = _Grid.of(observations)
    by_name = grid.split(observations.group) if observations.group is not None else {}
    empty = DayCounts.from_rows([])
    groups = {name: by_name.get((name,), empty) for name in observations.levels}
    overall = grid.split()[()]
    moments = _moments(grid.timeline, list(groups.values()) or [overall], landmarks, taus)
    present = {name: group for name, group in groups.items() if group.n}
    result = {
        "conf_level": LEVEL,
        "n_rows_csv": observations.rows_read,
        "n_used": observations.n,
        "overall": curve_table(overall, moments),
        "group_levels": list(observations.levels),
        "by_group": [
            {"group": name} | curve_table(group, moments) for name, group in groups.items()
        ],
        **_tests(grid, present),
        "rmst2": (
            mean_differences(present, grid.timeline, moments.taus) if len(present) == 2 else None
        ),
        "cox": _cox(grid),
    }
    return {name: _plain(value) for name, value in result.items()}


def _moments(
    timeline: Timeline,
    groups: Sequence[DayCounts],
    landmarks: Sequence[float] | None,
    taus: Sequence[float] | None,
) -> Moments:
    last = float(timeline.times[-1])
    shared = timeline.times[(common_tau(groups) or 0) // 2]
    if landmarks is None:
        landmarks = [0.0, last, *HORIZONS]
    if taus is None:
        taus = [float(shared), *(day for day in HORIZONS if day < shared)]
    return Moments(timeline, tuple(sorted(set(landmarks))), tuple(sorted(set(taus))))


def _tests(grid: _Grid, groups: dict[str, DayCounts]) -> dict[str, Any]:
    """Tests of the groups that have subjects; None where the file lacks the columns."""
    seen = grid.observations
    if seen.group is None:
        return {"logrank": None, "peto_peto_rho1": None, "logrank_stratified": None}
    names, plain = list(groups), [list(groups.values())]
    stratified = None
    if seen.stratum is not None:
        strata = _by_stratum(grid, seen.stratum, seen.group, names)
        stratified = comparison_table(names, strata)
    return {
        "logrank": comparison_table(names, plain),
        "peto_peto_rho1": comparison_table(names, plain, rho=1.0),
        "logrank_stratified": stratified,
    }


def _by_stratum(
    grid: _Grid, stratum: Sequence[str], column: Sequence[str], values: Sequence[str]
) -> list[list[DayCounts]]:
    found = grid.split(stratum, column)
    empty = DayCounts.from_rows([])
    return [[found.get((one, value), empty) for value in values] for one in dict.fromkeys(stratum)]


def _cox(grid: _Grid) -> dict[str, Any] | None:
    seen = grid.observations
    if seen.x is None:
        return None
    column = [str(value) for value in seen.x.tolist()]
    arms = grid.split(column)
    empty = DayCounts.from_rows([])
    pair = (arms.get(("0",), empty), arms.get(("1",), empty))
    if seen.stratum is None:
        return cox_table(pair, None)
    strata: list[Pair] = [
        (arm[0], arm[1]) for arm in _by_stratum(grid, seen.stratum, column, ["0", "1"])
    ]
    return cox_table(pair, strata)


def _plain(value: Any) -> Any:
    """Whole doubles as integers, NaN and infinity as None; the rest as it is."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return int(value) if value.is_integer() and abs(value) < _WHOLE else value
    return value
