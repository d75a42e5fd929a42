"""The page of all variables: kinds and defaults from the settings, meanings from .env.example.

Read from the source itself, so that a variable that is added stands on the page or fails its test.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.conf import settings

_HEAD: Final = """\
# Configuration

Written by `manage.py configuration` from `registry/settings.py` (kinds, defaults) and `.env.example`
(meanings); a test fails while this page differs. A value of the wrong kind stops every process at
its start with the name of the variable. "Needed" have no default. `docker compose` takes them from
`.env`, and secrets from the files of the folder `secrets` (docs/administration.md); without Docker they
are environment variables of each process. A text or a key may also stand in a file: instead of `NAME`
set `NAME_FILE` to its path; an empty file is as good as none.
"""
_KINDS: Final = {
    "text": "text",
    "boolean": "1 or 0",
    "integer": "whole number",
    "names": "names with commas between them",
    "hours": "hours, such as 06-22",
    "key_bytes": "32 bytes in base64",
    "cutoff": "YYYY-MM-DD or today",
    "database": "postgresql:// address",
    "broker": "redis:// address",
    "roles": "roles with commas between them",
    "choice": "one of a few words",
}
NEEDED: Final = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "REGISTRY_IDENTIFIER_KEY")
_SECTION: Final = re.compile(r"# --- (.+?) -+")
_VARIABLE: Final = re.compile(r"(# ?)?([A-Z][A-Z0-9_]+)=(.*)")


@dataclass(frozen=True, slots=True)
class Read:
    """How the settings read a variable. `default` is Python source; empty: it must be set."""

    kind: str
    default: str


@dataclass(frozen=True, slots=True)
class Explained:
    """What .env.example says of a variable, and under which heading."""

    name: str
    section: str
    meaning: str


def variables_read(source: str) -> dict[str, Read]:
    """Calls of `env.*` with a fixed name in the text of the settings; the first one counts."""
    found: dict[str, Read] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and (kind := _reader(node)):
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                known = found.get(first.value)
                # A second look at a variable asks whether it is set; the typed one says its kind.
                if known is None or known.kind == "text":
                    found[first.value] = Read(kind, _default(node, kind, known))
    return found


def variables_explained(text: str) -> Iterator[Explained]:
    """Variables of .env.example in its order; comments above a variable belong to it."""
    section = ""
    words: list[str] = []
    for line in text.splitlines():
        if heading := _SECTION.fullmatch(line):
            section, words = heading[1], []
        elif variable := _VARIABLE.fullmatch(line):
            yield Explained(variable[2], section, " ".join(words) or "as above")
            words = []
        elif line.startswith("#"):
            words.append(line.removeprefix("#").strip())
        else:
            words = []


def configuration() -> str:
    """The whole page, Markdown."""
    base = Path(settings.BASE_DIR)
    read = variables_read((base / "registry" / "settings.py").read_text(encoding="utf-8"))
    compose = (base / "docker-compose.yml").read_text(encoding="utf-8")
    page, section = [_HEAD], ""
    for one in variables_explained((base / ".env.example").read_text(encoding="utf-8")):
        if one.section != section:
            section = one.section
            page.append(f"\n## {section[:1].upper()}{section[1:]}\n")
            page.append("| variable | kind | default | meaning |\n|---|---|---|---|\n")
        known = read.get(one.name)
        kind = _KINDS[known.kind] if known else "text"
        default = f"`{known.default}`" if known and known.default else ""
        if not default and (one.name in NEEDED or f"${{{one.name}:?" in compose):
            default = "needed"
        page.append(f"| `{one.name}` | {kind} | {default} | {one.meaning.replace('|', '/')} |\n")
    return "".join(page)


def _reader(node: ast.Call) -> str:
    """The reader of registry.env that is called, if it is one."""
    made = node.func
    is_env = isinstance(made, ast.Attribute) and isinstance(made.value, ast.Name)
    if not (is_env and isinstance(made, ast.Attribute) and node.args):
        return ""
    return made.attr if ast.unparse(made.value) == "env" and made.attr in _KINDS else ""


def _default(node: ast.Call, kind: str, known: Read | None) -> str:
    """As a deployment has it: of `demo if DEMO else other` the other."""
    given = node.args[2 if kind in ("choice", "broker") else 1 :]
    if not given:
        return known.default if known else ""
    value = given[0].orelse if isinstance(given[0], ast.IfExp) else given[0]
    if isinstance(value, ast.Constant):
        return str(int(value.value) if isinstance(value.value, bool) else value.value)
    return ast.unparse(value)
