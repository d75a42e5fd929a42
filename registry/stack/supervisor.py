"""Web, worker and beat: started, watched, started again after a death, stopped in order."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final

from registry.stack import devstack, roles
from registry.stack.checked import command_line
from registry.stack.given import FILE
from registry.stack.paths import CHECKOUT, Places, StackError, metrics_folder
from registry.stack.processes import Launch, kill_group, start, stop, tail

FIRST_PORT = 8000
LAST_PORT = 8999
POLL_SECONDS = 0.2
SERVER_CHECK_SECONDS = 1.0
STEADY_SECONDS = 30.0  # a process that lived this long begins its back-off anew
LONGEST_PAUSE = 15.0
FIRST_PAGE_SECONDS = 60.0
THREADS = 4
_WEB: Final = (
    "gunicorn --config python:registry.gunicorn_conf registry.wsgi:application --worker-class gthread"
    f" --threads {THREADS} --graceful-timeout 10 --no-control-socket --log-level warning"
)
_WORKER: Final = "celery -A registry worker --without-gossip --without-mingle"
_BEAT: Final = "celery -A registry beat"
# Who but `manage.py` may hold the addresses and passwords of these logins.
HOLDERS = {roles.WORKER: "worker", roles.EXPORTER: "worker"}
PRIVATE = {
    variable: HOLDERS.get(role, "")
    for url, role in roles.URLS.items()
    if role != roles.APP
    for variable in (url, roles.LOGINS[role], roles.LOGINS[role] + FILE)
}


@dataclass
class Member:
    """One process of the registry."""

    name: str
    launch: Launch
    log: Path
    patience: float  # seconds it may take to finish what it is doing
    child: subprocess.Popen[bytes] | None = None
    failures: int = 0
    began: float = 0.0
    again_at: float = field(default=0.0)

    def begin(self) -> None:
        """Start it; its output goes to its log file."""
        with self.log.open("ab") as log:
            self.child = start(self.launch, log.fileno())
        self.began = time.monotonic()

    def tend(self, say: Callable[[str], None]) -> None:
        """Start it again after a death, later each time it dies soon."""
        now = time.monotonic()
        if self.child is None:
            if now >= self.again_at:
                self.begin()
        elif self.child.poll() is not None:
            kill_group(self.child.pid)
            self.failures = 1 if now - self.began > STEADY_SECONDS else self.failures + 1
            pause = min(0.5 * 2 ** (self.failures - 1), LONGEST_PAUSE)
            say(
                f"{self.name} ended ({_ending(self.child.returncode)}), again in {pause:g} s; log: {self.log}"
            )
            self.child = None
            self.again_at = now + pause

    def end(self) -> None:
        """Let it finish and stop."""
        if self.child is not None:
            stop(self.child, signal.SIGTERM, self.patience)
            self.child = None


def _ending(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"status {status}"


def asked_port(given: Mapping[str, str] = os.environ) -> int | None:
    """PORT, when it is set. Raises StackError when it is not a port number."""
    text = given.get("PORT", "")
    if text and not (text.isdecimal() and 0 < int(text) < 65536):
        raise StackError("PORT must be a number from 1 to 65535.")
    return int(text) if text else None


def open_port(asked: int | None) -> socket.socket:
    """A listening socket on this machine: the port asked for, or the first free one from 8000.

    The supervisor keeps it open, so the address stays while the web process starts again.
    Raises StackError when the port is taken.
    """
    for port in [asked] if asked else range(FIRST_PORT, LAST_PORT + 1):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
            listener.listen(128)
        except PermissionError as error:
            listener.close()
            raise StackError(
                f"Port {port} may not be used by this user; try --port {FIRST_PORT}."
            ) from error
        except OSError:
            listener.close()
        else:
            return listener
    if asked:
        raise StackError(
            f"Port {asked} is in use: stop what listens there, or choose another one "
            f"(manage.py up --port {asked + 1}, or make run PORT={asked + 1})."
        )
    raise StackError(
        f"All ports from {FIRST_PORT} to {LAST_PORT} are in use: choose one with --port N."
    )


def members(places: Places, listener: socket.socket, workers: int) -> list[Member]:
    """The processes in the order of their start; they stop the other way round."""
    # A name of its own: what a killed stack leaves there is the next one's to clear.
    more = {"web": {"PROMETHEUS_MULTIPROC_DIR": str(metrics_folder(places))}}

    def member(
        name: str, command: list[str], orphan_signal: signal.Signals, patience: float, *fds: int
    ) -> Member:
        # Outside the demo the checks of a deployment come first.
        launch = Launch(
            command_line([sys.executable, "-m", *command]),
            environment_for(name) | more.get(name, {}),
            orphan_signal,
            folder=CHECKOUT,
            descriptors=fds,
        )
        return Member(name, launch, places.log / f"{name}.log", patience)

    descriptor = listener.fileno()
    web = [*_WEB.split(), "--bind", f"fd://{descriptor}", "--workers", str(workers)]
    worker = [*_WORKER.split(), "--concurrency", str(workers)]
    beat = [*_BEAT.split(), "--schedule", str(places.run / "beat-schedule"), "--pidfile", ""]
    # The signals at the supervisor's own death are the quick ones: nothing may be left after seconds.
    return [
        member("worker", worker, signal.SIGKILL, 20.0),
        member("web", web, signal.SIGQUIT, 15.0, descriptor),
        member("beat", beat, signal.SIGTERM, 5.0),
    ]


def environment_for(name: str, given: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment of one process: no connection that is not its own."""
    found = {k: v for k, v in given.items() if PRIVATE.get(k, name) == name}
    return {**found, "PYTHONUNBUFFERED": "1", "REGISTRY_WORKER": "1" if name == "worker" else "0"}


class Supervisor:
    """Runs the processes until it is told to stop."""

    def __init__(
        self, processes: list[Member], stack: devstack.Stack | None, say: Callable[[str], None]
    ) -> None:
        self._members = processes
        self._stack = stack
        self._say = say
        self._stops = 0

    def run(self, port: int, started: Callable[[], None]) -> None:
        """Start all, call `started` when the first page is there, watch; on SIGINT or SIGTERM stop all.

        Raises StackError when the web process does not come up.
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        try:
            for member in self._members:
                member.begin()
            if self._wait_for_page(port):
                started()
            self._watch()
        finally:
            self._end()

    def _on_signal(self, *_: object) -> None:
        self._stops += 1
        if self._stops > 1:  # asked twice: at once
            for member in self._members:
                if member.child is not None:
                    kill_group(member.child.pid)

    def _wait_for_page(self, port: int) -> bool:
        """Wait for the first answer of the web process; False when asked to stop before."""
        web = next(member for member in self._members if member.name == "web")
        end = time.monotonic() + FIRST_PAGE_SECONDS
        while not self._stops:
            if answers(port):
                return True
            ended = web.child is None or web.child.poll() is not None
            if ended or time.monotonic() > end:
                raise StackError(
                    f"The web process did not start. The end of {web.log}:\n{tail(web.log)}"
                )
            time.sleep(0.05)
        return False

    def _watch(self) -> None:
        check_at = 0.0
        while not self._stops:
            for member in self._members:
                member.tend(self._say)
            if self._stack is not None and time.monotonic() >= check_at:
                check_at = time.monotonic() + SERVER_CHECK_SECONDS
                if self._stack.revive():
                    self._say("a server was killed together with its keeper; both run again")
            time.sleep(POLL_SECONDS)

    def _end(self) -> None:
        for member in reversed(self._members):
            self._say(f"stopping {member.name}")
            member.end()


def answers(port: int) -> bool:
    """Whether the web process answers a request."""
    connection = HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/live", headers={"Host": "localhost"})
        connection.getresponse()
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
    return True
