"""docs/benchmarks.md: a section for each benchmark, replaced when it is measured again."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import django
import psycopg

from registry.bench.measure import Table
from registry.stack.paths import CHECKOUT

DEFAULT: Final = CHECKOUT / "docs" / "benchmarks.md"
TITLES: Final = {
    "derive": "Derivation",
    "derive-full": "Derivation of the full registry",
    "import": "Import",
    "export": "De-identified exports",
    "save": "Saving",
    "security": "Row-level security and audit",
    "pages": "Pages",
    "statistics": "Survival statistics",
    "start": "Start",
    "load": "Many people at once",
    "workers": "One worker process and two",
    "backup": "Backup and restore",
    "million": "A million records",
    "soak": "Soak",
}
INTRODUCTION: Final = """# Benchmarks

Written by `make bench`. Each pair is measured side by side in one run, on a throw-away cluster with the
product's own server settings (synced to disk); medians where something is repeated. Times differ between
machines and with what else runs (the load before each measurement is told: above 1, read the ratios only).
The data: generated records of about 2 courses, 4 cycles, 6 assessments, 1 therapy and 4 follow-ups,
50 centers of unequal size, one date in ten partial.
"""


def machine(dsn: str, load: float) -> str:
    """Cores, memory, versions, and what else ran (`load`: runnable processes before); nothing that names the machine."""
    with psycopg.connect(dsn) as connection:
        server = connection.info.parameter_status("server_version")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{datetime.now(UTC):%Y-%m-%d}: {os.cpu_count()} cores {platform.machine()}, {memory:.0f} GB, Python"
        f" {platform.python_version()}, Django {django.get_version()}, PostgreSQL {server}; load before {load:.1f}."
    )


def section(name: str, tables: Sequence[Table], dsn: str, load: float) -> str:
    """The section of one benchmark as Markdown."""
    parts = [f"## {TITLES[name]}", machine(dsn, load)]
    for table in tables:
        parts.append(f"### {table.title}")
        parts.append("\n".join(_lines(table)))
        parts += ["\n".join(f"- {note}" for note in table.notes)] if table.notes else []
    return "\n\n".join(parts) + "\n"


def _lines(table: Table) -> list[str]:
    header = f"| {' | '.join(table.columns)} |"
    rule = f"|{'---|' * len(table.columns)}"
    return [header, rule, *(f"| {' | '.join(row)} |" for row in table.rows)]


def replace_section(path: Path, name: str, text: str) -> None:
    """Put the section into the file in the order of TITLES; the others stay as they are."""
    found = path.read_text(encoding="utf-8") if path.exists() else ""
    sections = {part.split("\n", 1)[0]: part for part in re.split(r"^## ", found, flags=re.M)[1:]}
    sections[TITLES[name]] = text.removeprefix("## ")
    kept = [sections[title].strip() for title in TITLES.values() if title in sections]
    path.write_text(INTRODUCTION + "".join(f"\n## {part}\n" for part in kept), encoding="utf-8")
