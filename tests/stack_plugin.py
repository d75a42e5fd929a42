"""Real servers for the tests: one PostgreSQL cluster and one Valkey a run, one database a worker.

Loaded with `-p` before pytest-django reads settings, so that everything runs against addresses
known from the start. The controller migrates a template once; every process clones it.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
from urllib.parse import urlsplit, urlunsplit

import psycopg

from registry.stack import roles
from registry.stack.devstack import start_test_stack

TEMPLATE = "registry"
URLS = tuple(roles.URLS)


def worker_number() -> int:
    """0 without xdist, else 1 for gw0 and so on."""
    name = os.environ.get("PYTEST_XDIST_WORKER", "")
    return int(name.removeprefix("gw")) + 1 if name else 0


def start() -> None:
    """In the controller: start the servers and migrate the template database."""
    stack = start_test_stack()
    atexit.register(stack.stop)
    os.environ.update(stack.environment)
    os.environ["TEST_SUPERUSER_DSN"] = stack.superuser_dsn()
    os.environ["REGISTRY_CUTOFF"] = "2017-06-30"
    subprocess.run(
        [sys.executable, "-m", "django", "migrate", "--database", "owner", "--skip-checks", "-v0"],
        check=True,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "registry.settings"},
    )


def clone() -> None:
    """In every process that runs tests: a database and a broker number of its own."""
    number = worker_number()
    name = f"registry_test_{number}"
    with psycopg.connect(os.environ["TEST_SUPERUSER_DSN"], autocommit=True) as connection:
        connection.execute(f"create database {name} template {TEMPLATE} owner registry_owner")
    for url in URLS:
        parts = urlsplit(os.environ[url])
        os.environ[url] = urlunsplit(parts._replace(path=f"/{name}"))
    os.environ["TEST_SUPERUSER_DSN"] = os.environ["TEST_SUPERUSER_DSN"].replace(
        "dbname=postgres", f"dbname={name}"
    )
    broker = os.environ["REDIS_URL"]
    os.environ["REDIS_URL"] = broker.replace("virtual_host=0", f"virtual_host={number}")


# Libraries of the checks bring parsers along that openpyxl would take and production has not.
os.environ["OPENPYXL_LXML"] = os.environ["OPENPYXL_DEFUSEDXML"] = "False"
if "TEST_SUPERUSER_DSN" not in os.environ:
    start()


def _runs_tests() -> bool:
    return bool(os.environ.get("PYTEST_XDIST_WORKER")) or not any(
        a.startswith(("-n", "--numprocesses")) and a not in ("-n0", "-n=0") for a in sys.argv
    )


if _runs_tests():
    clone()
