"""Measuring: seconds, medians, ratios, memory; and the tables that results are told in."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Table:
    """A table of results: `rows` are cells in the order of `columns`; `notes` stand below it."""

    title: str
    columns: Sequence[str]
    rows: list[list[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For the way from the measuring process to the reporting one."""
        return asdict(self)


def seconds(work: Callable[[], object]) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


@dataclass(frozen=True)
class Effort:
    """What a piece of work took: seconds by the clock, and of processor time (client and server together)."""

    wall: float
    cpu: float

    def scaled(self, factor: float) -> Effort:
        """So many times this."""
        return Effort(self.wall * factor, self.cpu * factor)


def effort(work: Callable[[], object], backend: int) -> Effort:
    """One call, with the server process that serves it. Processor time hardly depends on what else runs."""
    cpu = time.process_time() + backend_cpu(backend)
    wall = seconds(work)
    return Effort(wall, time.process_time() + backend_cpu(backend) - cpu)


def backend_cpu(pid: int) -> float:
    """Processor seconds of a process so far (proc(5), stat: utime and stime)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which this share of the values lies (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered)) - 1))]


def peak_memory() -> float:
    """Greatest resident memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def show_seconds(value: float) -> str:
    """Seconds, or milliseconds below one second."""
    return f"{value:.1f} s" if value >= 1 else f"{value * 1000:.{0 if value >= 0.1 else 2}f} ms"


def show_ratio(measured: float, against: float) -> str:
    """How many times as long as the other."""
    return f"{measured / against:.2f}x"


def show_ratios(measured: Effort, against: Effort) -> str:
    """How many times as long by the clock, and (in brackets) in processor time."""
    clock = show_ratio(measured.wall, against.wall)
    return f"{clock} ({show_ratio(measured.cpu, against.cpu)})"
