"""Numbers of queries as reviewed data: a page that needs more (or fewer) changes query_counts.json."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection
from django.test.utils import CaptureQueriesContext

PINNED = Path(__file__).with_suffix(".json")


@contextmanager
def pinned_queries(name: str) -> Iterator[None]:
    """The block sends exactly as many queries as are written down for `name`."""
    with CaptureQueriesContext(connection) as captured:
        yield
    expected = json.loads(PINNED.read_text()).get(name)
    listing = "\n".join(query["sql"][:160] for query in captured)
    assert len(captured) == expected, f"{name}: {len(captured)} queries\n{listing}"
