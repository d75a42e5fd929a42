"""What gunicorn does around its web processes: one folder in which their numbers meet (/metrics), and
lines of its own that repeat no request.

prometheus_client looks for the folder when it is imported, so nothing here imports it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, Final

from registry.logs import ServerFormatter

VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"


def on_starting(server: Any) -> None:
    """An empty folder, in memory where there is some; the web processes inherit its name."""
    shared = "/dev/shm"  # noqa: S108 - mkdtemp makes a private folder in it
    place = shared if os.access(shared, os.W_OK) else None
    if VARIABLE not in os.environ:
        os.environ[VARIABLE] = tempfile.mkdtemp(prefix="registry-metrics-", dir=place)
    shutil.rmtree(os.environ[VARIABLE], ignore_errors=True)
    Path(os.environ[VARIABLE]).mkdir(mode=0o700, parents=True)
    on_reload(server)


def on_reload(server: Any) -> None:
    """gunicorn has set up its log anew: its lines are formatted here."""
    for handler in server.log.error_log.handlers:
        handler.setFormatter(ServerFormatter(server.log.error_fmt, server.log.datefmt))


def on_exit(server: Any) -> None:
    """Nothing is left of it."""
    shutil.rmtree(os.environ[VARIABLE], ignore_errors=True)
