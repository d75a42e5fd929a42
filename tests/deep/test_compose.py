"""The commands, environments and health checks of docker-compose.yml as plain processes.

There is no container engine here: what Docker itself does (networks, volumes, capabilities) is not
tried; that every process starts as the file says, becomes healthy by the file's own check, finds
the others and ends in its time is.
"""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest
import yaml
from django.conf import settings

from registry.stack import devstack
from registry.stack.devstack import TestStack, start_test_stack
from tests.stack_support import becomes

BASE = Path(settings.BASE_DIR)
SERVICES: dict[str, Any] = yaml.safe_load((BASE / "docker-compose.yml").read_text())["services"]
IMAGE = (BASE / "Dockerfile").read_text()
TOKEN = secrets.token_urlsafe(32)
HOST = "registry.example.org"
# Made once: all processes of one deployment share them.
ASKED = {
    "REGISTRY_HOST": HOST,
    "SECRET_KEY": secrets.token_urlsafe(50),
    "REGISTRY_IDENTIFIER_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
    "REGISTRY_METRICS_TOKEN": TOKEN,
    "REGISTRY_CUTOFF": "2017-06-30",
}
READY_COUNT = 'registry_request_seconds_count{method="GET",route="ready",status="200"}'
NAMES = re.compile(r"\$\{([A-Z_0-9]+)(?::([?-])([^}]*))?\}")


@dataclass(frozen=True)
class Deployment:
    """Servers, a port, and a folder in place of the volumes."""

    servers: TestStack
    port: int
    folder: Path

    def environment(self, service: str) -> dict[str, str]:
        """What compose gives the service, with the addresses of these servers."""
        found = {
            name: NAMES.sub(_value, str(value))
            for name, value in SERVICES[service]["environment"].items()
        }
        superuser = quote(str(self.servers.sockets), safe="")
        here = self.servers.environment | {
            "DATABASE_SUPERUSER_URL": f"postgresql://postgres@/postgres?host={superuser}",
            "REGISTRY_EXPORT_DIR": str(self.folder / "exports"),
        }
        outer = {
            name: value for name, value in os.environ.items() if name not in devstack.VARIABLES
        }
        return {
            **{name: value for name, value in outer.items() if not name.startswith("DATABASE_")},
            **found,
            **{name: here[name] for name in found if name in here},
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "DJANGO_SETTINGS_MODULE": "registry.settings",
            "STATIC_ROOT": str(self.folder / "static"),
            "TMPDIR": str(self.folder),
        }

    def here(self, word: str) -> str:
        """A word of a command, with the ports and folders of this machine."""
        for inside, outside in (
            ("0.0.0.0:8000", f"127.0.0.1:{self.port}"),
            ("127.0.0.1:8000", f"127.0.0.1:{self.port}"),
            ("/tmp", str(self.folder)),
            ("$$", "$"),
        ):
            word = word.replace(inside, outside)
        return sys.executable if word == "python" else word

    def command(self, service: str) -> list[str]:
        """Of the service, or of the image."""
        of_image = re.search(r"^CMD (\[.*?\])", IMAGE, re.DOTALL | re.MULTILINE)
        assert of_image
        words = SERVICES[service].get("command") or json.loads(of_image[1].replace("\\\n", ""))
        return [self.here(word) for word in words]

    def is_healthy(self, service: str) -> bool:
        """By the service's own check."""
        kind, *words = SERVICES[service]["healthcheck"]["test"]
        words = [self.here(word) for word in words]
        done = subprocess.run(
            ["sh", "-c", *words] if kind == "CMD-SHELL" else words,
            cwd=BASE,
            env=self.environment(service),
            capture_output=True,
            check=False,
            timeout=180,
        )
        return done.returncode == 0

    @contextmanager
    def running(self, service: str) -> Iterator[subprocess.Popen[bytes]]:
        """The process of a service, killed at the end if it still runs."""
        with (self.folder / f"{service}.log").open("wb") as log:
            process = subprocess.Popen(
                self.command(service),
                cwd=BASE,
                env=self.environment(service),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, 9)
            process.wait()

    def log(self, service: str) -> str:
        """What it said."""
        return (self.folder / f"{service}.log").read_text(errors="replace")

    def ready(self) -> dict[str, Any]:
        """/ready as an operator sees it."""
        found: dict[str, Any] = json.loads(self.get("/ready"))
        return found

    def get(self, path: str) -> str:
        """A page for operators."""
        request = Request(
            f"http://127.0.0.1:{self.port}{path}",
            headers={"Host": HOST, "Authorization": f"Bearer {TOKEN}"},
        )
        with urlopen(request, timeout=10) as answer:
            text: str = answer.read().decode()
        return text


def _value(match: re.Match[str]) -> str:
    """As compose fills a variable in: what is asked for must be there."""
    name, kind, text = match.groups()
    if kind == "?" and name not in ASKED:
        assert name.endswith("PASSWORD"), f"name a value for {name}"
        return ASKED.setdefault(name, secrets.token_hex(24))
    return ASKED.get(name, text or "")


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    servers = start_test_stack()
    try:
        yield Deployment(servers, port, tmp_path)
    finally:
        servers.stop()


def run(deployment: Deployment, service: str, command: list[str]) -> None:
    done = subprocess.run(
        command, cwd=BASE, env=deployment.environment(service), capture_output=True, text=True,
        check=False, timeout=180,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_services_start_become_healthy_find_each_other_and_stop(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    run(deployment, "migrate", deployment.command("migrate"))
    run(deployment, "web", [sys.executable, "manage.py", "collectstatic", "--no-input", "-v0"])
    migrated = time.monotonic() - began
    with ExitStack() as stack:
        names = ("web", "worker", "beat", "operations")
        processes = {name: stack.enter_context(deployment.running(name)) for name in names}
        for name in names:
            assert becomes(lambda name=name: deployment.is_healthy(name), 90), deployment.log(name)
        assert becomes(lambda: deployment.ready()["status"] == "ok", 30), deployment.ready()
        healthy = time.monotonic() - began - migrated
        assert '"logger": "registry.requests"' in deployment.log("web")  # JSON, with its route
        counted = [deployment.get("/metrics").split(READY_COUNT)[1].split()[0] for _ in range(8)]
        assert len(set(counted)) == 1  # of both web processes, whichever is asked
        assert float(counted[0]) >= 2
        took = {}
        for name in reversed(names):
            process, started = processes[name], time.monotonic()
            process.terminate()
            grace = {"40s": 40, "2m": 120}.get(SERVICES[name].get("stop_grace_period"), 10)
            assert process.wait(grace) == 0, deployment.log(name)
            took[name] = round(time.monotonic() - started, 1)
    with capsys.disabled():
        print(  # noqa: T201 - figures of the run
            f"\nmigrated in {migrated:.1f} s, all healthy {healthy:.1f} s later, stopped in {took} s"
        )


def test_service_without_its_key_does_not_start(deployment: Deployment) -> None:
    environment = deployment.environment("web") | {"REGISTRY_IDENTIFIER_KEY": "short"}
    done = subprocess.run(
        deployment.command("web"), cwd=BASE, env=environment, capture_output=True, text=True,
        check=False, timeout=180,
    )  # fmt: skip
    assert done.returncode == 78
    assert "REGISTRY_IDENTIFIER_KEY must be 32 random bytes" in done.stderr
