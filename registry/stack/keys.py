"""Secrets of the demo: made once, kept in the data folder, readable by its owner only."""

import base64
import os
import secrets
from pathlib import Path

from registry.stack.paths import Places, StackError

IDENTIFIER_KEY = "identifier-key"
SECRET_KEY = "secret-key"


def secret_environment(places: Places) -> dict[str, str]:
    """SECRET_KEY and REGISTRY_IDENTIFIER_KEY of this data folder, made on first use.

    The identifier key is 32 random bytes in base64; it seals the keys that seal direct identifiers.
    Raises StackError when it is gone while the data sealed with it is there.
    """
    identifier_file = places.data / IDENTIFIER_KEY
    if places.servers.exists() and not identifier_file.exists():
        raise StackError(
            f"{identifier_file} is missing, and the identifiers in this database cannot be read without it. "
            "Bring it back from your backup, or remove the data folder to start afresh."
        )
    return {
        "SECRET_KEY": _once(places.data / SECRET_KEY, secrets.token_urlsafe(50)),
        "REGISTRY_IDENTIFIER_KEY": _once(
            identifier_file, base64.b64encode(secrets.token_bytes(32)).decode()
        ),
    }


def _once(path: Path, value: str) -> str:
    """The content of `path`; `value` becomes it when there is none. Safe against two starts at once."""
    if not path.exists():
        unfinished = path.with_name(f".{path.name}-{secrets.token_hex(6)}")
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(value)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(unfinished, path)
        except FileExistsError:
            pass  # the other start's value holds
        finally:
            unfinished.unlink()
    if path.stat().st_mode & 0o077:
        raise StackError(f"{path} holds a secret and others may read it. Run: chmod 600 '{path}'")
    return path.read_text().strip()
