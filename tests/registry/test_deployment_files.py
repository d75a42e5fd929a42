"""Files of a deployment say what the program does: variables, services, images, units."""

from __future__ import annotations

import base64
import re
import shutil
import stat
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.core.management import CommandError, call_command

from registry.configuration import variables_explained, variables_read
from registry.licences import ELSEWHERE, licences
from registry.stack.given import FILE
from tests.deployment import make_secrets

BASE = Path(settings.BASE_DIR)
COMPOSE = (BASE / "docker-compose.yml").read_text(encoding="utf-8")
DOCKERFILE = (BASE / "Dockerfile").read_text(encoding="utf-8")
EXPLAINED = {
    one.name: one
    for one in variables_explained((BASE / ".env.example").read_text(encoding="utf-8"))
}
READ = variables_read((BASE / "registry" / "settings.py").read_text(encoding="utf-8"))
UNITS = sorted((BASE / "docs" / "systemd").glob("registry-*"))
APP = ("migrate", "web", "worker", "beat", "operations")
SECRET = re.compile(r"PASSWORD|SECRET|_KEY$|_KEY_|TOKEN")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(COMPOSE)
    return found


def test_every_variable_of_the_settings_is_explained_and_the_page_is_current(
    tmp_path: Path,
) -> None:
    assert set(READ) - set(EXPLAINED) == set()
    assert [one.name for one in EXPLAINED.values() if len(one.meaning) < 5] == []
    call_command("configuration", "--check", stdout=StringIO())
    with pytest.raises(CommandError, match="out of date"):
        call_command("configuration", "--check", "--file", str(tmp_path / "page.md"))


def test_compose_reaches_every_setting(compose: dict[str, Any]) -> None:
    used = set(re.findall(r"\$\{([A-Z_0-9]+)", COMPOSE))
    assert used - set(EXPLAINED) == set()
    given = {
        name.removesuffix(FILE)
        for service in compose["services"].values()
        for name in service.get("environment", {})
    }
    not_for_docker = {"REGISTRY_DEMO", "REGISTRY_DATA_DIR", "STATIC_ROOT", "REGISTRY_PG_PROGRAMS"}
    assert set(READ) - given == not_for_docker


@pytest.mark.requirement("P8")
def test_secrets_of_compose_are_files_that_the_services_mount(compose: dict[str, Any]) -> None:
    assert [name for name in re.findall(r"\$\{([A-Z_0-9]+)", COMPOSE) if SECRET.search(name)] == []
    explained = {name for name in EXPLAINED if SECRET.search(name)}
    named = set()
    for name, service in compose["services"].items():
        environment = service.get("environment", {})
        assert [n for n in environment if SECRET.search(n) and not n.endswith(FILE)] == [], name
        files = {n: str(path) for n, path in environment.items() if n.endswith(FILE)}
        mounted = {f"/run/secrets/{secret}" for secret in service.get("secrets", ())}
        assert set(files.values()) == mounted or name == "valkey", name
        assert all(path in str(service) for path in mounted), name
        named |= {n.removesuffix(FILE) for n in files}
    assert named == explained
    assert compose["secrets"] == {
        Path(path).name: {"file": f"./secrets/{Path(path).name}"}
        for path in re.findall(r"/run/secrets/[a-z-]+", COMPOSE)
    }


def test_lines_of_the_guide_make_the_secrets_and_keep_what_is_there(
    tmp_path: Path, compose: dict[str, Any]
) -> None:
    made, again = (
        {path.name: path.read_text(encoding="utf-8") for path in make_secrets(tmp_path).iterdir()}
        for _ in range(2)
    )
    assert made == again
    assert set(made) == set(compose["secrets"])
    found = [text.strip() for text in made.values() if text]
    assert len(set(found)) == len(found) == 12
    assert all(len(base64.b64decode(text, validate=True)) == 32 for text in found)
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700


def test_compose_keeps_to_the_specification(tmp_path: Path) -> None:
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text(COMPOSE.replace("  healthcheck:", "  health_check:", 1), encoding="utf-8")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    found = [
        subprocess.run([*command, path], capture_output=True, text=True, check=False)
        for path in (BASE / "docker-compose.yml", wrong)
    ]
    assert found[0].returncode == 0, found[0].stdout
    assert found[1].returncode == 1
    assert "health_check" in found[1].stdout


def test_compose_is_sound(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for name, service in services.items():
        assert set(service["networks"]) <= set(compose["networks"]), name
        for other, how in service.get("depends_on", {}).items():
            assert how["condition"] != "service_healthy" or "healthcheck" in services[other]
        for volume in service.get("volumes", ()):
            assert volume.split(":")[0] in compose["volumes"], name
        if name != "migrate":
            check = service["healthcheck"]
            assert check["test"][0] in ("CMD", "CMD-SHELL"), name
            assert {"interval", "timeout", "retries"} <= set(check), name
            assert service["restart"] == "unless-stopped", name
        assert re.fullmatch(r"[a-z0-9/-]+(:[0-9.]+)?", service["image"]), name
    # Only the proxy is reached from outside; nothing else has a way out.
    assert [name for name, service in services.items() if "ports" in service] == ["proxy"]
    assert compose["networks"]["inside"] == {"internal": True}


def test_proxy_leaves_the_api_over_http_to_the_registry_which_refuses_it(
    compose: dict[str, Any],
) -> None:
    configuration = compose["services"]["proxy"]["command"][-1]
    plain = configuration.split("\nhttp://")[1]
    api, pages = re.findall(r"handle ?(\S*) {\n +(.*)\n", plain)
    assert api == ("/api/*", "reverse_proxy web:8000")
    assert pages == ("", "redir https://{host}{uri} 308")
    assert r"^api/" in settings.SECURE_REDIRECT_EXEMPT
    assert "registry.plain_http.PlainHttpMiddleware" in settings.MIDDLEWARE


def test_proxy_logs_no_address_and_no_header(compose: dict[str, Any]) -> None:
    """Where the registry is away it logs what it could not hand on: a one-time link, perhaps."""
    configuration = compose["services"]["proxy"]["command"][-1]
    [log] = re.findall(r"log {\s+format filter {.*?fields {(.*?)}", configuration, re.DOTALL)
    assert log.split() == ["request>uri", "delete", "request>headers", "delete"]


def test_app_containers_hold_no_more_than_they_need(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for name in APP:
        service = services[name]
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"]), name
        assert service["security_opt"] == ["no-new-privileges:true"], name
    holders = {
        url: [name for name in APP if url in services[name]["environment"]]
        for url in ("DATABASE_WORKER_URL", "DATABASE_OWNER_URL", "DATABASE_BACKUP_URL", "DATABASE_EXPORTER_URL")
    }  # fmt: skip
    assert holders == {
        "DATABASE_WORKER_URL": ["worker"],
        "DATABASE_OWNER_URL": ["migrate"],
        "DATABASE_BACKUP_URL": ["operations"],
        "DATABASE_EXPORTER_URL": ["worker"],
    }
    # Named volumes begin with the owner that the image gives their folder.
    made = re.search(r"install -d -o registry -m 0700 (.*)", DOCKERFILE)
    assert made
    mounted = {v.split(":")[1] for n in APP for v in services[n].get("volumes", ())}
    assert mounted == set(made[1].split())
    # What runs has none of what built it, and is nobody's administrator.
    built, run = DOCKERFILE.split("\nFROM ")[-2:]
    assert "COPY --from=build" in run
    assert "pip" in built
    assert "pip" not in run
    assert "USER registry" in run
    assert "--require-hashes" in DOCKERFILE


def test_units_are_sound_and_start_the_same_programs(
    tmp_path: Path, compose: dict[str, Any]
) -> None:
    assert [unit.name for unit in UNITS] == [
        "registry-beat.service", "registry-operations.service", "registry-web.service", "registry-worker.service",
    ]  # fmt: skip
    for unit in UNITS:
        text = unit.read_text(encoding="utf-8")
        assert "User=registry" in text
        for line in (
            "NoNewPrivileges=yes",
            "ProtectSystem=strict",
            "PrivateTmp=yes",
            "Restart=on-failure",
        ):
            assert line in text, unit.name
        started = re.search(r"ExecStart=\S+ -m registry\.stack\.checked (.*)", text)
        assert started, unit.name
        service = unit.stem.removeprefix("registry-")
        words = compose["services"][service].get(
            "command", ["", "", "registry.stack.checked", "gunicorn"]
        )
        assert started[1].split()[0].endswith(words[3]), unit.name
        here = text.replace("/srv/registry/.venv/bin/python", sys.executable)
        (tmp_path / unit.name).write_text(re.sub(r"=/srv/registry\b", f"={BASE}", here))
    if program := shutil.which("systemd-analyze"):
        done = subprocess.run(
            [program, "verify", "--recursive-errors=no", *map(str, sorted(tmp_path.iterdir()))],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")


# Words of licences under which libraries may be shipped with this program.
PERMITTED = re.compile(
    r"MIT(-0| License)?|0?BSD(-[23]-Clause| License| 3-Clause)?|Apache( Software License|-2\.0)"
    r"|Mozilla Public License 2\.0 \(MPL 2\.0\)|PSF-2\.0|Zlib|CC0-1\.0|LGPL-3\.0-(only|or-later)"
)


def test_licences_are_permitted_and_the_page_is_current() -> None:
    call_command("licences", "--check", stdout=StringIO())
    found = licences()
    assert len(found) > 50
    # qrcode names a patent notice beside its BSD licence.
    refused = {
        name: licence
        for name, licence in found.items()
        if licence not in (ELSEWHERE, "BSD License; Other/Proprietary License")
        and not all(PERMITTED.fullmatch(part) for part in re.split(r"; | AND | OR ", licence))
    }
    assert refused == {}
    assert not PERMITTED.fullmatch("GPL-3.0-only")


def test_whoever_names_a_test_names_one_that_there_is() -> None:
    """Pages that say which test holds what: file and function exist."""
    named = []
    for page in ("faults.md", "threat-model.md"):
        text = (BASE / "docs" / page).read_text(encoding="utf-8")
        named += re.findall(r"(tests/[\w/]+\.py)(?:::(\w+))?", text)
    assert len(named) > 30
    absent = [
        f"{file}::{test}"
        for file, test in named
        if not (BASE / file).is_file() or (test and f"def {test}(" not in (BASE / file).read_text())
    ]
    assert absent == []
