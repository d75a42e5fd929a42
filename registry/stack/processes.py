"""Child processes that never outlive their parent, and the end of those that should stop."""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass(frozen=True)
class Account:
    """A system account that a server runs as."""

    uid: int
    gid: int


@dataclass(frozen=True)
class Launch:
    """How to start one child.

    `orphan_signal` is sent by the kernel when the parent ends in any way. `account` is set when the child must not
    run as the parent's user.
    """

    command: Sequence[str | Path]
    environment: Mapping[str, str]
    orphan_signal: signal.Signals
    folder: Path = Path("/")
    account: Account | None = None
    descriptors: Sequence[int] = field(default=())


def die_with_parent(orphan_signal: signal.Signals, parent: int) -> Callable[[], None]:
    """A preexec function: the kernel sends `orphan_signal` to the child when its parent ends.

    CPython changes the user before it calls this, so the user change does not reset the request. The signal comes
    when the *thread* that started the child ends: start children from the main thread.
    """
    library = ctypes.CDLL(None)

    def request() -> None:
        library.prctl(PR_SET_PDEATHSIG, int(orphan_signal))
        if os.getppid() != parent:  # the parent ended before the request
            os._exit(1)

    return request


def start(launch: Launch, log: IO[bytes] | int) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own (Ctrl-C reaches only the parent), output to `log`.

    Raises OSError when the program cannot be run.
    """
    account = launch.account
    return subprocess.Popen(
        [os.fspath(part) for part in launch.command],
        env=dict(launch.environment),
        cwd=launch.folder,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        pass_fds=tuple(launch.descriptors),
        preexec_fn=die_with_parent(launch.orphan_signal, os.getpid()),
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=() if account else None,
    )


def stop(child: subprocess.Popen[bytes], gentle: signal.Signals, patience: float) -> None:
    """Ask a child to stop, wait at most `patience` seconds, then kill it and all of its session's group."""
    if child.poll() is None:
        child.send_signal(gentle)
        try:
            child.wait(patience)
        except subprocess.TimeoutExpired:
            child.kill()
    kill_group(child.pid)
    child.wait()


def kill_group(group: int) -> None:
    """End what a child left behind in its own process group."""
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def processes_in(folder: Path) -> list[int]:
    """Processes whose working folder is `folder` (a PostgreSQL server works in its data folder)."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                here = os.readlink(entry / "cwd")
            except OSError:
                continue  # ended meanwhile, or another user's
            if here == str(folder):
                found.append(int(entry.name))
    return found


def wait_until(condition: Callable[[], bool], seconds: float, pause: float = 0.02) -> bool:
    """Poll until `condition` holds or `seconds` have passed; say whether it held."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= end:
            return False
        time.sleep(pause)
    return True


def tail(path: Path, lines: int = 15) -> str:
    """The last lines of a log file, for a message about a failed start."""
    try:
        content = path.read_text(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(content.splitlines()[-lines:])
