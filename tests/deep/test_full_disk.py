"""A full disk under the database: what cannot be written is refused and said to be, and nothing is lost.

The cluster lies on a small disk of its own, which root alone may mount.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from tests.ledger import System, Writer, compare, running, saving
from tests.processes import Browser
from tests.stack_support import becomes
from tests.universe import PASSWORD

DISK = "700m"
REFUSALS = 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A mounted folder of DISK bytes."""
    place = tmp_path / "disk"
    place.mkdir()
    for folder in (place, *place.parents):  # the servers' account passes through
        if folder.stat().st_mode & 0o001 == 0:
            folder.chmod(folder.stat().st_mode | 0o011)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=0711", "registry-test", str(place)]
    subprocess.run(mount, check=True)
    try:
        yield place
    finally:
        end = ["umount", str(place)]
        assert becomes(lambda: subprocess.run(end, check=False).returncode == 0, 30)


@pytest.fixture
def system(disk: Path) -> Iterator[System]:
    with running(disk / "data") as found:
        yield found


@pytest.mark.requirement("R1")
def test_full_disk_refuses_saves_and_loses_none(
    system: System, disk: Path, tell: Callable[[str], None]
) -> None:
    browser = Browser(f"http://localhost:{system.port}")
    browser.sign_in("carla", PASSWORD)
    filler = disk / "filler"
    with saving(system, date(2012, 1, 2)) as writers:
        assert becomes(lambda: all(len(writer.told) > 3 for writer in writers), 60)
        fill(filler)
        assert becomes(lambda: refusals(writers) >= REFUSALS, 240), compare(system, writers)
        statuses = [
            browser.get(writer.path.removesuffix("follow_ups/new/")).status for writer in writers
        ]
        told = sum(len(writer.told) for writer in writers)
        filler.unlink()
        assert becomes(lambda: sum(len(writer.told) for writer in writers) > told + 10, 60)
    books = compare(system, writers)
    tell(f"full disk under the database: {books}; pages read meanwhile: {statuses}")
    assert (books.lost, books.doubled) == (0, 0)
    assert set(books.refused) <= {503}
    assert set(statuses) <= {200, 503}


def refusals(writers: list[Writer]) -> int:
    return sum(writer.refused[503] for writer in writers)


def fill(filler: Path) -> None:
    """Until nothing more fits."""
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            with pytest.raises(OSError, match="No space left"):
                while True:
                    file.write(bytes(size))
