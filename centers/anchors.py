"""Anchors: the chain's head, written where the database's administrators cannot change it.

One JSON object a line: {"seal": 12, "hash": "…", "events": 345, "sealed_at": "…"}.
"""

from __future__ import annotations

import json
from pathlib import Path

from centers.sealing import Head
from centers.verification import Anchor


class UnreadableAnchor(Exception):
    """The file holds no anchors; the text says which line."""


def anchor_line(head: Head) -> str:
    """The line of a head, without its end."""
    return json.dumps(
        {
            "seal": head.number,
            "hash": head.hash,
            "events": head.events,
            "sealed_at": head.sealed_at.isoformat(),
        }
    )


def add_anchor(path: Path, head: Head) -> None:
    """Append the head; anchors already there stay, since each of them must hold for ever."""
    with path.open("a", encoding="utf-8") as file:
        file.write(anchor_line(head) + "\n")


def read_anchors(path: Path) -> list[Anchor]:
    """All anchors of a file. Raises UnreadableAnchor."""
    anchors = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            found = json.loads(line)
            anchors.append(Anchor(int(found["seal"]), str(found["hash"]), int(found["events"])))
        except (ValueError, KeyError, TypeError):
            raise UnreadableAnchor(f"{path}: line {number} is no anchor.") from None
    if not anchors:
        raise UnreadableAnchor(f"{path} holds no anchor.")
    return anchors
