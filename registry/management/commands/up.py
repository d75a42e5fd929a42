"""`manage.py up`: the whole registry with one command."""

import os
import signal
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from analytics.demo.centers import DEMO_CENTERS
from analytics.management.commands.seed_demo import accounts_hint
from registry.stack import devstack, launch, roles, supervisor
from registry.stack.locks import FileLock
from registry.stack.paths import Places, StackError, default_places


class Command(BaseCommand):
    """Start web, worker and beat on ready servers and stay until Ctrl-C."""

    help = "Start the whole registry: servers, migrations, demo data, web, worker, beat. Ctrl-C stops it."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Options; none is needed."""
        parser.add_argument(
            "--port", type=int, default=None, help="default: PORT, or the first free from 8000"
        )
        parser.add_argument(
            "--no-seed", action="store_true", help="do not fill an empty demo database"
        )
        parser.add_argument(
            "--workers", type=int, default=2, help="web processes and task processes (2)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until Ctrl-C or SIGTERM. Exit status 1 when the registry cannot start."""
        # SIGTERM is like Ctrl-C, also while it migrates.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        places = default_places()
        places.prepare()
        lock = FileLock(places.run / "up.lock")
        if not lock.try_exclusive():
            pid = lock.path.read_text().strip()
            raise CommandError(
                f"The registry already runs from {places.data} (process {pid}). Stop that one first."
            )
        lock.write(str(os.getpid()))
        try:
            self._run(places, options)
        except StackError as error:
            raise CommandError(str(error)) from error
        finally:
            lock.release()

    def _run(self, places: Places, options: dict[str, Any]) -> None:
        listener = supervisor.open_port(options["port"] or supervisor.asked_port())
        port = listener.getsockname()[1]
        self._migrate(places)
        if not options["no_seed"]:
            self._seed()
        is_demo = settings.DEMO and {center.code for center in DEMO_CENTERS} <= _center_codes()
        accounts = accounts_hint() if is_demo else []
        connections.close_all()
        launch.progress("starting web, worker and beat")
        processes = supervisor.members(places, listener, options["workers"])
        supervisor.Supervisor(processes, launch.held_stack(), launch.progress).run(
            port, lambda: self._announce(places, port, accounts)
        )
        stack = launch.held_stack()
        if stack is not None:
            stack.release(launch.progress)

    def _migrate(self, places: Places) -> None:
        missing = [name for name in roles.NEEDED_URLS if not os.environ.get(name)]
        if missing:
            raise CommandError(
                f"DATABASE_URL is set, so {' and '.join(missing)} must be set too: the web process, the worker and "
                "migrations have roles of their own. `python -m registry.stack.roles` prints the SQL that makes them."
            )
        launch.progress("migrating")
        call_command("migrate", database="owner", verbosity=0, interactive=False)
        stack = launch.held_stack()
        if stack is not None and devstack.POSTGRES in stack.kinds:
            launch.mark_migrated(places)

    def _seed(self) -> None:
        """Fill an empty demo database. It is one transaction: a killed seeding leaves it empty."""
        if settings.DEMO and not _center_codes():
            launch.progress("seeding the synthetic demo (once)")
            call_command("seed_demo", stdout=self.stdout, stderr=self.stderr)

    def _announce(self, places: Places, port: int, accounts: list[str]) -> None:
        lines = [f"The registry runs:  http://localhost:{port}/", f"Logs:  {places.log}"]
        lines += [*accounts, "Stop:  Ctrl-C"]
        self.stdout.write("\n" + "".join(f"  {line}\n" for line in lines))
        self.stdout.flush()


def _center_codes() -> set[str]:
    """The codes of all centers, as the owner sees them."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("select code from centers_center")
        return {code for (code,) in cursor.fetchall()}
