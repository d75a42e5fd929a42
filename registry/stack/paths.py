"""Where the stack keeps things: the data folder, its run and log folders, and the socket folders."""

import hashlib
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]

# sun_path holds 108 bytes with its closing zero; PostgreSQL refuses more.
SOCKET_PATH_LIMIT = 107
LONGEST_SOCKET_NAME = "/.s.PGSQL.5432.lock"


class StackError(Exception):
    """The stack cannot do what was asked; the text says why and how to mend it."""


@dataclass(frozen=True)
class Places:
    """The folders below one data folder. Two data folders never share a server, a lock or a socket."""

    data: Path

    @property
    def run(self) -> Path:
        """Locks and state of what runs now; nothing in it outlives the processes."""
        return self.data / "run"

    @property
    def log(self) -> Path:
        """One log file for each process."""
        return self.data / "log"

    @property
    def static(self) -> Path:
        """Where collectstatic would put files; empty in the demo, which serves them from the apps."""
        return self.data / "static"

    @property
    def servers(self) -> Path:
        """The servers' own data, or a link to it (see accounts.server_home)."""
        return self.data / "servers"

    def prepare(self) -> None:
        """Make the folders. Raises StackError when the data folder cannot be written by this user."""
        # The server account passes through the data folder to its own part; nobody else reads anything in it.
        mode = 0o711 if os.geteuid() == 0 else 0o700
        try:
            for folder, wanted in (
                (self.data, mode),
                (self.run, 0o700),
                (self.log, 0o700),
                (self.static, 0o700),
            ):
                if not folder.is_dir():
                    folder.mkdir(mode=wanted, parents=True, exist_ok=True)
                    folder.chmod(wanted)
        except OSError as error:
            raise StackError(
                f"The data folder {self.data} cannot be made: {error.strerror}. "
                "Set REGISTRY_DATA_DIR to a folder you may write."
            ) from error
        if not os.access(self.run, os.W_OK | os.X_OK):
            raise StackError(
                f"The data folder {self.data} belongs to another user. "
                "Set REGISTRY_DATA_DIR to a folder of your own, or run as its owner."
            )


def default_places() -> Places:
    """The data folder of this checkout: REGISTRY_DATA_DIR, or `.data` beside manage.py."""
    given = os.environ.get("REGISTRY_DATA_DIR", "")
    return Places(Path(given).expanduser().absolute() if given else CHECKOUT / ".data")


def socket_folder_names(places: Places, kind: str) -> list[Path]:
    """Candidates for one server's socket folder, the usual one first.

    A short folder in the system's temporary folder, named by a hash of the data folder, because a socket path has
    at most 107 bytes. The later ones serve when another user sits on the first.
    """
    names = []
    for parent in (Path(tempfile.gettempdir()), Path("/tmp")):  # noqa: S108 - names below are checked before use
        for suffix in ("", "-2", "-3"):
            name = parent / f"{_own_name(places, kind)}{suffix}"
            if (
                len(os.fsencode(f"{name}{LONGEST_SOCKET_NAME}")) < SOCKET_PATH_LIMIT
                and name not in names
            ):
                names.append(name)
    return names


def _own_name(places: Places, what: str) -> str:
    """Name of something outside of the data folder: another one for each user and data folder."""
    key = hashlib.sha256(f"{os.geteuid()}:{places.data}".encode()).hexdigest()[:16]
    return f"registry-{key}-{what}"


def metrics_folder(places: Places) -> Path:
    """Where web processes map their numbers: memory, else (none, or another's folder there) the data folder.

    A page that is mapped from a file on a full disk kills the process that touches it (SIGBUS).
    """
    name = Path("/dev/shm") / _own_name(places, "metrics")  # noqa: S108 - its owner is looked at
    try:
        name.mkdir(mode=0o700)
    except FileExistsError:
        if name.is_symlink() or name.stat().st_uid != os.geteuid():
            return places.run / "metrics"
    except OSError:
        return places.run / "metrics"
    return name


def open_socket_folder(places: Places, kind: str, uid: int, gid: int) -> Path:
    """Make or take over the private socket folder of one server, owned by the server's account, mode 0700.

    Raises StackError when no candidate is ours: another user can make a folder of that name first, and a socket in it
    would be theirs.
    """
    names = socket_folder_names(places, kind)
    for name in names:
        try:
            name.mkdir(mode=0o700)
            if os.geteuid() != uid:
                os.chown(name, uid, gid)
        except FileExistsError:
            pass
        except OSError:
            continue
        found = name.lstat()
        if (
            stat.S_ISDIR(found.st_mode)
            and found.st_uid == uid
            and stat.S_IMODE(found.st_mode) == 0o700
        ):
            return name
    raise StackError(
        f"No private folder for sockets: {', '.join(map(str, names))} belong to another user or are open to others. "
        "Remove them, or set TMPDIR to a folder of your own."
    )
