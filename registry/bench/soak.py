"""The whole product under steady light load: does memory or the number of open files grow, does it stay fresh?"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import linear_regression, median
from typing import Final, NamedTuple

import psycopg

from registry.bench import cluster, house, load
from registry.bench.measure import Table
from registry.readiness import broker_client
from registry.stack.processes import processes_in

RECORDS: Final = 10_000
PEOPLE: Final = 10
MINUTES: Final = 30.0
EVERY: Final = 10.0
WARM_SHARE: Final = 0.25
MOST_WARM: Final = 300.0
FEW: Final = 5  # samples whose median is the begin, or the end
POSTGRES: Final = "PostgreSQL, all"
HOUR: Final = 3600.0


class Use(NamedTuple):
    """What a process holds: memory in MB (with its share of what is shared), and open descriptors."""

    pss: float
    descriptors: int


class Sample(NamedTuple):
    """All processes by name, at a monotonic clock's seconds."""

    at: float
    pids: Mapping[str, int]
    uses: Mapping[str, Use]


def run(records: int, minutes: float = MINUTES, people: int = PEOPLE) -> list[Table]:
    """So many people for so many minutes. Raises RuntimeError when the product does not come up or to rest."""
    dsn = os.environ[cluster.DSN]
    records = min(records, RECORDS)
    load.prepare(dsn, records)
    columns = ["people", "request", "requests", "p50", "p95", "p99", "longest", "errors", "target"]
    answers = Table(f"{minutes:g} minutes, {records} records", columns)
    meanwhile = Table("Meanwhile", ["people", "requests/s", "errors", *house.STALENESS])
    with (
        house.running("web", "worker", "beat") as product,
        psycopg.connect(dsn, autocommit=True) as connection,
        house.sampled(lambda: _sample(product, _data_folder(dsn)), EVERY) as seen,
    ):
        load.crowd(people, minutes * 60, product, connection, (answers, meanwhile))
    meanwhile.notes.append(house.STALENESS_NOTE)
    return [_memory(seen), meanwhile, answers]


def _data_folder(dsn: str) -> Path:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("show data_directory").fetchone()
        assert row is not None
        return Path(row[0]).resolve()


def _sample(product: house.House, folder: Path) -> Sample:
    pids = product.processes()
    with broker_client() as client:
        pids["Valkey"] = int(client.info("server")["process_id"])
    uses = {name: _use(pid) for name, pid in pids.items()}
    backends = [_use(pid) for pid in processes_in(folder)]
    uses[POSTGRES] = Use(*(sum(values) for values in zip(*backends, strict=True)))
    return Sample(time.monotonic(), pids, uses)


def _use(pid: int) -> Use:
    """proc(5), smaps_rollup and fd; nothing for a process that ended meanwhile."""
    place = Path(f"/proc/{pid}")
    try:
        lines = (place / "smaps_rollup").read_text().splitlines()[1:]
        descriptors = sum(1 for _ in (place / "fd").iterdir())
    except (FileNotFoundError, ProcessLookupError):
        return Use(0, 0)
    held = {
        name: int(rest.split()[0]) / 1024 for name, _, rest in (s.partition(":") for s in lines)
    }
    return Use(held["Pss"], descriptors)


def _memory(seen: Sequence[Sample]) -> Table:
    kinds = [
        f"{of} {when}"
        for of in ("PSS", "files")
        for when in ("begin", "half", "end", "an hour, second half")
    ]
    table = Table("Memory and open files", ["process", *kinds])
    lasted = seen[-1].at - seen[0].at
    warm = min(WARM_SHARE * lasted, MOST_WARM)
    counted = [sample for sample in seen if sample.at - seen[0].at >= warm]
    for name in counted[0].uses:
        lines = zip(*(sample.uses.get(name, Use(0, 0)) for sample in counted), strict=True)
        times = [sample.at for sample in counted]
        cells = [cell for values in lines for cell in _course(times, values)]
        table.rows.append([name, *cells])
    ended = sum(a.pids != b.pids for a, b in pairwise(seen))
    table.notes.append(
        f"{len(seen)} samples in {lasted:.0f} s; the first {warm:.0f} s (warming up) do not count. MB; begin, half, end:"
        f" medians of {FEW} samples; an hour: slope of the line of least squares. PSS divides what processes"
        f" share among them. Processes ended and begun again: {ended}."
    )
    return table


def _course(times: Sequence[float], values: Sequence[float]) -> list[str]:
    """Begin, half, end, and slope an hour of the second half."""
    half = len(values) // 2
    late = times[half:], values[half:]
    slope = linear_regression(*late).slope * HOUR if len(late[0]) > 1 else 0.0
    parts = values[:FEW], values[half : half + FEW], values[-FEW:]
    return [*(f"{median(part):.4g}" for part in parts), f"{slope:+.1f}"]
