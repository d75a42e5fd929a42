"""Backup, restore into an empty database, verification of the audit trail, and a drill: seconds and sizes."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from analytics.derivation.engine import refresh_all
from centers.sealing import seal_events
from registry.backups import MANIFEST
from registry.bench import cluster, switches
from registry.bench.data import load_records, seal_identities
from registry.bench.measure import Table, show_seconds

ARCHIVE_TIMEOUT: Final = 300  # seconds; docs/backup.md
# Rows loaded by SQL have their audit events as rows of the product have.
_ACTOR: Final = "-c registry.actor=1 -c registry.role=system -c registry.reason=benchmark"
_SIZES: Final = "select pg_database_size(current_database()), (select count(*) from audit.event)"


def run(records: int) -> list[Table]:
    """The demo, then generated records with their audit trail. Raises CalledProcessError when a command fails."""
    dsn = os.environ[cluster.DSN]
    servers = cluster.Cluster(dict(os.environ), Path(str(conninfo_to_dict(dsn)["host"])))
    columns = ["records", "audit events", "database", "backup", "its size", "restore"]
    columns += ["verify_audit after it", "restore and verify (RTO)", "drill"]
    table = Table("A backup and its way back", columns)
    table.notes.append(
        "The first row is the demo: 100 eligible records and what stands beside them."
    )
    with servers.database("bench_demo") as environment:
        for command in ("seed_demo", "rebuild_outcomes", "audit_anchor"):
            cluster.measured_manage(command, environment=environment)
        table.rows.append(_measured(servers, environment, table))
    _load(dsn, records)
    table.rows.append(_measured(servers, dict(os.environ), table))
    table.notes.append(
        "Each command as a process of its own, from its start to its end. Restore: into an empty database of the same"
        " cluster. Drill: in a cluster of its own that is not synced to disk; making that is in its time."
    )
    table.notes.append(
        "RPO, computed, not measured: a nightly backup loses at most its interval and the time it takes (24 h and the"
        f" backup above); with the write-ahead log archived at most archive_timeout ({ARCHIVE_TIMEOUT} s as in"
        " docs/backup.md) and the copying of one segment."
    )
    return [table]


def _load(dsn: str, records: int) -> None:
    told = make_conninfo(dsn, options=_ACTOR)
    with switches.audit_always(dsn):
        load_records(told, records)
        seal_identities(told)
    refresh_all()
    seal_events()


def _measured(servers: cluster.Cluster, environment: dict[str, str], table: Table) -> list[str]:
    """One row; what each step of the drill took goes to the notes."""
    with (
        tempfile.TemporaryDirectory(prefix="registry-bench-backup-") as name,
        servers.empty_database("bench_restored") as restored,
    ):
        folder = Path(name)
        files = {"REGISTRY_EXPORT_DIR": str(folder / "exports")}
        made = _manage(environment | files, "backup", "--to", str(folder / "backups"))
        (backup,) = (folder / "backups").iterdir()
        back = _manage(restored | files, "restore", str(backup))
        verified = _manage(restored | files, "verify_audit")
        evidence = folder / "drill.json"
        drill = _manage(
            environment | files, "restore_drill", str(backup), "--evidence", str(evidence)
        )
        size = sum(path.stat().st_size for path in backup.iterdir())
        records = json.loads((backup / MANIFEST).read_text())["rows"]["public.patients_patient"]
        table.notes.append(f"Drill of {records} records: {_steps(evidence)}.")
        with psycopg.connect(environment[cluster.DSN]) as connection:
            row = connection.execute(_SIZES).fetchone()
            assert row is not None
    cells = [str(records), str(row[1]), _megabytes(row[0]), show_seconds(made), _megabytes(size)]
    return [*cells, *map(show_seconds, (back, verified, back + verified, drill))]


def _manage(environment: dict[str, str], *arguments: str) -> float:
    return cluster.measured_manage(*arguments, environment=environment).seconds


def _steps(evidence: Path) -> str:
    found: dict[str, Any] = json.loads(evidence.read_text())
    return ", ".join(f"{step['step']} {step['seconds']} s" for step in found["steps"])


def _megabytes(size: int) -> str:
    return f"{size / 2**20:.0f} MB" if size >= 2**20 else f"{size / 2**10:.0f} kB"
