"""Where files of exports lie: by the SHA-256 of their content, below REGISTRY_EXPORT_DIR.

A file appears whole or not at all: it is written in a folder of work, synced, then renamed.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from django.conf import settings

_SHA: Final = re.compile(r"[0-9a-f]{64}")
_BLOCK: Final = 1 << 20


def root() -> Path:
    """The folder of the store, readable by its owner alone."""
    folder = Path(settings.REGISTRY_EXPORT_DIR)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def place(sha256: str) -> Path:
    """Where content of this hash lies, or would. Raises ValueError for what is no hash."""
    if not _SHA.fullmatch(sha256):
        raise ValueError("This is no SHA-256.")
    return root() / "objects" / sha256[:2] / sha256


def sha256_of(path: Path) -> str:
    """The hash of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def workplace(name: str) -> Iterator[Path]:
    """A folder to build in, gone afterwards; what a killed build left of the same name goes first."""
    parent = root() / "work"
    parent.mkdir(mode=0o700, exist_ok=True)
    for left in parent.glob(f"{name}-*"):
        shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def keep(path: Path) -> str:
    """Move a finished file into the store and answer its hash; the same content is kept once."""
    sha256 = sha256_of(path)
    target = place(sha256)
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("rb") as file:
        os.fsync(file.fileno())
    path.chmod(0o400)
    path.replace(target)
    _sync(target.parent)
    return sha256


def remove_all_but(kept: Collection[str]) -> int:
    """Remove every file whose hash is not among `kept`; how many. The caller holds the store's lock."""
    removed = 0
    for found in (root() / "objects").glob("*/*"):
        if found.name not in kept:
            found.unlink(missing_ok=True)
            removed += 1
    return removed


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
