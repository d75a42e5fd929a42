"""The page of licences of what runs: the libraries of requirements.txt, as each says of itself."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path
from typing import Final

from django.conf import settings

_NAME: Final = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?==", re.MULTILINE)
_HEAD: Final = """\
# Licences

Written by `manage.py licences` from requirements.txt and what each installed library says of itself;
a test fails while this page differs, or when a licence is not on its list. The registry's own is
Apache-2.0. Versions and hashes: `make sbom` (CycloneDX). psycopg and jwcrypto are under the LGPL:
used unchanged, as libraries of their own, which it allows. Development tools are not part of it.

| library | licence |
|---|---|
"""
ELSEWHERE: Final = "not used on this platform"


def licences() -> dict[str, str]:
    """Licence by library; ELSEWHERE for those of other platforms."""
    text = (Path(settings.BASE_DIR) / "requirements.txt").read_text(encoding="utf-8")
    return {name: licence_of(name) for name in sorted(set(_NAME.findall(text)))}


def licence_of(name: str) -> str:
    """Its SPDX expression, else its classifiers, else the first line of its text."""
    try:
        said = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return ELSEWHERE
    if expressions := said.get_all("License-Expression"):
        return str(expressions[0])
    kinds = [
        line.split("::")[-1].strip()
        for line in said.get_all("Classifier") or []
        if line.startswith("License ::")
    ]
    return "; ".join(kinds) or str((said.get_all("License") or [""])[0]).split("\n")[0]


def licence_page() -> str:
    """The whole page, Markdown."""
    rows = (f"| {name} | {licence} |\n" for name, licence in licences().items())
    return _HEAD + "".join(rows)
