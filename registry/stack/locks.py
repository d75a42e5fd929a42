"""Locks of the stack: flock(2), which the kernel frees however a process ends."""

import fcntl
import os
import time
from pathlib import Path


class FileLock:
    """One lock on one file. The file stays; only the lock says anything.

    The descriptor is not inherited by programs this process starts, so the lock ends with this process.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def shared(self) -> None:
        """Wait until no one holds the file alone, then hold it together with others."""
        fcntl.flock(self._open(), fcntl.LOCK_SH)

    def exclusive(self) -> None:
        """Wait until no one holds the file, then hold it alone."""
        fcntl.flock(self._open(), fcntl.LOCK_EX)

    def try_exclusive(self, seconds: float = 0.0) -> bool:
        """Hold the file alone if that is possible within `seconds`; say whether it is held."""
        end = time.monotonic() + seconds
        while not self._try(fcntl.LOCK_EX):
            if time.monotonic() >= end:
                return False
            time.sleep(0.02)
        return True

    def try_shared(self) -> bool:
        """Hold the file together with others if nobody holds it alone; say whether it is held."""
        return self._try(fcntl.LOCK_SH)

    def _try(self, kind: int) -> bool:
        try:
            fcntl.flock(self._open(), kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def write(self, text: str) -> None:
        """Put a note for people (a process id) into the locked file."""
        descriptor = self._open()
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode(), 0)

    def release(self) -> None:
        """Let go; harmless when nothing is held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> int:
        if self._descriptor is None:
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        return self._descriptor


def is_held(path: Path) -> bool:
    """Whether some process holds the file alone."""
    if not path.exists():
        return False
    lock = FileLock(path)
    try:
        return not lock.try_shared()
    finally:
        lock.release()
