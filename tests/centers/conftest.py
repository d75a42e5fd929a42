"""Fixtures of the tests of the floor."""

from __future__ import annotations

import time

import pytest

WINDOW = 900
LONGEST_TEST = 15


@pytest.fixture
def one_window() -> None:
    """Limits count in windows of the clock: a test that counts does not begin at the end of one."""
    left = WINDOW - time.time() % WINDOW
    if left < LONGEST_TEST:
        time.sleep(left)
