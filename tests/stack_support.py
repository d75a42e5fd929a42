"""Real processes for the tests of the one-command stack: commands, supervisors, what they leave."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from registry.stack import devstack
from registry.stack.paths import CHECKOUT

MARK = "REGISTRY_TEST_MARK"


@contextmanager
def data_folder() -> Iterator[Path]:
    """A folder that the servers' account can reach, removed at the end."""
    parent = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else Path(tempfile.gettempdir())
    folder = Path(tempfile.mkdtemp(prefix="registry-stack-test-", dir=parent))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        home = (folder / "servers").resolve()
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(home, ignore_errors=True)


@dataclass
class Place:
    """One data folder and the processes that commands started for it, found by a mark they all inherit."""

    data: Path
    mark: str

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of a newcomer: nothing of the test run, only the data folder."""
        given = {
            name: value for name, value in os.environ.items() if name not in devstack.VARIABLES
        }
        return {**given, MARK: self.mark, "REGISTRY_DATA_DIR": str(self.data), **more}

    def start(
        self, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Start `manage.py` with arguments; output is read together from one pipe."""
        return subprocess.Popen(
            [sys.executable, "manage.py", *arguments],
            cwd=CHECKOUT,
            env=environment or self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str, environment: Mapping[str, str] | None = None) -> tuple[int, str]:
        """Run `manage.py` to its end: exit status and output."""
        with self.start(*arguments, environment=environment) as process:
            output = process.communicate(timeout=300)[0]
        return process.returncode, output

    def left(self) -> dict[int, str]:
        """Processes of this place that still live: those with the mark, and the servers by their folder."""
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                marked = f"{MARK}={self.mark}".encode() in (entry / "environ").read_bytes()
                inside = str((self.data / "servers").resolve()) in str((entry / "cwd").readlink())
                alive = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
                if (marked or inside) and alive:
                    text = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    found[int(entry.name)] = text.strip()
            except OSError:
                continue
        return found

    def process(self, *words: str) -> int:
        """The oldest process of this place whose command line has all the words."""
        return min(pid for pid, text in self.left().items() if all(word in text for word in words))

    def end_all(self) -> None:
        """End whatever a failed test left."""
        for process in self.left():
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue


@contextmanager
def new_place() -> Iterator[Place]:
    """A new data folder without servers; all of its processes are ended at the end."""
    with data_folder() as folder:
        place = Place(folder, secrets.token_hex(8))
        try:
            yield place
        finally:
            place.end_all()


class Up:
    """A running `manage.py up`."""

    def __init__(self, place: Place, *arguments: str, **more: str) -> None:
        self.place = place
        self.output: list[str] = []
        self.process = place.start(
            "up", "--no-seed", *arguments, environment=place.environment(**more)
        )
        self.port = self._read_port()

    def _read_port(self) -> int:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output.append(line.rstrip())
            if "http://localhost:" in line:
                return int(line.rsplit(":", 1)[1].strip().rstrip("/"))
        raise AssertionError("up ended: " + "\n".join(self.output))

    def status(self, path: str = "/ready") -> int:
        """Status of a page; 0 while there is no answer."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path, headers={"Host": "localhost"})
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, read the rest of the output, return the exit status."""
        self.process.send_signal(number)
        self.output += self.process.communicate(timeout=180)[0].splitlines()
        return self.process.returncode


def becomes(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether the condition comes true within some seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True
