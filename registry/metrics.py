"""What /metrics says, in the text format of Prometheus: requests of all web processes, and work that waits.

Numbers only: routes, states and queues are the only labels, none names a center, a record or a person.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

import redis
from django.conf import settings
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from analytics.queries.operations import recent_batches, waiting_work
from registry.observing import PROCESS
from registry.readiness import FAILED, OK, Check, all_checks, broker_client

QUEUES: Final = ("celery", "operations")
_STATES: Final = {FAILED: 0.0, OK: 1.0}


def metrics_text() -> bytes:
    """The whole answer. Without a database it has what the process itself knows."""
    checks = all_checks()
    together = CollectorRegistry()
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]  # the library's
        own = b""
    else:
        own = generate_latest(PROCESS)
    together.register(_Waiting(checks))
    return own + generate_latest(together)


class _Waiting(Collector):
    """Asked once, for one answer."""

    def __init__(self, checks: list[Check]) -> None:
        self._checks = checks

    def collect(self) -> Iterator[Metric]:
        """Readiness, then queues, then what the database knows when it answers."""
        ready = GaugeMetricFamily(
            "registry_ready", "1 ok, 0.5 degraded, 0 failed.", labels=["check"]
        )
        for check in self._checks:
            ready.add_metric([check.name], _STATES.get(check.state, 0.5))
        yield ready
        yield gauge("registry_info", "The version that runs.", {settings.VERSION: 1}, "version")
        yield gauge("registry_queue_messages", "Messages in a queue.", _queues(), "queue")
        if not any(check.state == FAILED for check in self._checks):
            yield from _work()


def gauge(name: str, said: str, values: dict[str, float], label: str = "") -> GaugeMetricFamily:
    """A family with one label, or the one value of the label ""."""
    family = GaugeMetricFamily(name, said, labels=[label] if label else [])
    for key, value in values.items():
        family.add_metric([key] if label else [], value)
    return family


def _queues() -> dict[str, float]:
    try:
        with broker_client() as client:
            return {queue: float(client.llen(queue)) for queue in QUEUES}
    except redis.RedisError:
        return {}


def _work() -> Iterator[Metric]:
    work, batches = waiting_work(), recent_batches()
    one = {
        "stale_records": ("Records that wait for their derivation.", work.stale),
        "stale_oldest_seconds": ("Age of the oldest of them.", work.stale_seconds or 0),
        "dead_letters": ("Records that failed five times.", work.dead),
        "unsealed_oldest_seconds": ("Age of the oldest audit event without seal.", work.unsealed_seconds or 0),
        "derivation_batches_last_hour": ("Batches of the derivation.", batches.batches),
        "derivation_records_last_hour": ("Records in them.", batches.records),
        "derivation_failures_last_hour": ("Of these, failed.", batches.failed),
        "derivation_seconds_last_hour": ("Time that they took.", batches.seconds),
    }  # fmt: skip
    for name, (said, value) in one.items():
        yield gauge(f"registry_{name}", said, {"": float(value)})
    waits = {"0.5": batches.waited_median, "0.99": batches.waited_p99, "1": batches.waited_most}
    said = "From a save to its outcome, over the batches of the last hour."
    known = {quantile: float(value) for quantile, value in waits.items() if value is not None}
    yield gauge("registry_staleness_seconds", said, known, "quantile")
    for name, jobs in (("exports", work.exports), ("imports", work.imports)):
        counted = {state: float(number) for state, number in jobs.items()}
        yield gauge(f"registry_{name}", f"Unfinished {name} by state.", counted, "state")
