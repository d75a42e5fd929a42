"""Backups and drills, noted in the registry so that the operations page shows the last ones."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

from django.db import DatabaseError

from centers.access import system_scope
from centers.actions.operations import note_run
from registry.backups import BackupError, Progress, make_backup

logger = logging.getLogger(__name__)


def noted_backup(target: Path, progress: Progress = lambda _: None) -> Path:
    """`make_backup`, and a row that says whether it was made. Raises BackupError."""
    started = time.monotonic()
    try:
        folder = make_backup(target, progress)
    except BackupError:
        note("backup", passed=False, seconds=time.monotonic() - started)
        raise
    note("backup", passed=True, seconds=time.monotonic() - started, backup=folder.name)
    return folder


def note(kind: str, *, passed: bool, seconds: float, **detail: Any) -> None:
    """Write the row; a database that is away (a drill may run anywhere) is a line in the log."""
    try:
        note_run(actor=system_scope(), kind=kind, passed=passed, seconds=seconds, **detail)
    except DatabaseError as error:
        logger.warning("The run was not noted: no database (%s).", type(error).__name__)
