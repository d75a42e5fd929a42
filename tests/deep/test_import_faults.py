"""Imports under fire: killed midway, two at once, a hundred thousand rows at flat memory."""

from __future__ import annotations

import csv
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import pytest

from tests.patients.bundles import EXAMPLE, record, write_folder
from tests.patients.import_tools import counted, run

COMMAND = [sys.executable, "-m", "django", "import_records"]
# Of rows read (form, line, key, cells) in flight and one chunk: measured 150, doubled.
MEMORY_KIB = 300 * 1024


def start(
    bundle: Path, *options: str, to: IO[bytes] | int = subprocess.PIPE
) -> subprocess.Popen[str]:
    """The command as a process of its own, on the database of this test."""
    return subprocess.Popen(
        [*COMMAND, str(bundle), "--all", "--create-centers", *options],
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "registry.settings"},
        stdout=to,
        stderr=subprocess.PIPE if to == subprocess.PIPE else subprocess.STDOUT,
        text=True,
    )


def measured(folder: Path, out: Path, *options: str) -> tuple[int, str, int]:
    """The command run to its end: exit code, what it told, its largest memory (KiB).

    Asked of the process itself: what `wait4` tells begins with the size of whoever forked it.
    """
    peak = 0
    with out.open("wb") as told, start(folder, *options, to=told) as process:
        while process.poll() is None:
            status = Path(f"/proc/{process.pid}/status").read_text()
            high_water = re.search(r"VmHWM:\s+(\d+)", status)
            peak = max(peak, int(high_water[1]) if high_water else 0)
            time.sleep(0.02)
    return process.returncode, out.read_text(), peak


def multiplied(target: Path, times: int) -> Path:
    """The example bundle several times over, as other persons of the same centers."""
    target.mkdir()
    for path in sorted(EXAMPLE.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as source:
            rows = list(csv.DictReader(source))
        with (target / path.name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            for copy in range(times):
                for row in rows:
                    changed = {**row, "record_id": f"{row['record_id']}-{copy}"}
                    if row.get("same_person_as"):
                        changed["same_person_as"] = f"{row['same_person_as']}-{copy}"
                    writer.writerow(changed)
    return target


@pytest.mark.requirement("R5")
@pytest.mark.parametrize("seed", range(6))
def test_import_killed_midway_leaves_nothing(database: None, tmp_path: Path, seed: int) -> None:
    with start(EXAMPLE) as process:
        assert process.stderr is not None
        process.stderr.readline()
        time.sleep(random.Random(seed).uniform(0, 1.5))
        process.kill()
    assert counted()["Patient"] in (0, 400)
    assert run(EXAMPLE, "--create-centers")[0] == 0
    assert counted()["Patient"] == 400
    assert run(EXAMPLE)[1].endswith("Nothing written: the registry has all of it already.\n")


def test_two_imports_of_one_bundle_at_once_save_it_once(database: None, tmp_path: Path) -> None:
    with start(EXAMPLE) as first, start(EXAMPLE) as second:
        told = [process.communicate(timeout=300) for process in (first, second)]
    assert [process.returncode for process in (first, second)] == [0, 0], told
    assert sorted(out.splitlines()[-1] for out, _ in told) == [
        "Imported.",
        "Nothing written: the registry has all of it already.",
    ]
    assert "another import is running: waiting for it" in told[0][1] + told[1][1]
    assert counted()["Patient"] == 400


def test_hundred_thousand_rows_are_imported_at_flat_memory(database: None, tmp_path: Path) -> None:
    folder = multiplied(tmp_path / "bundle", 10)
    code, out, peak = measured(folder, tmp_path / "told")
    assert code == 0, out
    assert "Records: 4,000 new, 0 changed, 0 unchanged" in out
    assert counted()["Patient"] == 4_000
    assert 50 * 1024 < peak < MEMORY_KIB
    _, out, _ = measured(folder, tmp_path / "told")
    assert out.endswith("Nothing written: the registry has all of it already.\n")


def test_hundred_thousand_bad_rows_are_reported_at_flat_memory(
    database: None, tmp_path: Path
) -> None:
    lines = b"".join(b'C01,R%d,"2003-02-30,alive\n' % n for n in range(100_000))
    header = b"center,record_id,date,vital_status\n"
    folder = write_folder(tmp_path / "b", {**record(), "follow_ups": header + lines})
    report = tmp_path / "report.csv"
    code, out, peak = measured(folder, tmp_path / "told", f"--report={report}")
    assert code == 1
    assert re.search(r"Refused \(100,000 findings\)", out)
    assert len(report.read_text().splitlines()) == 1 + 1_000 + 1
    assert 50 * 1024 < peak < MEMORY_KIB
    assert counted()["Patient"] == 0
