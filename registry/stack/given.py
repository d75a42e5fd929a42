"""What a process was given: a variable, or the file that its NAME_FILE names, as containers hold secrets."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from registry.stack.paths import StackError

FILE = "_FILE"


def value(name: str, given: Mapping[str, str] = os.environ) -> str:
    """The variable, or what its file holds without blanks around it; empty when neither says anything.

    Raises StackError when both are set or the file cannot be read; the message repeats neither.
    """
    plain, path = given.get(name, ""), given.get(name + FILE, "")
    if not path:
        return plain
    if plain:
        raise StackError(f"{name} and {name}{FILE} are both set: leave one of them out.")
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise StackError(
            f"{name}{FILE} must name a text file that this process may read ({type(error).__name__})."
        ) from None


def with_password(url: str, password: str) -> str:
    """The address with this password, where it names a host or a login and has no password of its own."""
    parts = urlsplit(url)
    login, _, place = parts.netloc.rpartition("@")
    if not password or not parts.netloc or ":" in login:
        return url
    return urlunsplit(parts._replace(netloc=f"{login}:{quote(password, safe='')}@{place}"))
