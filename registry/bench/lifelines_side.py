"""The same curves and test by lifelines; run by a Python that has it, apart: its pandas is older than ours.

python lifelines_side.py SUBJECTS.npz ROUNDS    prints the median of the seconds
"""

from __future__ import annotations

import statistics
import sys
import time

import numpy as np
from lifelines import KaplanMeierFitter  # type: ignore[import-not-found]
from lifelines.statistics import logrank_test  # type: ignore[import-not-found]


def main(path: str, rounds: int) -> None:
    """Two curves with intervals and medians, and the log-rank test."""
    with np.load(path) as found:
        days, events, groups = (found[name] for name in ("days", "events", "groups"))
    parts = [(days[groups == group], events[groups == group]) for group in (0, 1)]
    took = []
    for _ in range(rounds):
        start = time.perf_counter()
        for times, happened in parts:
            assert KaplanMeierFitter().fit(times, happened).median_survival_time_ > 0
        logrank_test(parts[0][0], parts[1][0], parts[0][1], parts[1][1])
        took.append(time.perf_counter() - start)
    sys.stdout.write(f"{statistics.median(took)}\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
