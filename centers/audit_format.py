"""How the audit trail is written down: columns as COPY prints them, hashes, the Merkle tree.

For verification: it shares no code with the functions of the database that wrote the trail.
docs/audit.md describes the format. No framework in here.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

EVENT_COLUMNS: Final = (
    "id",
    "xact",
    "row_hash",
    "at",
    "actor_id",
    "role",
    "center_id",
    "patient_id",
    "table_name",
    "row_id",
    "operation",
    "before",
    "after",
    "reason",
    "request_id",
    "app_version",
)
SEAL_COLUMNS: Final = (
    "number",
    "ids",
    "first_event",
    "last_event",
    "events",
    "merkle_root",
    "cluster",
    "horizon",
    "sealed_at",
    "previous_hash",
    "hash",
)
NULL: Final = b"\\N"
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_ESCAPES = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"b": b"\b", b"f": b"\f", b"v": b"\v"}
_RANGE = re.compile(r"\[(\d+),(\d+)\)")

Fields = Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Seal:
    """A seal as stored; `ranges` are the ids of its events, from first to last inclusive."""

    number: int
    ids: str
    ranges: tuple[tuple[int, int], ...]
    first: int | None
    last: int | None
    events: int
    merkle_root: str
    cluster: int
    horizon: int
    sealed_at: datetime
    previous_hash: str
    hash: str


def unescape(text: bytes) -> bytes:
    """A column without COPY's escapes."""
    if b"\\" not in text:
        return text
    return _ESCAPED.sub(lambda found: _ESCAPES.get(found[1], found[1]), text)


def moment(text: bytes) -> datetime:
    """A timestamptz as printed. Raises ValueError."""
    at = datetime.fromisoformat(text.decode())
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    return at


def epoch(at: datetime) -> str:
    """Seconds since 1970 with six digits, as extract(epoch from ...) prints them."""
    since = at - EPOCH
    return f"{since.days * 86400 + since.seconds}.{since.microseconds:06d}"


def read_seal(fields: Fields) -> Seal:
    """A seal from its columns (SEAL_COLUMNS). Raises ValueError."""
    texts = [unescape(part).decode() for part in fields]
    number, ids, first, last, events, root, cluster, horizon, sealed_at, previous, own = texts
    return Seal(
        int(number),
        ids,
        tuple((int(low), int(high) - 1) for low, high in _RANGE.findall(ids)),
        None if fields[2] == NULL else int(first),
        None if fields[3] == NULL else int(last),
        int(events),
        root.removeprefix("\\x"),
        int(cluster),
        int(horizon),
        moment(sealed_at.encode()),
        previous.removeprefix("\\x"),
        own.removeprefix("\\x"),
    )


def seal_hash(seal: Seal) -> str:
    """What the hash of the seal must be."""
    parts = [
        '"seal"',
        str(seal.number),
        json.dumps(seal.ids),
        str(seal.events),
        json.dumps(seal.merkle_root),
        str(seal.cluster),
        json.dumps(str(seal.horizon)),
        epoch(seal.sealed_at),
        json.dumps(seal.previous_hash),
    ]
    return hashlib.sha256(f"[{', '.join(parts)}]".encode()).hexdigest()


@lru_cache(maxsize=4096)
def _string(text: bytes) -> bytes:
    if text == NULL:
        return b"null"
    return json.dumps(unescape(text).decode(), ensure_ascii=False).encode()


def row_hash(fields: Fields, at: datetime) -> bytes:
    """What the row hash of an event must be: SHA-256 of its columns as one jsonb array's text.

    `at` is its fourth column, read. Raises ValueError when a column cannot be read.
    """
    actor, role, center, patient, table, row, operation, before, after, reason, request, app = (
        fields[4:]
    )
    text = b", ".join(
        (
            epoch(at).encode(),
            actor,
            _string(role),
            b"null" if center == NULL else center,
            b"null" if patient == NULL else patient,
            _string(table),
            b"null" if row == NULL else row,
            _string(operation),
            b"null" if before == NULL else unescape(before),
            b"null" if after == NULL else unescape(after),
            _string(reason),
            _string(request),
            _string(app),
        )
    )
    return hashlib.sha256(b"[" + text + b"]").digest()


def leaf(event_id: int, xact: int, content: bytes) -> bytes:
    """The leaf of an event: its id, its transaction and its row hash."""
    head = event_id.to_bytes(8, "big", signed=True) + xact.to_bytes(8, "big")
    return hashlib.sha256(b"\x00" + head + content).digest()


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """The root of RFC 6962; of nothing, the hash of nothing."""
    level = list(leaves) or [hashlib.sha256(b"").digest()]
    while len(level) > 1:
        nodes = [
            hashlib.sha256(b"\x01" + left + right).digest()
            for left, right in zip(level[::2], level[1::2], strict=False)
        ]
        level = nodes + level[len(nodes) * 2 :]
    return level[0]
