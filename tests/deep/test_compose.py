"""The commands, environments and health checks of docker-compose.yml as plain processes.

There is no container engine here: what Docker itself does (networks, volumes, capabilities) is not
tried; that every process starts as the file says, becomes healthy by the file's own check, finds
the others and ends in its time is.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

import psycopg
import pytest
import yaml
from django.conf import settings
from psycopg import sql

from registry.stack import devstack, roles, valkey
from registry.stack.devstack import TestStack, start_test_stack
from tests.deployment import HOST, make_secrets
from tests.stack_support import becomes

BASE = Path(settings.BASE_DIR)
SERVICES: dict[str, Any] = yaml.safe_load((BASE / "docker-compose.yml").read_text())["services"]
VALKEY = valkey.program(None).parent
IMAGE = (BASE / "Dockerfile").read_text()
MOUNTED = "/run/secrets"
# What .env says.
ASKED = {"REGISTRY_HOST": HOST, "REGISTRY_CUTOFF": "2017-06-30"}
READY_COUNT = 'registry_request_seconds_count{method="GET",route="ready",status="200"}'
NAMES = re.compile(r"\$\{([A-Z_0-9]+)(?::([?-])([^}]*))?\}")


@dataclass(frozen=True)
class Deployment:
    """Servers that ask for passwords, ports of web and broker, and a folder in place of the volumes."""

    servers: TestStack
    port: int
    broker_port: int
    folder: Path
    secrets: Path

    def environment(self, service: str) -> dict[str, str]:
        """What compose gives the service, with the addresses of these servers."""
        found = {
            name: NAMES.sub(_value, str(value)).replace(MOUNTED, str(self.secrets))
            for name, value in SERVICES[service].get("environment", {}).items()
        }
        superuser = quote(str(self.servers.sockets), safe="")
        here = self.servers.environment | {
            "DATABASE_SUPERUSER_URL": f"postgresql://postgres@/postgres?host={superuser}",
            "REGISTRY_EXPORT_DIR": str(self.folder / "exports"),
            "REDIS_URL": f"redis://127.0.0.1:{self.broker_port}/0",
        }
        outer = {
            name: value for name, value in os.environ.items() if name not in devstack.VARIABLES
        }
        return {
            **{name: value for name, value in outer.items() if not name.startswith("DATABASE_")},
            **found,
            **{name: here[name] for name in found if name in here},
            "PATH": f"{Path(sys.executable).parent}:{VALKEY}:{os.environ['PATH']}",
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
            (MOUNTED, str(self.secrets)),
            ("dir /data", f"dir {self.folder}\nbind 127.0.0.1\nport {self.broker_port}"),
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

    def secret(self, name: str) -> str:
        """What its file holds."""
        return (self.secrets / name).read_text().strip()

    def get(self, path: str) -> str:
        """A page for operators."""
        request = Request(
            f"http://127.0.0.1:{self.port}{path}",
            headers={"Host": HOST, "Authorization": f"Bearer {self.secret('metrics-token')}"},
        )
        with urlopen(request, timeout=10) as answer:
            text: str = answer.read().decode()
        return text


def _value(match: re.Match[str]) -> str:
    """As compose fills a variable in: what is asked for must be there."""
    name, kind, text = match.groups()
    return ASKED[name] if kind == "?" else ASKED.get(name, text or "")


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    servers = start_test_stack()
    try:
        found = Deployment(servers, _free_port(), _free_port(), tmp_path, make_secrets(tmp_path))
        _ask_for_passwords(servers, found.secret("postgres-password"))
        yield found
    finally:
        servers.stop()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def _ask_for_passwords(servers: TestStack, password: str) -> None:
    """As in the image of PostgreSQL: nobody is let in without one."""
    with psycopg.connect(servers.superuser_dsn(), autocommit=True) as superuser:
        superuser.execute(sql.SQL("alter role postgres password {}").format(password))
        row = superuser.execute("show hba_file").fetchone()
        assert row
        Path(row[0]).write_text("local all all scram-sha-256\n")
        superuser.execute("select pg_reload_conf()")
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(servers.superuser_dsn())


def run(deployment: Deployment, service: str, command: list[str]) -> None:
    done = subprocess.run(
        command, cwd=BASE, env=deployment.environment(service), capture_output=True, text=True,
        check=False, timeout=180,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_services_start_become_healthy_find_each_other_and_stop(
    deployment: Deployment, tell: Callable[[str], None]
) -> None:
    began = time.monotonic()
    run(deployment, "migrate", deployment.command("migrate"))
    _logins_take_their_passwords_alone(deployment)
    run(deployment, "web", [sys.executable, "manage.py", "collectstatic", "--no-input", "-v0"])
    migrated = time.monotonic() - began
    with ExitStack() as stack:
        names = ("web", "worker", "beat", "operations")
        stack.enter_context(deployment.running("valkey"))
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
    tell(f"migrated in {migrated:.1f} s, all healthy {healthy:.1f} s later, stopped in {took} s")


def _logins_take_their_passwords_alone(deployment: Deployment) -> None:
    """Who has one signs in with it, and nobody with another."""
    folder = str(deployment.servers.sockets)
    for role, variable in roles.LOGINS.items():
        secret = deployment.secret(variable.removeprefix("REGISTRY_").replace("_", "-").lower())
        for password in {secret, "another"} - {""}:
            login = {"host": folder, "user": role, "dbname": roles.DATABASE, "password": password}
            if password == secret:
                psycopg.connect(**login).close()
                continue
            with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
                psycopg.connect(**login)


def test_broker_without_a_password_does_not_start(deployment: Deployment) -> None:
    (deployment.secrets / "valkey-password").unlink()
    (deployment.secrets / "valkey-password").touch()
    with deployment.running("valkey") as process:
        assert process.wait(30) != 0
    assert "requirepass" in deployment.log("valkey")


def test_service_without_its_key_does_not_start(deployment: Deployment) -> None:
    (deployment.secrets / "identifier-key").unlink()
    (deployment.secrets / "identifier-key").write_text("short\n")
    environment = deployment.environment("web")
    done = subprocess.run(
        deployment.command("web"), cwd=BASE, env=environment, capture_output=True, text=True,
        check=False, timeout=180,
    )  # fmt: skip
    assert done.returncode == 78
    assert "REGISTRY_IDENTIFIER_KEY must be 32 random bytes" in done.stderr
