"""Backups: a dump of the whole database, the files of exports, and a manifest that says what is in them.

    20261128T021500.123456Z/
      database.dump   pg_dump's custom format, every row (the backup login passes row-level security)
      files.tar       the store of exports, if there is one
      manifest.json   sizes and SHA-256 of both, rows by table, head of the audit chain, data cuts,
                      version, and which identifier key is needed (its fingerprint, never the key)

What the manifest counts and what the dump holds are one snapshot of the database. A backup is written
beside its place and renamed: a folder with a plain name is whole. It holds clinical data and sealed
identifiers, so its folder is private; the identifier key must be kept apart from it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psycopg
from django.conf import settings
from django.db import connections
from psycopg import sql

from registry.stack import postgres, roles

Progress = Callable[[str], None]
DUMP, FILES, MANIFEST = "database.dump", "files.tar", "manifest.json"
SCHEMAS: Final = ("public", "ident", "audit", "release")
STAMP: Final = "%Y%m%dT%H%M%S.%fZ"
_NAME: Final = re.compile(r"\d{8}T\d{6}\.\d{6}Z")
_CHUNK: Final = 1 << 20
# libpq's variables by the names of its connection parameters.
_VARIABLES: Final = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
}


class BackupError(Exception):
    """A backup cannot be made, read or restored; the text says why and how to mend it."""


def make_backup(target: Path, progress: Progress = lambda _: None) -> Path:
    """Write a backup of what is committed now into a new folder below `target`; answers the folder.

    Needs DATABASE_BACKUP_URL. Raises BackupError; then nothing is left.
    """
    if "backup" not in connections:
        raise BackupError("Set DATABASE_BACKUP_URL: the login that may read every row (ADR 15).")
    folder = target / datetime.now(UTC).strftime(STAMP)
    unfinished = target / f".{folder.name}.unfinished"
    try:
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished.mkdir(mode=0o700)
        _fill(unfinished, progress)
        unfinished.rename(folder)
    except FileExistsError:
        raise BackupError(f"{folder} exists already; wait a second.") from None
    except OSError as error:
        raise BackupError(f"{error.filename or target}: {error.strerror}.") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a whole backup, its files checked against it. Raises BackupError."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        for name, said in manifest["files"].items():
            if _digest(folder / name) != said["sha256"]:
                raise BackupError(f"{folder / name} is not what was backed up: its hash differs.")
    except OSError as error:
        raise BackupError(f"{error.filename}: {error.strerror}. No whole backup.") from error
    except (ValueError, KeyError, AttributeError) as error:
        raise BackupError(f"{folder / MANIFEST} cannot be read. No whole backup.") from error
    return manifest


def restore_backup(folder: Path, owner_url: str, progress: Progress = lambda _: None) -> None:
    """Restore the dump, in one transaction, into the empty database that `owner_url` names.

    The roles must be there (`python -m registry.stack.roles`). Raises BackupError; then nothing is
    written. Files come back by `unpacked_files`.
    """
    read_manifest(folder)
    with psycopg.connect(owner_url) as connection:
        found = connection.execute(
            "select count(*) from pg_tables where schemaname = any(%s)", [list(SCHEMAS)]
        ).fetchone()
        if found and found[0]:
            raise BackupError(
                "The database is not empty. Make a new one (python -m registry.stack.roles) and"
                " restore into that."
            )
        info = connection.info.get_parameters() | {"password": connection.info.password}
    progress("restoring the database")
    command = ["pg_restore", "--exit-on-error", "--single-transaction", "--no-owner"]
    command += [f"--role={roles.OWNER}", f"--dbname={info['dbname']}", str(folder / DUMP)]
    _run(command, _login(info))


@contextmanager
def unpacked_files(folder: Path, store: Path) -> Iterator[None]:
    """Unpack the files of exports into an empty or absent folder, for good if the block ends without an error.

    Raises BackupError.
    """
    packed = folder / FILES
    if not packed.exists():
        yield
        return
    try:
        if store.exists() and any(store.iterdir()):
            raise BackupError(
                f"{store} is not empty; files are restored into an empty folder. Move what is there, or name"
                " another folder in REGISTRY_EXPORT_DIR."
            )
        store.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise BackupError(f"{store}: {error.strerror}.") from error
    try:
        with tarfile.open(packed) as archive:
            archive.extractall(store, filter="data")
        yield
    except BaseException as error:
        for path in store.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        if isinstance(error, OSError):
            raise BackupError(f"{store}: {error.strerror}.") from error
        raise


def expire(target: Path, keep: int) -> list[Path]:
    """Remove all but the newest `keep` (at least 1) whole backups; answers what was removed."""
    whole = sorted(path for path in target.iterdir() if _NAME.fullmatch(path.name))
    removed = whole[: -max(keep, 1)]
    for path in removed:
        shutil.rmtree(path)
    return removed


def counted(connection: psycopg.Connection[Any]) -> dict[str, int]:
    """Rows by table, as this login sees them."""
    tables = connection.execute(
        "select schemaname, tablename from pg_tables where schemaname = any(%s) order by 1, 2",
        [list(SCHEMAS)],
    ).fetchall()
    found = {}
    for schema, table in tables:
        name = sql.Identifier(schema, table)
        row = connection.execute(sql.SQL("select count(*) from {}").format(name)).fetchone()
        found[f"{schema}.{table}"] = int(row[0]) if row else 0
    return found


def key_fingerprint() -> str:
    """Which identifier key is in use: 16 hexadecimal digits that tell nothing else of it."""
    label = b"registry backup: identifier key"
    return hmac.new(settings.REGISTRY_IDENTIFIER_KEY, label, hashlib.sha256).hexdigest()[:16]


def _fill(folder: Path, progress: Progress) -> None:
    login = connections["backup"].get_connection_params()
    info = {name: login[name] for name in ("dbname", *_VARIABLES) if login.get(name)}
    with psycopg.connect(**info) as connection:
        connection.execute("set transaction isolation level repeatable read read only")
        progress("counting")
        said = _described(connection)
        progress("dumping the database")
        snapshot = connection.execute("select pg_export_snapshot()").fetchone()
        assert snapshot is not None
        command = ["pg_dump", "--format=custom", f"--snapshot={snapshot[0]}", "--no-password"]
        _run([*command, f"--file={folder / DUMP}", f"--dbname={info['dbname']}"], _login(info))
    if settings.REGISTRY_EXPORT_DIR.is_dir():
        progress("packing the files of exports")
        with tarfile.open(folder / FILES, "w") as archive:
            archive.add(settings.REGISTRY_EXPORT_DIR, arcname=".")
    said["files"] = {
        path.name: {"bytes": path.stat().st_size, "sha256": _digest(path)}
        for path in sorted(folder.iterdir())
    }
    (folder / MANIFEST).write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    for path in folder.iterdir():
        path.chmod(0o600)


def _described(connection: psycopg.Connection[Any]) -> dict[str, Any]:
    head = connection.execute(
        "select number, encode(hash, 'hex'), (select sum(events) from audit.seal), sealed_at"
        " from audit.seal order by number desc limit 1"
    ).fetchone()
    cuts = connection.execute("select name, content_hash from analytics_data_cut order by id")
    return {
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "registry": settings.VERSION,
        "server": connection.info.server_version,
        "identifier_key": key_fingerprint(),
        "anchor": {
            "seal": head[0],
            "hash": head[1],
            "events": int(head[2]),
            "sealed_at": head[3].isoformat(),
        }
        if head
        else None,
        "data_cuts": dict(cuts.fetchall()),
        "rows": counted(connection),
    }


def _login(info: Mapping[str, Any]) -> dict[str, str]:
    """libpq's variables: a password on the command line would show in the list of processes."""
    return {variable: str(info[name]) for name, variable in _VARIABLES.items() if info.get(name)}


def _run(command: list[str], login: Mapping[str, str]) -> None:
    """Run one of PostgreSQL's programs. Its words may quote a row, so an error names the program alone."""
    folder = settings.REGISTRY_PG_PROGRAMS or postgres.programs(None)
    program = str(Path(folder) / command[0])
    given = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC", **login}
    done = subprocess.run([program, *command[1:]], env=given, stderr=subprocess.PIPE, check=False)  # noqa: S603 - fixed program and arguments
    if done.returncode:
        first = re.sub(rb"(DETAIL|CONTEXT|Command was):.*", b"", done.stderr, flags=re.DOTALL)
        said = first.decode(errors="replace").strip().splitlines()
        raise BackupError(
            f"{command[0]} failed (status {done.returncode}). {said[0] if said else ''}"
        )


def _digest(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_CHUNK):
            found.update(block)
    return found.hexdigest()
