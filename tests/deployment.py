"""The environment of a proper deployment, on the servers of the tests."""

from __future__ import annotations

import base64
import os
import re
import secrets
import subprocess
from pathlib import Path

from django.conf import settings

from registry.stack import devstack

GUIDE = Path(settings.BASE_DIR) / "docs" / "administration.md"
HOST = "registry.example.org"


def deployment_environment(static: Path) -> dict[str, str]:
    """As docker-compose.yml sets it; the database has no row yet, so any key fits."""
    kept = {name: value for name, value in os.environ.items() if name not in devstack.VARIABLES}
    return kept | {
        "DATABASE_URL": os.environ["DATABASE_URL"],
        "DATABASE_WORKER_URL": os.environ["DATABASE_WORKER_URL"],
        "REDIS_URL": os.environ["REDIS_URL"],
        "SECRET_KEY": secrets.token_urlsafe(50),
        "REGISTRY_IDENTIFIER_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "ALLOWED_HOSTS": HOST,
        "CSRF_TRUSTED_ORIGINS": f"https://{HOST}",
        "BEHIND_TLS_PROXY": "1",
        "STATIC_ROOT": str(static),
        "DJANGO_SETTINGS_MODULE": "registry.settings",
    }


def make_secrets(folder: Path) -> Path:
    """The files of docker-compose.yml below a folder, made by the lines that the guide tells to type."""
    lines = re.search(
        r"^    install -d .*?^    chmod \d+ secrets/\*$", GUIDE.read_text(), re.M | re.S
    )
    assert lines
    subprocess.run(["sh", "-euc", lines[0]], cwd=folder, check=True)
    return folder / "secrets"
