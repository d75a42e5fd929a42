"""Which centers an import may write, centers.csv, and imports by persons."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import psycopg
import pytest
from django.db import transaction

from centers.access import acting, system_scope
from centers.models import AuditEvent, Center
from tests.patients.bundles import record, row, write_folder
from tests.patients.import_tools import counted, findings, run, saved


def test_foreign_center_is_refused(center: Center, other_center: Center, tmp_path: Path) -> None:
    rows = {**record(), "follow_ups": [row("follow_ups", center="C02")]}
    folder = write_folder(tmp_path / "b", rows)
    assert findings(folder, "--center=C01") == [("follow_ups.csv", "2", "center", "center.foreign")]


def test_unknown_center_is_refused_unless_created(database: None, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "b", record())
    assert {f[2:] for f in findings(folder)} == {("center", "center.unknown")}
    assert run(folder, "--create-centers", "--center=C01")[0] == 0
    assert saved().patient.values["sex"] == "female"


def test_centers_file_creates_and_amends(database: None, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "b", {"centers": [row("centers", country="US")], **record()})
    assert run(folder, "--create-centers")[0] == 0
    assert Center.objects.get().name == "North"
    write_folder(folder, {"centers": [row("centers", name="Northern", city="")]})
    assert findings(folder)[0] == ("centers.csv", "2", "", "reason.required")
    status, out, _ = run(folder, "--reason", "renamed")
    assert (status, "Centers: 0 new, 1 changed, 0 unchanged" in out) == (0, True)
    assert Center.objects.get().name == "Northern"
    before = counted()
    assert run(folder)[0] == 0
    assert counted() == before


@pytest.mark.parametrize(
    ("centers", "expected"),
    [
        ([row("centers"), row("centers")], ("3", "center", "row.duplicate")),
        ([row("centers", status="open")], ("2", "status", "value.code")),
        ([row("centers", center="C 1")], ("2", "center", "value.text")),
        ([{"name": "x"}], ("1", "center", "header.missing")),
        ([{"center": "C01", "name": "=x"}], ("2", "name", "value.formula")),
    ],
)
def test_centers_file_fault_is_refused(
    database: None, tmp_path: Path, centers: list[dict[str, object]], expected: tuple[str, ...]
) -> None:
    folder = write_folder(tmp_path / "b", {"centers": centers, **record()})
    assert ("centers.csv", *expected) in findings(folder, "--create-centers")
    assert counted()["Center"] == 0


def test_import_by_a_person_without_the_right_has_status_two(
    center: Center, other_center: Center, tmp_path: Path, superuser: psycopg.Connection
) -> None:
    superuser.execute("set registry.actor = '1'")
    ids = superuser.execute(
        "insert into centers_user (public_id, username, full_name, email, password, is_active,"
        " is_demo, created_at) values (gen_random_uuid(), 'mona', 'M', '', '', true, false, now())"
        " returning id"
    ).fetchone()
    assert ids is not None
    superuser.execute(
        "insert into centers_membership (user_id, center_id, role, starts_on)"
        " values (%s, %s, 'coordinator', '2000-01-01')",
        [ids[0], center.pk],
    )
    superuser.execute("reset registry.actor")
    folder = write_folder(tmp_path / "b", record())
    assert run(folder, "--actor=mona", "--center=C02")[0] == 2
    assert run(folder, "--actor=mona", "--create-centers")[0] == 2
    assert run(folder, "--actor=MONA")[0] == 0
    rows = {form: [{**one, "center": "C02"} for one in lines] for form, lines in record().items()}
    write_folder(folder, rows)
    assert {f[2:] for f in findings(folder, "--actor=mona")} == {("center", "center.unknown")}
    with acting(system_scope()), transaction.atomic():
        by = Counter(
            AuditEvent.objects.filter(patient_id__isnull=False).values_list("actor_id", flat=True)
        )
    assert set(by) == {ids[0]}
