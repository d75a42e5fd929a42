"""The keeper: a small process that runs one server for as long as anybody uses it.

Commands come and go, and several run at once; a server that were the child of one of them would end with it. So each
server has a keeper of its own. Every user of the server holds a shared lock on `users.lock`; when the keeper can take
that lock alone, the last user has gone (also one killed with SIGKILL: the kernel frees locks), and it stops the server.
If the keeper itself is killed, the kernel tells the server to stop.

Locks in `run/<kind>/`:

- `users.lock`: shared by the users, exclusive by a keeper that is stopping
- `start.lock`: exclusive by the one that looks for a keeper and starts one when there is none
- `keeper.lock`: exclusive by the keeper for its whole life
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from registry.stack.locks import FileLock, is_held
from registry.stack.paths import Places, StackError
from registry.stack.postgres import Postgres
from registry.stack.processes import tail
from registry.stack.servers import Server, Setting, setting_of
from registry.stack.valkey import Valkey

KINDS: dict[str, type[Postgres] | type[Valkey]] = {"postgres": Postgres, "valkey": Valkey}
POLL_SECONDS = 0.1
START_SECONDS = (
    600.0  # crash recovery of a large database takes minutes; a dead server is seen at once
)
START_TRIES = 3
STARTER = 1  # standard output is the line to the starter until the server is ready; standard error is the log


@dataclass(frozen=True)
class Post:
    """The lock and state files through which the users of one server and its keeper meet."""

    places: Places
    kind: str

    @property
    def folder(self) -> Path:
        """The folder of these files."""
        return self.places.run / self.kind

    @property
    def state(self) -> Path:
        """JSON with `keeper` (process id) and `sockets` (folder); there while the server runs."""
        return self.folder / "state.json"

    def lock(self, name: str) -> FileLock:
        """One of the three locks: users, start or keeper."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        return FileLock(self.folder / f"{name}.lock")

    def is_kept(self) -> bool:
        """Whether a keeper lives."""
        return is_held(self.folder / "keeper.lock")

    def sockets(self) -> Path | None:
        """The socket folder of the running server, None while it does not run."""
        try:
            return Path(json.loads(self.state.read_text())["sockets"])
        except FileNotFoundError:
            return None


class Keeper:
    """Starts one server, restarts it when it dies, stops it when the last user has gone."""

    def __init__(self, post: Post, setting: Setting) -> None:
        self._post = post
        self._setting = setting
        self._server: Server = KINDS[post.kind](setting)
        self._child: subprocess.Popen[bytes] | None = None
        self._asked_to_stop = False

    def run(self) -> None:
        """Start, tell the starter, keep, stop. Raises StackError when the server cannot be started."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop_soon)
        users = self._post.lock("users")
        try:
            self._start()
            self._write_state()
            report("ready")
            hang_up()
            while not self._asked_to_stop and not users.try_exclusive():
                time.sleep(POLL_SECONDS)
                self._restart_if_dead()
        finally:
            self._post.state.unlink(missing_ok=True)
            if self._child is not None:
                self._server.stop(self._child)
            shutil.rmtree(self._setting.sockets, ignore_errors=True)

    def _stop_soon(self, *_: object) -> None:
        self._asked_to_stop = True

    def _start(self) -> None:
        """Start the server and wait until it answers; what a killed one left may need a few tries."""
        self._server.prepare()
        for attempt in range(START_TRIES):
            self._child = self._server.start()
            end = time.monotonic() + START_SECONDS
            while self._child.poll() is None and time.monotonic() < end:
                if self._server.ready(self._child):
                    self._server.finish()
                    return
                time.sleep(0.01)
            self._server.stop(self._child)
            time.sleep(0.2 * (attempt + 1))
            self._server.prepare()
        log = self._setting.places.log / f"{self._post.kind}.log"
        raise StackError(f"{self._post.kind} did not start. The end of {log}:\n{tail(log)}")

    def _restart_if_dead(self) -> None:
        if self._child is not None and self._child.poll() is not None:
            print(
                f"{self._post.kind} ended: {self._child.returncode}; starting it again", flush=True
            )
            self._start()

    def _write_state(self) -> None:
        state = {"keeper": os.getpid(), "sockets": str(self._setting.sockets)}
        unfinished = self._post.state.with_suffix(".new")
        unfinished.write_text(json.dumps(state))
        unfinished.rename(self._post.state)


def report(kind: str, text: str = "") -> None:
    """Say one thing to the process that started this keeper: `ready`, or `error` with the reason."""
    os.write(STARTER, json.dumps([kind, text]).encode() + b"\n")


def hang_up() -> None:
    """Close the line to the starter, which does not wait for this keeper's end; print to the log from now on."""
    os.dup2(sys.stderr.fileno(), STARTER)


def throw_away(setting: Setting, kind: str) -> None:
    """Remove this server's data; the last keeper of the folder removes the folder itself."""
    shutil.rmtree(setting.home / kind, ignore_errors=True)
    try:
        setting.home.rmdir()
    except OSError:
        return  # the other server still has its data here
    shutil.rmtree(setting.places.data, ignore_errors=True)


def main(arguments: list[str]) -> int:
    """Entry point of the keeper process. Exit status 1 when its server cannot be started."""
    parser = argparse.ArgumentParser(prog="registry.stack.keeper")
    parser.add_argument("kind", choices=sorted(KINDS))
    parser.add_argument("data", type=Path)
    parser.add_argument(
        "--throw-away", action="store_true", help="sync nothing; remove the data at the end"
    )
    options = parser.parse_args(arguments)
    if os.fork():
        return 0  # the starter waits for this process; the keeper goes on as nobody's child
    post = Post(Places(options.data), options.kind)
    alone = post.lock("keeper")
    if not alone.try_exclusive(seconds=10):
        report("error", f"another keeper of {options.kind} runs for {options.data}")
        return 1
    try:
        setting = setting_of(post.places, options.kind, durable=not options.throw_away)
        try:
            Keeper(post, setting).run()
        finally:
            if options.throw_away:
                throw_away(setting, options.kind)
    except (StackError, OSError) as error:
        print(f"{post.kind}: {error}", file=sys.stderr)
        with contextlib.suppress(OSError):  # the starter may be gone
            report("error", str(error))
        return 1
    finally:
        alone.release()  # before the kernel frees users.lock: a waiting user must not find this keeper
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
