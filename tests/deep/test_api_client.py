"""The documented clients against the registry's real processes; a download that was killed goes on.

The R script is run where R with its packages is installed; elsewhere there is no test of it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
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


def start(
    registry: Registry, made: Program, folder: Path, address: str = ""
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(EXAMPLES / "api_client.py"), str(folder)],
        env={**environment(registry, made), **({"REGISTRY": address} if address else {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextlib.contextmanager
def killed_at_the_end(process: subprocess.Popen[str]) -> Iterator[None]:
    """Whatever becomes of the test, the process and its pipes are gone."""
    try:
        yield
    finally:
        process.kill()
        process.communicate()


def size(path: Path) -> int:
    """Bytes of a file; 0 while there is none."""
    return path.stat().st_size if path.exists() else 0


class Stalling:
    """A line to the registry that stops in the middle of one file, for as long as its client waits."""

    def __init__(self, registry: Registry, file: str, after: int) -> None:
        self.registry, self.file, self.after = registry, file.encode(), after
        self.stalled = threading.Event()
        self.listener = socket.create_server(("localhost", 0))
        self.address = f"http://localhost:{self.listener.getsockname()[1]}"

    def serve(self) -> None:
        """One connection after the other, as the documented client opens them."""
        with self.listener:
            while not self.stalled.is_set():
                client, _ = self.listener.accept()
                with client:
                    self._relay(client)

    @staticmethod
    def _read(client: socket.socket) -> bytes:
        """A request with its body, which comes in a packet of its own."""
        request = b""
        while b"\r\n\r\n" not in request:
            request += client.recv(1 << 16)
        head, _, body = request.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        while length and len(body) < int(length[1]):
            body += client.recv(1 << 16)
        return head + b"\r\n\r\n" + body

    def _relay(self, client: socket.socket) -> None:
        port = int(self.registry.address.rsplit(":", 1)[1])
        request = self._read(client)
        with socket.create_connection(("localhost", port)) as server:
            server.sendall(request)
            sent = 0
            while block := server.recv(1 << 12):
                client.sendall(block)
                sent += len(block)
                if self.file in request.split(b"\r\n", 1)[0] and sent > self.after:
                    self.stalled.set()
                    client.recv(1)  # until it is gone
                    return


def test_python_client_goes_on_after_it_was_killed_in_mid_download(
    world: World, registry: Registry, tmp_path: Path, superuser: psycopg.Connection
) -> None:
    made = program(owner=world.asker, of=world.projects[SAFE_HARBOR])
    folder = tmp_path / "fetched"
    folder.mkdir()
    name = "time_to_event.csv"
    # The client writes blocks of 65,536 bytes.
    line = Stalling(registry, name, after=70_000)
    serving = threading.Thread(target=line.serve)
    serving.start()
    with killed_at_the_end(start(registry, made, folder, line.address)):
        assert becomes(lambda: ExportJob.objects.exists(), 60)
        assert becomes(lambda: ExportJob.objects.get().state in ("review", "ready"), 60), (
            registry.log("worker")
        )
        job = ExportJob.objects.get()
        if job.state == ExportState.REVIEW:
            approve_export(actor=scope_of(world.approver), job_id=job.pk, reason="Read the report")
        assert line.stalled.wait(60)
        # What was sent is still on its way to the client, which makes the file.
        assert becomes(lambda: size(folder / name) > 0, 60)
    serving.join(10)
    files = {entry["name"]: entry for entry in ExportJob.objects.get().files}
    assert 0 < (part := size(folder / name)) < files[name]["bytes"]
    again = start(registry, made, folder)
    out, problems = again.communicate(timeout=60)
    assert (again.returncode, out) == (0, f"ready {len(files)} files\n"), problems
    for entry in files.values():
        content = (folder / entry["name"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"]
    assert ExportJob.objects.count() == 1
    # Each range is an event: the second begins where the first was broken off.
    firsts = superuser.execute(
        "select (after ->> 'first')::integer from audit.event where operation = 'download'"
        " and after ->> 'file' = %s order by id",
        [name],
    ).fetchall()
    assert firsts == [(0,), (part,)]
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
