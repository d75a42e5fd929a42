"""The documented clients against the registry's real processes; a download that was killed goes on.

The R script is run where R with its packages is installed; elsewhere there is no test of it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import psycopg
import pytest
from django.conf import settings

from analytics.actions.exports import approve_export
from analytics.export_jobs import ExportState
from analytics.models import ExportJob
from analytics.projects import SAFE_HARBOR
from centers.access import scope_of
from registry.stack.paths import CHECKOUT
from tests.analytics.exports_world import World, build_world
from tests.api_tools import Program, program
from tests.processes import Registry, running_registry
from tests.stack_support import becomes

EXAMPLES = CHECKOUT / "docs" / "examples"
R_NEEDS = ("jsonlite", "curl")


@pytest.fixture
def world(database: None, superuser: psycopg.Connection) -> World:
    return build_world(superuser)


@pytest.fixture
def registry(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    monkeypatch.setenv("REGISTRY_EXPORT_DIR", str(tmp_path / "store"))
    monkeypatch.setattr(settings, "REGISTRY_EXPORT_DIR", tmp_path / "store")
    with running_registry() as running:
        yield running


def environment(registry: Registry, made: Program) -> Mapping[str, str]:
    return os.environ | {
        "REGISTRY": registry.address,
        "CLIENT_ID": made.client.client_id,
        "CLIENT_SECRET": made.secret,
    }


def start(registry: Registry, made: Program, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(EXAMPLES / "api_client.py"), str(folder)],
        env=environment(registry, made),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_python_client_fetches_an_export_and_goes_on_after_it_was_killed(
    world: World, registry: Registry, tmp_path: Path
) -> None:
    made = program(owner=world.asker, of=world.projects[SAFE_HARBOR])
    folder = tmp_path / "fetched"
    folder.mkdir()
    first = start(registry, made, folder)
    assert becomes(lambda: ExportJob.objects.exists(), 60)
    assert becomes(lambda: ExportJob.objects.get().state in ("review", "ready"), 60), registry.log(
        "worker"
    )
    job = ExportJob.objects.get()
    if job.state == ExportState.REVIEW:
        approve_export(actor=scope_of(world.approver), job_id=job.pk, reason="Read the report")
    out, problems = first.communicate(timeout=60)
    assert first.returncode == 0, problems
    files = {entry["name"]: entry for entry in ExportJob.objects.get().files}
    assert out == f"ready {len(files)} files\n"
    name = max(files, key=lambda one: files[one]["bytes"])
    for part in (0, files[name]["bytes"] // 2):
        # As a killed client leaves it: the first bytes of the file.
        with (folder / name).open("r+b") as file:
            file.truncate(part)
        again = start(registry, made, folder)
        again.communicate(timeout=60)
        assert again.returncode == 0
        for entry in files.values():
            content = (folder / entry["name"]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == entry["sha256"]
    assert ExportJob.objects.count() == 1
    manifest = json.loads((folder / "manifest.json").read_text())
    assert {entry["name"] for entry in manifest["files"]} <= set(files)
    for member in ("web", "worker"):
        assert made.secret not in registry.log(member)


if (
    shutil.which("Rscript")
    and not subprocess.run(
        ["Rscript", "-e", "; ".join(f"library({name})" for name in R_NEEDS)], check=False
    ).returncode
):

    def test_r_script_prints_the_median(world: World, registry: Registry) -> None:
        made = program(owner=world.asker, of=world.projects[SAFE_HARBOR])
        done = subprocess.run(
            ["Rscript", str(EXAMPLES / "survival.R")],
            env=environment(registry, made),
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        assert "estimate" in done.stdout
