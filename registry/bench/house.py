"""The product's own processes, started for a benchmark, and what is seen of them from outside while they work."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import psycopg

from analytics.tasks import recompute
from registry.bench.measure import show_seconds
from registry.readiness import broker_client
from registry.stack import supervisor
from registry.stack.paths import Places, metrics_folder
from registry.stack.processes import tail, wait_until

WORKERS: Final = 2
PATIENCE: Final = 120.0
QUEUE: Final = "celery"
_STALE: Final = """
    select count(*), coalesce(extract(epoch from clock_timestamp() - min(marked_at)), 0)::float
    from analytics_stale
"""
_WAITED: Final = """
    select count(*), coalesce(sum(records), 0), coalesce(sum(failed), 0),
        percentile_disc(array[0.5, 0.99, 1]) within group (order by waited)
    from analytics_derivation_batch where at >= %s
"""
Seen = TypeVar("Seen")


@dataclass(frozen=True)
class House:
    """Running members by name; `port` is the web's."""

    port: int
    members: dict[str, supervisor.Member]

    def processes(self) -> dict[str, int]:
        """Process ids by what they are: each member and, where it has some, its children."""
        found = {}
        for name, member in self.members.items():
            assert member.child is not None
            found[name] = member.child.pid
            found |= {f"{name}, child {n}": p for n, p in enumerate(_children(member.child.pid), 1)}
        return found


@contextmanager
def running(*names: str, workers: int = WORKERS) -> Iterator[House]:
    """These members of web, worker and beat, ready for work; they end with the block.

    Raises RuntimeError when one of them does not come up.
    """
    with tempfile.TemporaryDirectory(prefix="registry-bench-house-") as folder:
        places = Places(Path(folder))
        places.prepare()
        listener = supervisor.open_port(None)
        members = {m.name: m for m in supervisor.members(places, listener, workers)}
        house = House(listener.getsockname()[1], {name: members[name] for name in names})
        try:
            for member in house.members.values():
                member.begin()
            ready = {"web": lambda: supervisor.answers(house.port), "worker": _hint_taken()}
            for name in ready.keys() & house.members.keys():
                if not wait_until(ready[name], PATIENCE, 0.2):
                    raise RuntimeError(f"no answer of {name}: {tail(members[name].log)}")
            yield house
        finally:
            for member in reversed(house.members.values()):
                member.end()
            listener.close()
            shutil.rmtree(metrics_folder(places), ignore_errors=True)  # no web, nobody else's end


def _children(pid: int) -> list[int]:
    """Of its main thread, in the order of their start."""
    return sorted(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def _hint_taken() -> Callable[[], bool]:
    """Whether a worker has taken what is in its queue, with a hint put there now."""
    hint()

    def taken() -> bool:
        with broker_client() as client:
            return bool(client.llen(QUEUE) == 0)

    return taken


def hint() -> None:
    """What a save sends to the worker."""
    recompute.apply_async()


@contextmanager
def sampled(look: Callable[[], Seen], every: float) -> Iterator[list[Seen]]:
    """What `look` sees, at once and then every so many seconds of the block. Raises what it raised."""
    seen: list[Seen] = []
    wrong: list[Exception] = []
    ended = threading.Event()

    def sample() -> None:
        try:
            seen.append(look())
            while not ended.wait(every):
                seen.append(look())
        except Exception as error:
            wrong.append(error)  # raised at the end of the block, by who asked

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()
    if wrong:
        raise wrong[0]


class Stale(NamedTuple):
    """Marks that wait, and the age of the oldest in seconds."""

    marks: int
    oldest: float


def stale(connection: psycopg.Connection) -> Stale:
    """Now."""
    row = connection.execute(_STALE).fetchone()
    assert row is not None
    return Stale(*row)


def staleness(connection: psycopg.Connection, since: datetime, seen: Sequence[Stale]) -> list[str]:
    """Cells for STALENESS: what the worker noted of its batches since then, and what was seen of the marks."""
    row = connection.execute(_WAITED, [since]).fetchone()
    assert row is not None
    batches, records, failed, waited = row
    return [
        f"{records} in {batches}",
        str(failed),
        *(map(show_seconds, waited) if waited else ["-"] * 3),
        str(max(one.marks for one in seen)),
        show_seconds(max(one.oldest for one in seen)),
    ]


STALENESS: Final = (
    "records in batches",
    "failed",
    "save to outcome p50",
    "p99",
    "max",
    "most marks waiting",
    "oldest mark seen",
)
STALENESS_NOTE: Final = "Save to outcome: of each batch of the derivation how long its oldest mark waited until its outcome was there."
