"""A backup comes back whole into a new cluster, or says what is wrong with it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from pytest_django import Settings

from analytics.actions.data_cuts import make_cut
from analytics.derivation.engine import current_cutoff
from centers.access import acting, system_scope
from centers.sealing import seal_events
from registry.backups import MANIFEST, key_fingerprint
from registry.stack.devstack import start_test_stack
from registry.tasks import scheduled_backup
from tests.universe import SURVIVOR, build_universe

RECORD_ID = SURVIVOR["patients"][0]["record_id"]


@pytest.fixture
def store(settings: Settings, tmp_path: Path) -> Path:
    """A store of exports with one file."""
    settings.REGISTRY_EXPORT_DIR = tmp_path / "store"
    settings.REGISTRY_EXPORT_DIR.mkdir()
    (settings.REGISTRY_EXPORT_DIR / "one").write_bytes(b"released")
    return Path(settings.REGISTRY_EXPORT_DIR)


@pytest.fixture
def backup(database: None, store: Path, tmp_path: Path) -> Path:
    """A backup of the universe with a data cut."""
    build_universe()
    with acting(system_scope()):
        make_cut(actor=system_scope(), name="June 2017", cutoff=current_cutoff())
    seal_events()
    return Path(said("backup", "--to", str(tmp_path / "backups")).strip())


def said(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def refused(*arguments: str) -> str:
    with pytest.raises(CommandError) as caught:
        said(*arguments)
    return str(caught.value)


def change_manifest(folder: Path, **changes: Any) -> None:
    path = folder / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.requirement("R2")
def test_drill_brings_rows_audit_trail_and_data_cut_back(
    backup: Path, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    evidence = tmp_path / "evidence.json"
    said("restore_drill", str(backup), "--evidence", str(evidence))
    found = json.loads(evidence.read_text())
    assert found["passed"] is True
    steps = [step["step"] for step in found["steps"]]
    assert steps == ["restore", "rows", "audit trail", "data cut June 2017"]
    manifest = json.loads((backup / MANIFEST).read_text())
    assert manifest["rows"]["public.patients_patient"] == 5
    tell(
        f"{sum(manifest['rows'].values())} rows of {len(manifest['rows'])} tables, {found['seconds']} s"
    )
    assert oct(backup.stat().st_mode)[-3:] == "700"
    assert {oct(path.stat().st_mode)[-3:] for path in backup.iterdir()} == {"600"}


@pytest.mark.requirement("R2")
def test_drill_finds_a_lost_row_a_cut_tail_and_another_cut(backup: Path) -> None:
    manifest = json.loads((backup / MANIFEST).read_text())
    rows = manifest["rows"] | {"public.patients_patient": 6}
    anchor = manifest["anchor"] | {"seal": manifest["anchor"]["seal"] + 1}
    change_manifest(backup, rows=rows, anchor=anchor, data_cuts={"July 2017": "00"})
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("restore_drill", str(backup), stdout=out, stderr=StringIO())
    steps = json.loads(out.getvalue())["steps"]
    assert [step["passed"] for step in steps] == [True, False, False, False]
    assert "patients_patient" in steps[1]["said"]


@pytest.mark.requirement("R2")
def test_restored_registry_serves_rows_and_files_and_holds_its_policies(
    backup: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = start_test_stack()
    try:
        monkeypatch.setenv("DATABASE_OWNER_URL", stack.environment["DATABASE_OWNER_URL"])
        restored = store.parent / "restored"
        assert "is not empty" in refused("restore", str(backup))  # the store itself
        monkeypatch.setattr(settings, "REGISTRY_EXPORT_DIR", restored)
        said("restore", str(backup))  # so the database was left empty
        assert (restored / "one").read_bytes() == b"released"
        with psycopg.connect(stack.environment["DATABASE_URL"]) as app:
            hidden = app.execute("select count(*) from patients_patient").fetchone()
            owners = app.execute(
                "select distinct tableowner from pg_tables where schemaname = 'public'"
            ).fetchall()
        assert hidden == (0,)
        assert owners == [("registry_owner",)]
        shutil.rmtree(restored)
        assert "The database is not empty" in refused("restore", str(backup))
        assert list(restored.iterdir()) == []
    finally:
        stack.stop()


def test_damaged_backup_and_another_key_are_refused(
    backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "REGISTRY_IDENTIFIER_KEY", bytes(32))
    assert "REGISTRY_IDENTIFIER_KEY is not the key" in refused("restore", str(backup))
    monkeypatch.undo()
    assert key_fingerprint() == json.loads((backup / MANIFEST).read_text())["identifier_key"]
    (backup / "files.tar").unlink()
    assert "No whole backup" in refused("restore_drill", str(backup))
    dump = bytearray((backup / "database.dump").read_bytes())
    dump[len(dump) // 2] ^= 1
    (backup / "database.dump").write_bytes(dump)
    assert "its hash differs" in refused("restore_drill", str(backup))


def test_backup_of_the_clock_goes_where_the_setting_says(
    backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "REGISTRY_BACKUP_DIR", str(backup.parent))
    monkeypatch.setattr(settings, "REGISTRY_BACKUPS_KEPT", 1)
    scheduled_backup.apply(throw=True)
    (left,) = backup.parent.iterdir()
    assert left.name > backup.name


def test_oldest_backups_go_and_strangers_stay(backup: Path) -> None:
    (backup.parent / "notes").mkdir()
    for stamp in ("20200101T000000.000000Z", "20200102T000000.000000Z"):
        (backup.parent / stamp).mkdir()
    said("backup", "--to", str(backup.parent), "--keep", "2")
    left = sorted(path.name for path in backup.parent.iterdir())
    assert len(left) == 3
    assert left[-1] == "notes"
    assert backup.name in left
