"""Password hashing, Argon2id at t=2, 19 MiB; and a rule that Django has none for.

Django's own parameters (100 MiB) cost 0.6 s of a core a sign-in; these are the least that OWASP
asks for, and a burst of sign-ins cannot take the machine.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any, Final

from django.contrib.auth.hashers import Argon2PasswordHasher
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

# What whoever guesses tries first: words of this registry, without spaces and signs.
CONTEXT: Final = (
    "aldesleukin",
    "cancer",
    "carcinoma",
    "highdose",
    "hospital",
    "il2",
    "interleukin",
    "interleukin2",
    "kidney",
    "melanoma",
    "oncology",
    "patient",
    "proleukin",
    "registry",
    "renal",
    "renalcell",
    "survival",
)
# Shorter parts of a name stand in too many words by chance.
SHORTEST_NAME: Final = 3
_NAMES: Final = ("username", "full_name", "email")


class Argon2Hasher(Argon2PasswordHasher):
    """Argon2id, time cost 2, 19 MiB of memory, one lane."""

    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1


class ContextValidator:
    """Refuses a password that is words of the registry and the person's own names, and little else.

    `least`: letters and digits that must be left without them. A password that holds none of them is
    not this rule's matter.
    """

    def __init__(self, least: int = 8) -> None:
        self.least = least

    def validate(self, password: str, user: Any = None) -> None:
        """Raises ValidationError."""
        words = sorted({*CONTEXT, *_names_of(user)}, key=len, reverse=True)
        left, found = re.subn("|".join(map(re.escape, words)), "", _plain(password))
        if found and len(left) < self.least:
            raise ValidationError(
                _(
                    "This password is little more than your name and words of this registry."
                    " Add other words."
                ),
                code="password_context",
            )

    def get_help_text(self) -> str:
        """As the page says it before anybody types."""
        return _("Your password should be more than your name and words of this registry.")


def _plain(text: str) -> str:
    """Letters and digits alone, in one case: IL-2, il_2 and Il 2 are the same word."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text).casefold())


def _names_of(user: Any) -> set[str]:
    """Parts of the account's user name, full name and address."""
    values = [str(getattr(user, name, "")) for name in _NAMES]
    parts = {_plain(part) for value in values for part in re.split(r"[\W_]+", value)}
    return {part for part in parts if len(part) >= SHORTEST_NAME}
