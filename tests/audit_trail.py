"""Writing events in tests, and verifying the trail live and as a dump."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from centers.audit_dump import DumpSource
from centers.audit_live import reading
from centers.verification import Anchor, Report, verify

ADD_CENTER = (
    "insert into centers_center (public_id, code, name, city, country, irb_number, status,"
    " created_at) values (gen_random_uuid(), %s, %s, '', '', '', 'active', now())"
)
SCOPE = (
    "select set_config('registry.actor', '1', true), set_config('registry.role', 'system', true),"
    " set_config('registry.reason', %s, true), set_config('registry.version', 'test', true)"
)


def verify_live(anchors: Iterable[Anchor] = ()) -> Report:
    with reading("owner") as source:
        return verify(source, anchors)


def export(path: Path) -> Path:
    with path.open("wb") as file, reading("owner") as source:
        source.export(file)
    return path


def verify_dump(path: Path, anchors: Iterable[Anchor] = ()) -> Report:
    return verify(DumpSource(path), anchors)


@contextmanager
def writer(reason: str = "test") -> Iterator[psycopg.Connection]:
    """A transaction of its own, with an actor; committed at the end of the block."""
    with psycopg.connect(os.environ["TEST_SUPERUSER_DSN"]) as connection:
        connection.execute(SCOPE, [reason])
        yield connection


def add_center(connection: psycopg.Connection, code: str, name: str = "name") -> None:
    """One row, one event."""
    connection.execute(ADD_CENTER, [code, name])


def write_events(prefix: str, count: int = 1) -> None:
    """So many events in one transaction."""
    with writer() as connection:
        for number in range(count):
            add_center(connection, f"{prefix}{number}")
