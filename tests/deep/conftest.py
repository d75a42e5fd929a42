"""Which deep tests have the machine to themselves."""

from __future__ import annotations

from typing import Final

import pytest

# They start, kill or time whole processes; others run two at a time, file by file.
ALONE: Final = {
    "test_acknowledged.py",
    "test_bench.py",
    "test_compose.py",
    "test_full_disk.py",
    "test_import_faults.py",
    "test_import_uploads.py",
    "test_smuggling.py",
    "test_stack_commands.py",
    "test_stack_faults.py",
    "test_stack_servers.py",
    "test_worker_faults.py",
}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Before `-m` chooses."""
    for item in items:
        if item.path.parent.name == "deep" and item.path.name in ALONE:
            item.add_marker("alone")
