"""What `manage.py` does before Django: servers and environment for a command.

With DATABASE_URL set nothing is started (but `up` still starts a Valkey when REDIS_URL is not set). Without it the
command uses the embedded servers of this checkout: those that run, or new ones for the command's duration.
"""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from registry.stack import devstack, keys
from registry.stack.locks import FileLock
from registry.stack.paths import Places, default_places

# These load settings and apps but touch no database.
WITHOUT_SERVERS = frozenset(
    {
        "--help",
        "-h",
        "--version",
        "bench",  # starts servers of its own
        "check",
        "collectstatic",
        "compilemessages",
        "diffsettings",
        "findstatic",
        "help",
        "makemessages",
        "survival",  # reads one file
        "version",
    }
)
# These say themselves what becomes of the tables.
WITHOUT_FIRST_MIGRATION = frozenset(
    {"makemigrations", "migrate", "showmigrations", "sqlmigrate", "up"}
)
BEGAN = time.monotonic()
YES = frozenset({"1", "true", "yes", "on"})


@contextlib.contextmanager
def servers_for(arguments: Sequence[str], migrate: Callable[[], None]) -> Iterator[None]:
    """Set the environment for a command line, with the servers it needs running until the end of the block.

    `migrate` makes the tables; it is called on the first use of a data folder. Raises StackError.
    """
    command = arguments[1] if len(arguments) > 1 else "help"
    kinds = needed_servers(command)
    stack = devstack.Stack(default_places(), kinds)
    if command in WITHOUT_SERVERS or {"--help", "-h"} & set(arguments):
        if kinds:
            stack.places.prepare()
            _set_environment(devstack.environment(stack))
        yield
        return
    if not kinds and command != "up":
        if _is_demo_without_secrets():
            _set_environment(_own_secrets(stack.places))
        yield
        return
    if command == "up":
        progress(
            f"starting {' and '.join(map(devstack.NAMES.__getitem__, kinds)) or 'nothing embedded'}"
        )
    elif stack.is_new:
        print("First use of this data folder: making the database ...", file=sys.stderr)
    with holding(stack):
        _set_environment(devstack.environment(stack))
        if devstack.POSTGRES in kinds and command not in WITHOUT_FIRST_MIGRATION:
            migrate_once(stack.places, migrate)
        yield


def progress(text: str) -> None:
    """One line of what `up` does, with the seconds since its start."""
    print(f"[up {time.monotonic() - BEGAN:5.1f} s] {text}", flush=True)


def needed_servers(command: str, given: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The embedded servers that a command uses, given what the environment names."""
    if given.get("DATABASE_URL"):
        return (devstack.VALKEY,) if command == "up" and not given.get("REDIS_URL") else ()
    if given.get("REDIS_URL"):
        return (devstack.POSTGRES,)
    return devstack.BOTH


_held: list[devstack.Stack] = []


@contextlib.contextmanager
def holding(stack: devstack.Stack) -> Iterator[None]:
    """Attach to the stack for the block, and let `held_stack` find it."""
    with stack:
        _held.append(stack)
        try:
            yield
        finally:
            _held.remove(stack)


def held_stack() -> devstack.Stack | None:
    """The embedded servers that this process uses, for the supervisor."""
    return _held[-1] if _held else None


def migrate_once(places: Places, migrate: Callable[[], None]) -> None:
    """Make the tables of a new data folder. A mark says when that is done, so a killed first start is repeated."""
    mark = places.servers / "migrated"
    if mark.exists():
        return
    lock = FileLock(places.run / "migrate.lock")
    lock.exclusive()
    try:
        if not mark.exists():
            migrate()
            mark.touch()
    finally:
        lock.release()


def mark_migrated(places: Places) -> None:
    """Note that the tables of the embedded database are made."""
    (places.servers / "migrated").touch()


def _is_demo_without_secrets() -> bool:
    demo = os.environ.get("REGISTRY_DEMO", "").lower() in YES
    return demo and not all(map(os.environ.get, ("SECRET_KEY", "REGISTRY_IDENTIFIER_KEY")))


def _own_secrets(places: Places) -> dict[str, str]:
    places.prepare()
    return keys.secret_environment(places)


def _set_environment(found: dict[str, str]) -> None:
    """Set variables; what the user set holds, but the databases belong together."""
    for name, value in found.items():
        if name.startswith("DATABASE_") or not os.environ.get(name):
            os.environ[name] = value
