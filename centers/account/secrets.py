"""Secrets of second factors at rest: AES-256-GCM under REGISTRY_FACTOR_KEY."""

from __future__ import annotations

import base64
import os
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

NONCE_BYTES: Final = 12
PURPOSE: Final = b"secret of a second factor"


def seal(text: str) -> str:
    """The text as stored."""
    nonce = os.urandom(NONCE_BYTES)
    sealed = AESGCM(settings.REGISTRY_FACTOR_KEY).encrypt(nonce, text.encode(), PURPOSE)
    return base64.b64encode(nonce + sealed).decode()


def unseal(stored: str) -> str:
    """The text again. Raises cryptography's InvalidTag: another key, or the row was changed."""
    raw = base64.b64decode(stored)
    key = AESGCM(settings.REGISTRY_FACTOR_KEY)
    return key.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], PURPOSE).decode()
