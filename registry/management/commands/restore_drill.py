"""`manage.py restore_drill BACKUP`: does this backup come back whole? Tried in a cluster of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final, TypedDict

import psycopg
from django.core.management.base import BaseCommand, CommandError, CommandParser

from registry.backups import DUMP, BackupError, counted, read_manifest, restore_backup
from registry.runs import note
from registry.stack.devstack import ROOM_FOR_TESTS, TestStack, start_test_stack
from registry.stack.paths import CHECKOUT, StackError

# A database takes 9 to 14 times its compressed dump (docs/benchmarks.md): a large one is restored on
# disk, not in shared memory.
ROOM_PER_BYTE: Final = 20


class Step(TypedDict):
    """What one step of the drill found; `seconds` it took."""

    step: str
    passed: bool
    seconds: float
    said: str


class Command(BaseCommand):
    """Exit status 1 when anything does not come back as it was."""

    help = (
        "Restore a backup into a throw-away cluster; compare rows, verify the audit trail, reproduce"
        " data cuts; print the evidence as JSON."
    )
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Which backup, and where the evidence goes."""
        parser.add_argument("backup", type=Path, help="the folder that `backup` wrote")
        parser.add_argument("--evidence", type=Path, help="write the JSON to this file as well")

    def handle(self, *_: Any, **options: Any) -> None:
        """Every step is done, also after one that failed."""
        folder = options["backup"]
        try:
            manifest = read_manifest(folder)
            size = (folder / DUMP).stat().st_size
            stack = start_test_stack(room=ROOM_FOR_TESTS + ROOM_PER_BYTE * size)
        except (BackupError, StackError) as error:
            raise CommandError(str(error)) from error
        try:
            steps = self._drill(folder, manifest, stack)
        finally:
            stack.stop()
        passed = all(step["passed"] for step in steps)
        total = round(sum(step["seconds"] for step in steps), 1)
        found = {"backup": folder.name, "made_at": manifest["made_at"], "passed": passed}
        evidence = json.dumps(found | {"seconds": total, "steps": steps}, indent=1)
        self.stdout.write(evidence)
        if options["evidence"]:
            options["evidence"].write_text(evidence + "\n", encoding="utf-8")
        failed = [step["step"] for step in steps if not step["passed"]]
        note("drill", passed=passed, seconds=total, backup=folder.name, failed=failed)
        if not passed:
            raise CommandError("The backup does not come back as it was; see the steps.")

    def _drill(self, folder: Path, manifest: dict[str, Any], stack: TestStack) -> list[Step]:
        steps: list[Step] = []

        def did(name: str, started: float, wrong: str = "") -> None:
            took = round(time.monotonic() - started, 1)
            steps.append({"step": name, "passed": not wrong, "seconds": took, "said": wrong})
            self.stderr.write(f"{name}: {wrong or 'as it was'} ({took} s)")

        started = time.monotonic()
        try:
            restore_backup(folder, stack.environment["DATABASE_OWNER_URL"])
        except BackupError as error:
            did("restore", started, str(error))
            return steps
        did("restore", started)
        started = time.monotonic()
        did("rows", started, _differing(manifest["rows"], stack))
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as anchor:
            anchor.write(json.dumps(manifest["anchor"]) + "\n" if manifest["anchor"] else "")
            anchor.flush()
            arguments = ["--anchor", anchor.name] if manifest["anchor"] else []
            started = time.monotonic()
            did("audit trail", started, _refused(stack, "verify_audit", *arguments))
        for name in manifest["data_cuts"]:
            started = time.monotonic()
            did(f"data cut {name}", started, _refused(stack, "data_cut", "verify", name))
        return steps


def _differing(rows: dict[str, int], stack: TestStack) -> str:
    with psycopg.connect(stack.superuser_dsn("registry")) as connection:
        found = counted(connection)
    different = sorted(
        name for name in rows.keys() | found.keys() if rows.get(name) != found.get(name)
    )
    return f"other numbers of rows: {', '.join(different)}" if different else ""


def _refused(stack: TestStack, *arguments: str) -> str:
    """What a command says of the restored database when it does not end well; empty when it does."""
    done = subprocess.run(  # noqa: S603 - this program itself
        [sys.executable, "manage.py", *arguments],
        cwd=CHECKOUT,
        env=os.environ | stack.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 else (done.stdout + done.stderr).strip()[-500:]
