"""`manage.py bench`: measure the product against plain alternatives and write docs/benchmarks.md."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser

from registry.bench import (
    backup,
    cluster,
    derivation,
    exporting,
    importing,
    load,
    million,
    pages,
    report,
    saving,
    security,
    soak,
    starting,
    statistics,
    workers,
)
from registry.bench.measure import Table

DEFAULT_RECORDS: Final = 100_000
FULL_RECORDS: Final = 1_000_000
FULL: Final = ("derive-full", "million")  # of FULL_RECORDS
LONG: Final = (*FULL, "soak")  # only when asked for
BENCHMARKS: Final[dict[str, Callable[[int], list[Table]]]] = {
    "derive": derivation.run,
    "derive-full": derivation.run,
    "import": importing.run,
    "export": exporting.run,
    "save": saving.run,
    "security": security.run,
    "pages": pages.run,
    "statistics": statistics.run,
    "start": starting.run,
    "load": load.run,
    "workers": workers.run,
    "backup": backup.run,
    "million": million.run,
    "soak": soak.run,
}


class Command(BaseCommand):
    """Each benchmark runs in a process and a database of its own, on a cluster that is thrown away."""

    help = (
        "Measure: derivation, import, exports, saving, row-level security, pages, statistics, start, many people"
        " at once, workers, backups; a soak only when asked for. Writes docs/benchmarks.md."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Sizes and choice."""
        parser.add_argument(
            "--records",
            type=int,
            default=int(os.environ.get("RECORDS", DEFAULT_RECORDS)),
            help=f"records of the derivation and rows of the import (RECORDS, or {DEFAULT_RECORDS})",
        )
        parser.add_argument(
            "--full", action="store_true", help=f"also what is measured of {FULL_RECORDS} records"
        )
        parser.add_argument(
            "--minutes",
            type=float,
            default=soak.MINUTES,
            help="how long the soak lasts (default: %(default)g)",
        )
        parser.add_argument(
            "--people",
            type=int,
            default=soak.PEOPLE,
            help="how many work in it (default: %(default)d)",
        )
        parser.add_argument("--only", choices=BENCHMARKS, action="append", help="measure this one")
        parser.add_argument(
            "--report",
            type=Path,
            default=report.DEFAULT,
            help="where to write (docs/benchmarks.md)",
        )
        parser.add_argument("--inside", choices=BENCHMARKS, help="for the command's own processes")
        parser.add_argument("--result", type=Path, help="for the command's own processes")

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit status 1 when a benchmark fails; what was measured before is in the report."""
        if options["records"] < 100:
            raise CommandError("--records: at least 100.")
        if options["inside"]:
            run = BENCHMARKS[options["inside"]]
            if run is soak.run:
                run = partial(soak.run, minutes=options["minutes"], people=options["people"])
            tables = run(options["records"])
            options["result"].write_text(json.dumps([table.as_json() for table in tables]))
            return
        chosen = options["only"] or [name for name in BENCHMARKS if name not in LONG]
        if options["full"]:
            chosen += [name for name in FULL if name not in chosen]
        try:
            with cluster.throw_away_cluster() as servers:
                for name in chosen:
                    self._measure(servers, name, options)
        except CalledProcessError as error:
            raise CommandError(
                f"A benchmark failed (status {error.returncode}); see above."
            ) from None

    def _measure(self, servers: cluster.Cluster, name: str, options: dict[str, Any]) -> None:
        records = FULL_RECORDS if name in FULL else options["records"]
        self.stderr.write(f"bench: {name} ...")
        load = os.getloadavg()[0]
        with (
            servers.database("bench") as environment,
            tempfile.NamedTemporaryFile(suffix=".json") as result,
        ):
            arguments = ["--inside", name, "--records", str(records), "--result", result.name]
            arguments += ["--minutes", str(options["minutes"]), "--people", str(options["people"])]
            cluster.manage("bench", *arguments, environment=environment)
            tables = [Table(**table) for table in json.loads(Path(result.name).read_text())]
            text = report.section(name, tables, environment[cluster.DSN], load)
        self.stdout.write(text)
        report.replace_section(options["report"], name, text)
