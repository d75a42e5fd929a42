"""What the keeper needs of a server, and what PostgreSQL and Valkey have in common."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from registry.stack import accounts
from registry.stack.locks import FileLock
from registry.stack.paths import Places, open_socket_folder
from registry.stack.processes import Account


@dataclass(frozen=True)
class Setting:
    """Where one server of one data folder lives and how careful it is with its data.

    `durable` is False for tests: nothing is synced to the disk, because the whole cluster is thrown away.
    """

    places: Places
    account: Account | None
    home: Path
    sockets: Path
    durable: bool


class Server(Protocol):
    """One server program of the stack."""

    def prepare(self) -> None:
        """Make the server's data on first use and clear what a killed predecessor left."""

    def start(self) -> subprocess.Popen[bytes]:
        """Start the program; its log goes to the log folder."""

    def ready(self, child: subprocess.Popen[bytes]) -> bool:
        """Whether the server answers."""

    def finish(self) -> None:
        """What is to be done after each start, once the server answers."""

    def stop(self, child: subprocess.Popen[bytes]) -> None:
        """Stop cleanly: nothing acknowledged is lost."""


def setting_of(places: Places, kind: str, durable: bool) -> Setting:
    """Make the folders of one server. Raises StackError when that cannot be done."""
    lock = FileLock(places.run / "home.lock")
    lock.exclusive()  # the keepers of both servers come here at the same time
    try:
        account = accounts.server_account(places)
        home = accounts.server_home(places, account)
    finally:
        lock.release()
    own = home.stat()
    sockets = open_socket_folder(places, kind, own.st_uid, own.st_gid)
    return Setting(places, account, home, sockets, durable)
