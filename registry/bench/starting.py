"""`make run` on an installed tree: from the command to the first page, on a new data folder and on a used one."""

from __future__ import annotations

import os
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final

from registry.bench.measure import Table, show_seconds
from registry.stack import devstack, supervisor
from registry.stack.paths import CHECKOUT, Places
from registry.stack.processes import Launch, start, stop, wait_until

AGAIN: Final = 3
PATIENCE: Final = 300.0
TARGET: Final = "under 10 s"
PAGE: Final = "/sign-in/"


def run(records: int, again: int = AGAIN) -> list[Table]:
    """One first start and some later ones; `records` does not matter. Raises RuntimeError when no page comes."""
    table = Table("Start of the whole registry", ["start", "starts", "median", "longest", "target"])
    with _new_folder() as folder:
        first = _first_page(folder)
        later = [_first_page(folder) for _ in range(again)]
    for name, took in (("new data folder", [first]), ("used data folder", later)):
        cells = [show_seconds(statistics.median(took)), show_seconds(max(took))]
        table.rows.append([name, str(len(took)), *cells, TARGET])
    table.notes.append(
        "From the command behind `make run` to the whole sign-in page. The first start makes the servers' folders,"
        " migrates and fills in the demo; each start has its own PostgreSQL, broker, web, worker and beat."
    )
    return [table]


@contextmanager
def _new_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="registry-bench-start-"))
    folder.chmod(0o711)  # the servers' account passes through to its own folder
    home = Places(folder).servers
    try:
        yield folder
    finally:
        home = home.resolve()
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(home, ignore_errors=True)


def _first_page(folder: Path) -> float:
    """Seconds from the command to the first page; the registry is stopped again."""
    listener = supervisor.open_port(None)
    port = listener.getsockname()[1]
    listener.close()
    log = folder / "up.log"
    command = [sys.executable, "manage.py", "up", "--port", str(port)]
    launch = Launch(command, _environment(os.environ, folder), signal.SIGTERM, folder=CHECKOUT)
    began = time.perf_counter()
    with log.open("wb") as output:
        child = start(launch, output.fileno())
        try:
            came = wait_until(lambda: _page_comes(port), PATIENCE, 0.02)
            took = time.perf_counter() - began
        finally:
            stop(child, signal.SIGINT, PATIENCE)
    if not came:
        raise RuntimeError(f"no page of a started registry: {log.read_text()}")
    return took


def _environment(given: Mapping[str, str], folder: Path) -> dict[str, str]:
    """A newcomer's: nothing of the benchmark, only the data folder."""
    kept = {name: value for name, value in given.items() if name not in devstack.VARIABLES}
    return {**kept, "REGISTRY_DATA_DIR": str(folder)}


def _page_comes(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", PAGE, headers={"Host": "localhost"})
        answer = connection.getresponse()
        return answer.status == 200 and answer.read().rstrip().endswith(b"</html>")
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
