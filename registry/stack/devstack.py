"""Using the embedded servers: attach to them (starting them when nobody has), and let go again."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from registry.stack import keys, postgres, roles, valkey
from registry.stack.keeper import Post
from registry.stack.locks import FileLock
from registry.stack.paths import CHECKOUT, Places, StackError, socket_folder_names
from registry.stack.processes import wait_until

POSTGRES = "postgres"
VALKEY = "valkey"
BOTH = (POSTGRES, VALKEY)
NAMES = {POSTGRES: "PostgreSQL", VALKEY: "Valkey"}
STOP_SECONDS = 60.0
HAND_OVER_SECONDS = 90.0
ROOM_FOR_TESTS = 1 << 30  # bytes; containers often have 64 MB of shared memory


class Attachment:
    """This process's use of one embedded server. It ends with `release`, or with the process in whatever way."""

    def __init__(self, places: Places, kind: str, throw_away: bool = False) -> None:
        self._post = Post(places, kind)
        self._throw_away = throw_away
        self._users: FileLock = self._post.lock("users")
        self._start: FileLock = self._post.lock("start")
        self._keeper: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Find the server's keeper or start one; `finish` waits until the server is ready."""
        self._users.shared()
        self._start.exclusive()
        # A keeper without a state file is on its way out.
        wait_until(
            lambda: not self._post.is_kept() or self._post.sockets() is not None, HAND_OVER_SECONDS
        )
        if not self._post.is_kept():
            self._keeper = self._start_keeper()

    def finish(self) -> Path:
        """The socket folder of the ready server. Raises StackError with the reason when it does not start."""
        try:
            if self._keeper is not None and self._keeper.stdout is not None:
                said = self._keeper.stdout.readline()
                kind, text = (
                    json.loads(said)
                    if said
                    else ("error", f"The keeper of {self._post.kind} ended.")
                )
                if kind != "ready":
                    raise StackError(text)
            sockets = self._post.sockets()
        finally:
            self._start.release()
        if sockets is None:
            raise StackError(
                f"The keeper of {self._post.kind} is neither running nor ending; try again."
            )
        return sockets

    def is_alive(self) -> bool:
        """Whether the server still has a keeper (which restarts the server itself)."""
        return self._post.is_kept()

    def release(self) -> None:
        """Stop using the server."""
        if self._keeper is not None and self._keeper.stdout is not None:
            self._keeper.stdout.close()
            self._keeper.wait()
        self._start.release()
        self._users.release()

    def wait_for_end(self) -> bool:
        """After `release`: wait for the server's end; False when others still use it."""
        end = time.monotonic() + STOP_SECONDS
        while self._post.is_kept() and time.monotonic() < end:
            if self._is_used_by_others():
                return False
            time.sleep(0.05)
        return not self._post.is_kept()

    def _is_used_by_others(self) -> bool:
        """Whether other processes share the lock of the users (a stopping keeper holds it alone)."""
        probe = self._post.lock("users")
        try:
            return not probe.try_exclusive() and probe.try_shared()
        finally:
            probe.release()

    def _start_keeper(self) -> subprocess.Popen[bytes]:
        """Start a process that forks the keeper; the keeper is nobody's child and outlives this process."""
        command = [
            sys.executable,
            "-m",
            "registry.stack.keeper",
            self._post.kind,
            str(self._post.places.data),
        ]
        if self._throw_away:
            command.append("--throw-away")
        with (self._post.places.log / "keeper.log").open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=CHECKOUT,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(_import_path())},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )


class Stack:
    """The embedded servers of one data folder, as this process uses them."""

    def __init__(
        self, places: Places, kinds: Iterable[str] = BOTH, throw_away: bool = False
    ) -> None:
        self.places = places
        self._throw_away = throw_away
        self._attached: dict[str, Attachment] = {}
        self._sockets: dict[str, Path] = {}
        self.kinds = tuple(kinds)

    @property
    def is_new(self) -> bool:
        """Whether the data folder has no database cluster yet."""
        return POSTGRES in self.kinds and not (self.places.servers / POSTGRES).is_dir()

    def attach(self) -> None:
        """Start what does not run and wait until all of it answers. Raises StackError."""
        self.places.prepare()
        keys.secret_environment(self.places)
        missing = [kind for kind in self.kinds if kind not in self._attached]
        try:
            for kind in missing:
                self._attached[kind] = Attachment(self.places, kind, self._throw_away)
                self._attached[kind].begin()
            for kind in missing:
                self._sockets[kind] = self._attached[kind].finish()
        except BaseException:  # Ctrl-C too: what began to start must find that nobody wants it
            self.release()
            raise

    def revive(self) -> bool:
        """Attach again to a server whose keeper was killed; say whether there was one."""
        dead = [kind for kind, attachment in self._attached.items() if not attachment.is_alive()]
        for kind in dead:
            self._attached.pop(kind).release()
        if dead:
            self.attach()
        return bool(dead)

    def release(self, say: Callable[[str], None] = lambda _: None) -> bool:
        """Let go, Valkey first, and wait for the servers' end. False when others still use one of them."""
        ended = True
        for kind in reversed(self.kinds):
            attachment = self._attached.pop(kind, None)
            if attachment is not None:
                say(f"stopping {NAMES[kind]}")
                attachment.release()
                if not attachment.wait_for_end():
                    say(f"{NAMES[kind]} stays: another command uses it")
                    ended = False
        return ended

    def sockets(self, kind: str) -> Path:
        """The socket folder of a server, or where it would be while it does not run."""
        return self._sockets.get(kind) or socket_folder_names(self.places, kind)[0]

    def __enter__(self) -> "Stack":
        self.attach()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def _import_path() -> list[str]:
    """Where the keeper finds this package, and what this process was given."""
    return [str(CHECKOUT), *filter(None, [os.environ.get("PYTHONPATH")])]


# What `environment` sets, and what a command may have been given beside it: a registry of its own begins without.
VARIABLES = (
    *roles.URLS,
    "REDIS_URL",
    "SECRET_KEY",
    "STATIC_ROOT",
    "REGISTRY_DEMO",
    "REGISTRY_IDENTIFIER_KEY",
    "REGISTRY_CUTOFF",
    "PORT",
)


def environment(stack: Stack) -> dict[str, str]:
    """The variables that settings read, for the embedded servers and the secrets of the data folder."""
    found = {
        "REGISTRY_DEMO": "1",
        "STATIC_ROOT": str(stack.places.static),
        **keys.secret_environment(stack.places),
    }
    if POSTGRES in stack.kinds:
        folder = quote(str(stack.sockets(POSTGRES)), safe="")
        for variable, login in roles.URLS.items():
            found[variable] = f"postgresql://{login}@/{roles.DATABASE}?host={folder}"
    if VALKEY in stack.kinds:
        socket = stack.sockets(VALKEY) / valkey.SOCKET_NAME
        found["REDIS_URL"] = f"redis+socket://{socket}?virtual_host=0"
    return found


class TestStack:
    """Servers for one test run: nothing is synced, and the data goes with the run, also with a killed one."""

    __test__ = False  # not a class of tests

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.environment = environment(stack)
        self.directory = stack.places.data
        self.sockets = stack.sockets(POSTGRES)

    def superuser_dsn(self, database: str = "postgres") -> str:
        """Connection string of the superuser."""
        return postgres.superuser_dsn(self.sockets, database)

    def stop(self) -> None:
        """Stop the servers and remove their data."""
        self._stack.release()


def start_test_stack(directory: Path | None = None, room: int = ROOM_FOR_TESTS) -> TestStack:
    """Start servers for tests, in shared memory when it has `room` (bytes), else in the temporary folder.

    `directory` is made, used and removed at the end; it must not hold anything else. Raises StackError.
    """
    if directory is None:
        shared = Path("/dev/shm")  # noqa: S108 - mkdtemp makes a private folder in it
        fits = os.access(shared, os.W_OK) and shutil.disk_usage(shared).free > room
        directory = Path(tempfile.mkdtemp(prefix="registry-test-", dir=shared if fits else None))
        if os.geteuid() == 0:
            directory.chmod(0o711)  # the servers' account passes through to its own folder
    stack = Stack(Places(directory.absolute()), throw_away=True)
    stack.attach()
    return TestStack(stack)
