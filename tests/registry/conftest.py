"""What tests of the running registry start from."""

from __future__ import annotations

import psycopg
import pytest
from django.core.cache import cache

from tests.snapshot import start_from
from tests.universe import Universe, build_universe


@pytest.fixture
def universe(database: None, superuser: psycopg.Connection) -> Universe:
    """The named states of tests/universe.py without outcomes; nothing is counted of anybody yet."""
    cache.clear()
    return start_from("stale universe", lambda: build_universe(derived=False), superuser)
