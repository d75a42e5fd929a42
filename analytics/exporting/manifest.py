"""The manifest of an export and its signature; and the check that a recipient runs.

The manifest is canonical JSON (RFC 8785) without any time, so that the same cut, recipe and code give
the same bytes. `manifest.sig` is its Ed25519 signature (RFC 8032) in base64.
"""

from __future__ import annotations

import base64
import binascii
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)
from django.conf import settings

from analytics.exporting.codebook import codebook, codebook_hash
from analytics.exporting.store import sha256_of
from analytics.models import ExportJob

MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "manifest.sig"
KIND: Final = "hd-il2-export/1"
# What decides about bytes, besides the code of the registry.
LIBRARIES: Final = ("pyarrow", "pyreadstat", "pandas", "xlsxwriter", "rfc8785")
VERIFY: Final = "manage.py export verify FOLDER --key export-key.pem"


def manifest(job: ExportJob, files: list[dict[str, Any]], risk: dict[str, Any]) -> bytes:
    """The manifest of an export, in canonical JSON."""
    cut = job.cut
    return rfc8785.dumps(
        {
            "kind": KIND,
            "project": str(job.project.public_id),
            "profile": job.profile,
            "cut": {
                "id": str(cut.public_id),
                "content_sha256": cut.content_hash,
                "seal": cut.seal,
                "seal_hash": cut.seal_hash,
                "rule_set": cut.rule_set,
            },
            "recipe": job.recipe,
            "recipe_sha256": job.recipe_hash,
            "code_version": settings.VERSION,
            "libraries": {name: version(name) for name in LIBRARIES},
            "records": risk["records"],
            "files": files,
            "codebook_sha256": codebook_hash(job.profile),
            "risk": risk,
            "limits": codebook(job.profile)["limits"],
            "verify": VERIFY,
        }
    )


def _key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(settings.REGISTRY_EXPORT_KEY)


def sign(content: bytes) -> bytes:
    """The signature in base64, ended by a line feed."""
    return base64.b64encode(_key().sign(content)) + b"\n"


def public_key_pem() -> str:
    """The public key, as recipients keep it."""
    public = _key().public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def problems(folder: Path, key_pem: bytes | None = None) -> list[str]:
    """What is wrong with a folder of fetched files: nothing, or sentences. Without a key, this registry's.

    Files of the export that are not in the folder are no problem, but one at least must be.
    """
    try:
        content = (folder / MANIFEST).read_bytes()
        signature = base64.b64decode((folder / SIGNATURE).read_bytes().strip(), validate=True)
    except FileNotFoundError as error:
        return [f"{Path(error.filename).name} is missing: fetch it into the same folder."]
    except (binascii.Error, ValueError):
        return [f"{SIGNATURE} is damaged: fetch it again."]
    key = load_pem_public_key(key_pem) if key_pem else _key().public_key()
    if not isinstance(key, Ed25519PublicKey):
        return ["The key is no Ed25519 public key."]
    try:
        key.verify(signature, content)
    except InvalidSignature:
        return [f"{MANIFEST} was changed, or another key signed it."]
    return _file_problems(folder, json.loads(content)["files"])


def _file_problems(folder: Path, listed: list[dict[str, Any]]) -> list[str]:
    found = []
    seen = 0
    for entry in listed:
        path = folder / Path(entry["name"]).name
        if not path.is_file():
            continue
        seen += 1
        if sha256_of(path) != entry["sha256"]:
            found.append(f"{path.name} is not the file that was released: fetch it again.")
    if not seen:
        found.append("None of the export's files is in the folder.")
    return found
